import { assert, describe, it } from "@effect/vitest"
import type { ApprovalView } from "@fermata/core/RunView"
import type { Wait } from "@fermata/core/Wait"
import { fermata } from "../src/Invocation.ts"
import * as NextCommands from "../src/NextCommands.ts"

/** The commands without what stands in front of their words here. */
const nextCommands = (place: NextCommands.Place) =>
  NextCommands.nextCommands(place).map((command) => command.replace(`${fermata("")} `, ""))

const commands = (...waits: ReadonlyArray<Wait>) => nextCommands({ runId: "r1", workflow: "clerk", waits, as: "ada" })

describe("NextCommands", () => {
  it("answers an approval as somebody who may", () => {
    assert.deepStrictEqual(commands({ reason: "approval", key: "ok", who: ["boss", "it's me"] }), [
      "approve r1 --as boss",
      "deny r1 --as boss"
    ])
    assert.deepStrictEqual(commands({ reason: "approval", key: "ok", who: ["boss", "ada"] })[0], "approve r1")
  })

  it("S7: ends by a cancel what waits for ever, and resumes what an operator has paused", () => {
    assert.deepStrictEqual(commands({ reason: "operator", key: "never" }), ["runs cancel r1"])
    assert.deepStrictEqual(commands({ reason: "operator", key: "pause" }), ["runs resume r1"])
  })

  it("names the approval when several are open", () => {
    assert.deepStrictEqual(
      commands({ reason: "approval", key: "a", who: ["ada"] }, { reason: "approval", key: "b c", who: ["o'hara"] })
        .filter((_, index) => index % 2 === 0),
      ["approve r1/a", "approve 'r1/b c' --as 'o'\\''hara'"]
    )
  })

  it("asks only people whose answer still counts, and chooses where there are choices", () => {
    const question: ApprovalView = {
      key: "ok",
      prompt: "?",
      approvers: ["ann", "bob", "cy"],
      choices: ["card", "cash"],
      quorum: 2,
      editable: false,
      onTimeout: "deny",
      requestedAt: 0,
      status: "open",
      requester: "bob",
      answers: [{ id: "1", decision: "approve", by: "ann", at: 1, choice: "card" }]
    }
    const waits: ReadonlyArray<Wait> = [{ reason: "approval", key: "ok", who: ["ann", "bob", "cy"] }]
    assert.deepStrictEqual(nextCommands({ runId: "r1", workflow: "clerk", waits, as: "ann", approvals: [question] }), [
      "approve r1 --as cy --choice card",
      "deny r1 --as cy"
    ])
  })

  it("S16: names the arguments, once somebody has edited them", () => {
    const question: ApprovalView = {
      key: "ok",
      prompt: "?",
      approvers: ["ann", "bob", "cy"],
      choices: [],
      quorum: 2,
      editable: true,
      args: 1,
      hash: "1111111111111111",
      onTimeout: "deny",
      requestedAt: 0,
      status: "open",
      answers: [{ id: "1", decision: "approve", by: "ann", at: 1, edit: 2, hash: "2222222222222222" }]
    }
    const waits: ReadonlyArray<Wait> = [{ reason: "approval", key: "ok" }]
    assert.deepStrictEqual(nextCommands({ runId: "r1", workflow: "clerk", waits, as: "cy", approvals: [question] }), [
      "approve r1 --hash 222222222222",
      "deny r1 --hash 222222222222"
    ])
  })

  it("sends signals, and events to runs of contracts, with what they take", () => {
    const waits: ReadonlyArray<Wait> = [{ reason: "signal", key: "paid" }, { reason: "signal", key: "go" }, {
      reason: "signal",
      key: "event:parcel.arrived"
    }, { reason: "signal", key: "event:odd" }]
    const samples: NextCommands.Samples = new Map([
      ["paid", { _tag: "Json", value: { note: "it's" } }],
      ["go", { _tag: "Json", value: null }],
      ["event:parcel.arrived", { _tag: "Json", value: { id: "p 1" } }],
      ["event:odd", { _tag: "Words", text: "an event for which this holds: $f(event)" }]
    ])
    assert.deepStrictEqual(nextCommands({ runId: "r1", workflow: "clerk", waits, as: "ada", samples }), [
      "signal r1 paid --data '{\"note\":\"it'\\''s\"}'",
      "signal r1 go",
      "emit parcel.arrived --data '{\"id\":\"p 1\"}'",
      "# an event for which this holds: $f(event)"
    ])
    assert.deepStrictEqual(nextCommands({ runId: "r1", workflow: "clerk", waits: waits.slice(0, 1), as: "ada" }), [
      "# with what the signal carries: signal r1 paid --data J"
    ])
  })

  it("settles what is unknown, resumes what was held, and leaves alone what ends by itself", () => {
    assert.lengthOf(commands({ reason: "outcome-unknown", key: "charge" }), 3)
    assert.deepStrictEqual(commands({ reason: "recovery", key: "run" }), ["runs resume r1"])
    assert.deepStrictEqual(commands({ reason: "timer", key: "timer 0", until: 5 }), [])
  })
})
