import { assert, describe, it } from "@effect/vitest"
import { CrashHost } from "@fermata/testing"
import { Effect } from "effect"
import { contract, giveWay, handlers, Log, only, pass, run, serve, serveAgain } from "./support.ts"

describe("steps inside steps", () => {
  it.effect("N-46: a map over 100 items, 5 at a time, does each once, although its process dies in between", () =>
    Effect.gen(function*() {
      const log = new Log()
      /** Charges, of which it says how many went on at a time at most. */
      const charging = () => {
        const count = { now: 0, most: 0 }
        const tasks = handlers({
          charge: (item) =>
            Effect.sync(() => {
              count.most = Math.max(count.most, ++count.now)
            }).pipe(
              Effect.andThen(log.add(`charge ${String(item)}`)),
              Effect.andThen(Effect.sleep("1 second")),
              Effect.andThen(Effect.sync(() => void count.now--)),
              Effect.as(Number(item) * 2)
            )
        })
        return { count, tasks }
      }
      const before = charging()
      const after = charging()
      const world = yield* CrashHost.make
      const first = yield* serve(world, { tasks: before.tasks })
      const id = yield* run(
        first,
        contract([{
          id: "each",
          kind: "map",
          items: "{{ input.items }}",
          concurrency: 5,
          steps: [{
            id: "charge",
            name: "Charge",
            kind: "task",
            task: "charge",
            input: "{{ item }}",
            onCrash: "rerun-keyed",
            next: null
          }],
          next: null
        }]),
        { input: { items: Array.from({ length: 100 }, (_, n) => n) } }
      )
      for (let turn = 0; turn < 9; turn++) yield* pass(first, "1 second")
      assert.strictEqual(log.entries.length, 50)
      const second = yield* serveAgain(world, first, { tasks: after.tasks })
      for (let turn = 0; turn < 12; turn++) yield* pass(second, "1 second")
      yield* giveWay()
      const journal = yield* world.journal(id)
      assert.deepStrictEqual((yield* second.runs.show(id)).output, Array.from({ length: 100 }, (_, n) => n * 2))
      assert.deepStrictEqual(
        only(journal, "StepCompleted").map(({ key }) => key).toSorted(),
        [...Array.from({ length: 100 }, (_, n) => `each[${n}]/charge`), "each"].toSorted()
      )
      assert.deepStrictEqual([before.count.most, after.count.most], [5, 5])
      // Only the five that were under way ran again, with the key that they had.
      assert.strictEqual(log.entries.length, 105)
    }))
})
