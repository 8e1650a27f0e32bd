import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { Runs } from "@fermata/engine/Runs"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import type * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { Contracts } from "../src/Contracts.ts"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import { document, serving, step } from "./support/Agency.ts"

/** A service outside that does each thing once for its key, as one for `rerun-keyed` does. */
class Outside {
  private readonly done = new Map<string, string>()

  get entries(): ReadonlyArray<string> {
    return [...this.done.values()]
  }

  readonly tasks = TaskRuntime.layerHandlers({
    note: (input, { idempotencyKey, stepId }) =>
      Effect.sync(() => {
        if (!this.done.has(idempotencyKey)) this.done.set(idempotencyKey, `${stepId} ${JSON.stringify(input)}`)
        return input
      }),
    fail: () => Effect.fail(new TaskFailed({ task: "fail", problem: "in vain", retryable: false }))
  })
}

const note = (id: string, next: string | null, input: Schema.Json, more: object = {}) =>
  step("task", id, next, { task: "note", input, onCrash: "rerun-keyed", ...more })
const undo = (id: string, input: Schema.Json, more: ReadonlyArray<object> = []) => ({
  undo: { steps: [note(id, null, input), ...more] }
})

/** Explores a scenario whose world outside is its own in each life, and says what that has seen. */
const explore = (drive: (host: CrashHost.Host) => Effect.Effect<void, unknown, Contracts | Runs>) =>
  Effect.gen(function*() {
    const worlds = new WeakMap<CrashHost.World, Outside>()
    const told = new Map<string, ReadonlyArray<string>>()
    const report = yield* CrashExplorer.explore({
      workflows: (world) => {
        const outside = new Outside()
        worlds.set(world, outside)
        return serving({ tasks: outside.tasks })
      },
      drive: (host) => host.use(drive(host)) as Effect.Effect<void, unknown>,
      outside: (world) =>
        Effect.gen(function*() {
          for (const { id, workflow } of yield* world.backend.runs({ limit: 100 })) {
            told.set(workflow, undoneInReverse(yield* world.journal(id)))
          }
          return worlds.get(world)!.entries.toSorted()
        })
      // When a delay was over depends on when the next process came.
    }, { ignore: ["pause"] })
    assert.strictEqual(report.crashes, report.writes * 2)
    return { told, writes: report.writes }
  })

/** What was undone, in order. Fails where that is not each thing that was done and can be undone, once, in reverse. */
const undoneInReverse = (entries: ReadonlyArray<JournalEntry.JournalEntry>): ReadonlyArray<string> => {
  const completed = entries.flatMap((entry) => entry._tag === "StepCompleted" ? [entry.key] : [])
  const undone = completed.filter((key) => key.includes("[undo]/"))
  const done = completed.filter((key) => undoable.has(key.slice(key.lastIndexOf("/") + 1)))
  const isOver = entries.some(({ _tag }) => _tag === "RunFailed" || _tag === "RunCancelled")
  assert.deepStrictEqual(
    undone.map((key) => key.slice(0, key.indexOf("[undo]/"))),
    isOver ? done.filter((key) => !key.includes("[undo]/")).toReversed() : []
  )
  return undone
}

const undoable = new Set(["hotel", "car"])
const trip = (id: string, last: { readonly id: string }) =>
  document([
    note("hotel", "cars", "hotel", undo("free", "{{ 'free ' & steps.hotel.output }}")),
    step("map", "cars", "last", {
      items: ["a", "b", "c"],
      concurrency: 2,
      steps: [note("car", null, "{{ 'car ' & item }}", undo("give", "{{ 'give ' & item }}"))]
    }),
    last
  ], { id })

describe("at every crash point", () => {
  it.effect("S8: each completed step is undone once, in reverse, when the run fails", () =>
    Effect.gen(function*() {
      const failing = trip("trip", step("task", "last", null, { task: "fail", input: null, onCrash: "rerun" }))
      const { told, writes } = yield* explore((host) =>
        Effect.gen(function*() {
          yield* Contracts.use((contracts) => contracts.start({ contract: failing, key: "one" }))
          yield* host.settled
        })
      )
      assert.isAbove(writes, 8)
      const undone = told.get("trip")!
      assert.lengthOf(undone, 4)
      assert.strictEqual(undone[3], "hotel[undo]/free")
    }))

  it.effect("S8: and when it is cancelled, also what a run has done that it had called", () =>
    Effect.gen(function*() {
      const inner = trip("inner", step("delay", "last", null, { for: "1 day" }))
      const outer = document([
        note("hotel", "sub", "outer", undo("leave", "leave")),
        step("call", "sub", null, { workflow: "inner" })
      ], { id: "outer" })
      const { told, writes } = yield* explore((host) =>
        Effect.gen(function*() {
          const contracts = yield* Contracts
          yield* contracts.add(inner)
          const { runId } = yield* contracts.start({ contract: outer, key: "one" })
          yield* host.settled
          // It may be over already, after a crash behind the cancel.
          yield* Effect.ignore(Runs.use((runs) => runs.cancel(runId, { by: "ada", reason: "enough" })))
          yield* host.settled
          yield* TestClock.adjust("1 second")
          yield* host.settled
        })
      )
      assert.isAbove(writes, 15)
      assert.lengthOf(told.get("inner")!, 4)
      assert.deepStrictEqual(told.get("outer"), ["hotel[undo]/leave"])
    }))

  it.effect(
    "N-46: map, parallel, delay, call and output come to the same, and nothing is done twice",
    () =>
      Effect.gen(function*() {
        const doubling = document([note("double", null, "{{ input.n * 2 }}")], { id: "doubling" })
        const all = document([
          step("map", "each", "both", {
            items: "{{ [1..4] }}",
            concurrency: 2,
            steps: [
              note("begin", "sub", "{{ item }}"),
              step("call", "sub", null, { workflow: "doubling", input: { n: "{{ item }}" } })
            ]
          }),
          step("parallel", "both", "pause", {
            branches: { left: { steps: [note("l", null, "l")] }, right: { steps: [note("r", null, "r")] } }
          }),
          step("delay", "pause", null, { for: "1 hour" })
        ], { id: "all", output: { sum: "{{ $sum(steps.each.output) }}", both: "{{ steps.both.output }}" } })
        const outputs = new Set<string>()
        const { writes } = yield* explore((host) =>
          Effect.gen(function*() {
            const contracts = yield* Contracts
            yield* contracts.add(doubling)
            const { runId } = yield* contracts.start({ contract: all, key: "one" })
            yield* host.settled
            yield* TestClock.adjust("1 hour")
            yield* host.settled
            const { output, status } = yield* Runs.use((runs) => runs.show(runId))
            if (status === "completed") outputs.add(JSON.stringify(output))
          })
        )
        assert.isAbove(writes, 25)
        assert.deepStrictEqual([...outputs], ["{\"both\":{\"left\":\"l\",\"right\":\"r\"},\"sum\":20}"])
      })
  )
})
