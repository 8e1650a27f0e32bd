import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect } from "effect"
import type { Backend } from "../src/Backend.ts"
import * as RunLookup from "../src/internal/RunLookup.ts"
import * as RunSteps from "../src/internal/RunSteps.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { Store } from "../src/Store.ts"
import { begin, define, echo, Log } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")

/** A run of 40 steps that waits for a signal before the last, and a look at its steps that counts the entries that are read. */
const life = Effect.fnUntraced(function*(most?: number) {
  const world = yield* CrashHost.make
  const log = new Log()
  const host = yield* world.start(W.toLayer(({ id }) =>
    Effect.gen(function*() {
      for (let count = 1; count <= 40; count++) yield* echo(log)(`${id} ${count}`)
      yield* Signal.receive(Go)
      return yield* echo(log, "last")(id)
    })
  ))
  const id = yield* begin(host, W)
  let read = 0
  const entries: Backend["entries"] = (run, from, limit) =>
    Effect.tap(world.backend.entries(run, from, limit), (rows) => Effect.sync(() => void (read += rows.length)))
  const store = Store.make({ ...world.backend, entries })
  const steps = RunSteps.make(store, RunLookup.make(store), most)
  const reads = <A, E>(look: Effect.Effect<A, E>) =>
    Effect.map(Effect.andThen(Effect.sync(() => void (read = 0)), look), (found) => [found, read] as const)
  return { world, host, id, steps, reads, runs: yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer)) }
})

describe("Runs.steps", () => {
  it.effect("reads the journal once, and for each page behind that only what it has got since", () =>
    Effect.gen(function*() {
      const { host, id, reads, runs, steps, world } = yield* life()
      const [first, all] = yield* reads(steps(id))
      assert.strictEqual(first.length, 40)
      assert.strictEqual(all, (yield* world.run(id)).length)
      const [second, none] = yield* reads(steps(id.slice(0, 8)))
      assert.deepStrictEqual([second, none], [first, 0])
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* host.settled
      const [third, few] = yield* reads(steps(id))
      assert.strictEqual(few, (yield* world.run(id)).length - all)
      assert.deepStrictEqual(third.slice(0, 40), first)
      assert.deepInclude(third[40], { key: "last", status: "completed" })
      const shown = (yield* runs.show(id)).steps
      assert.deepStrictEqual(third, shown.map(({ input: _input, output: _output, ...step }) => step))
      assert.deepStrictEqual(yield* runs.steps(id), third)
    }))

  it.effect("keeps no more steps than that, those of the run that was asked for last", () =>
    Effect.gen(function*() {
      const { host, id, reads, steps } = yield* life(60)
      const other = yield* begin(host, W, "2")
      yield* steps(id)
      yield* steps(other)
      assert.strictEqual((yield* reads(steps(other)))[1], 0)
      assert.isAbove((yield* reads(steps(id)))[1], 80)
      assert.strictEqual((yield* reads(steps(id)))[1], 0)
    }))
})
