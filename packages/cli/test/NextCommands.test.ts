import type { Wait } from "@fermata/core/RunStatus"
import { assert, describe, it } from "@effect/vitest"
import { nextCommands } from "../src/NextCommands.ts"

const commands = (...waits: ReadonlyArray<Wait>) => nextCommands({ runId: "r1", waits, as: "ada" })

describe("NextCommands", () => {
  it("answers an approval as somebody who may", () => {
    assert.deepStrictEqual(commands({ reason: "approval", key: "ok", who: ["boss", "it's me"] }), [
      "approve r1 --as boss",
      "deny r1 --as boss"
    ])
    assert.deepStrictEqual(commands({ reason: "approval", key: "ok", who: ["boss", "ada"] })[0], "approve r1")
  })

  it("names the approval when several are open", () => {
    assert.deepStrictEqual(
      commands({ reason: "approval", key: "a", who: ["ada"] }, { reason: "approval", key: "b c", who: ["o'hara"] }).filter((_, index) => index % 2 === 0),
      ["approve r1/a", "approve 'r1/b c' --as 'o'\\''hara'"]
    )
  })

  it("sends signals, and events to runs of contracts", () => {
    assert.deepStrictEqual(commands({ reason: "signal", key: "paid" }, { reason: "signal", key: "event:parcel.arrived" }), [
      "signal r1 paid --data '{}'",
      "emit parcel.arrived --data '{}'"
    ])
  })

  it("settles what is unknown, resumes what was held, and leaves alone what ends by itself", () => {
    assert.lengthOf(commands({ reason: "outcome-unknown", key: "charge" }), 3)
    assert.deepStrictEqual(commands({ reason: "recovery", key: "run" }), ["runs resume r1"])
    assert.deepStrictEqual(commands({ reason: "timer", key: "timer 0", until: 5 }), [])
  })
})
