import { assert, describe, it } from "@effect/vitest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { Effect } from "effect"
import { Contracts } from "../src/Contracts.ts"
import * as ContractUses from "../src/ContractUses.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import * as Agency from "./support/Agency.ts"

describe("a fork", () => {
  it.effect("N-55: of a contract waits for its events, knows its own id, and keeps its document", () =>
    Effect.gen(function*() {
      const contract = Agency.document([
        Agency.step("transform", "note", "say", { set: { of: "{{ run.id }}", about: "{{ input.name }}" } }),
        Agency.step("emit", "say", "hold", { event: "note.taken", payload: { run: "{{ run.id }}" } }),
        Agency.step("wait", "hold", "end", { event: "go" }),
        Agency.step("transform", "end", null, { set: { event: "{{ steps.hold.output }}", of: "{{ run.id }}" } })
      ])
      const { runId } = yield* (yield* Contracts).start({ contract, input: { name: "Ada" } })
      yield* Agency.settled
      const runs = yield* Runs
      const forked = yield* runs.fork(runId, { at: "say" })
      yield* Agency.settled
      assert.deepStrictEqual((yield* runs.show(forked.runId)).waits, (yield* runs.show(runId)).waits)
      const other = yield* runs.fork(runId, { at: "note", input: { name: "Bob" } })
      yield* Agency.settled
      yield* Agency.publish("go", 1)
      yield* Agency.assertOutput(runId, { event: 1, of: runId })
      yield* Agency.assertOutput(forked.runId, { event: 1, of: forked.runId })
      assert.deepStrictEqual((yield* runs.show(forked.runId)).state["state"]?.value, {
        about: "Ada",
        event: 1,
        of: forked.runId
      })
      assert.include((yield* runs.show(other.runId)).state["state"]?.value, { about: "Bob" })
    }).pipe(Effect.provide(Agency.layer({ backend: MemoryBackend.make(MemoryBackend.makeStore()) }))))

  it("N-55: with another output is told which shared steps have used the old one, also to call a run with it", () => {
    const steps = [
      Agency.step("transform", "a", "start", { set: { n: 1 } }),
      Agency.step("transform", "start", "sub", { set: { m: 2 } }),
      Agency.step("call", "sub", "both", { workflow: "other", input: "{{ steps.a.output }}" }),
      Agency.step("parallel", "both", null, {
        branches: {
          run: { steps: [Agency.step("emit", "tell", null, { event: "told", payload: "{{ steps.sub.output }}" })] }
        }
      })
    ]
    const { contract } = ContractValidation.check(Agency.document(steps))
    const between = ["start", "sub[run]/start", "sub", "both[run]/tell", "both"]
    assert.deepStrictEqual(ContractUses.dependents(contract!, "a", between), [
      "sub[run]/start",
      "sub",
      "both[run]/tell"
    ])
    assert.deepStrictEqual(ContractUses.dependents(contract!, "start", between.slice(1)), [])
  })
})
