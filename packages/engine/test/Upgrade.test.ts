import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as ReadOnlyBackend from "../src/ReadOnlyBackend.ts"
import * as Replay from "../src/Replay.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Upgrade from "../src/Upgrade.ts"
import * as Workflows from "../src/Workflows.ts"
import { begin, define, echo, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const program = (log: Log, name = "a") =>
  W.toLayer(() => Effect.andThen(echo(log, name)("1"), Effect.andThen(Signal.receive(Go), echo(log, "b")("2"))))

/** A process that only looks at the store of this world. */
const looking = <E>(world: CrashHost.MemoryWorld, workflows: Layer.Layer<never, E, CrashHost.Services>) =>
  Runs.Runs.layer.pipe(
    Layer.provideMerge(workflows),
    Layer.provideMerge(TestHost.layerOf(ReadOnlyBackend.make(MemoryBackend.make(world.store))))
  )

describe("Replay and Upgrade", () => {
  it.effect("N-36: runs that suspended on their failure, are paused, or died in a step are replayed too, and none of their bodies runs", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const parking = W.annotate(Workflow.SuspendOnFailure, true)
      const layer = parking.toLayer(({ id }) =>
        Effect.gen(function*() {
          yield* echo(log, "a")("1")
          if (id === "fails") {
            yield* Effect.orDie(
              Step.make("fails", {
                error: Schema.String,
                onCrash: "rerun",
                run: () => Effect.andThen(log.add("fails"), Effect.fail("no"))
              })()
            )
          }
          if (id === "dies") yield* stuck(log, "stuck", "ask")()
          yield* Signal.receive(Go)
        })
      )
      const host = yield* world.start(layer)
      const fails = yield* begin(host, W, "fails")
      const dies = yield* begin(host, W, "dies")
      const paused = yield* begin(host, W, "paused")
      yield* world.tell(paused, "pause", { by: "ada" })
      const second = yield* world.restart(host, layer)
      yield* second.kill
      assert.deepStrictEqual(
        yield* Effect.forEach([fails, dies, paused], (id) => Effect.map(world.run(id), ({ reason }) => reason)),
        ["operator", "outcome-unknown", "operator"]
      )
      const before = log.entries.length
      const report = yield* Effect.provide(Upgrade.check(), looking(world, layer))
      assert.deepInclude(report, { open: 3, fits: 3, breaks: [] })
      const renamed = parking.toLayer(() => Effect.andThen(echo(log, "z")("1"), Signal.receive(Go)))
      const { breaks } = yield* Effect.provide(Upgrade.check(), looking(world, renamed))
      assert.deepStrictEqual(
        breaks.map(({ difference }) => [difference?.key, difference?.at]),
        Array.from({ length: 3 }, () => ["z", 2])
      )
      assert.lengthOf(log.entries, before)
    }))

  it.effect("N-43: tells apart what breaks, what cannot be read, and what is not of this code; a finished sample is the last started", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const other = define("Other").toLayer(() => Signal.receive(Go))
      const newer = W.annotate(Workflows.Version, "2")
      const host = yield* world.start(Layer.mergeAll(program(log), other, newer.toLayer(() => Signal.receive(Go))))
      const ids = yield* Effect.forEach(["1", "2", "3"], (id) => begin(host, W, id))
      const apart = [yield* begin(host, newer, "4"), yield* begin(host, define("Other"))]
      for (const id of ids.slice(1)) yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* host.close
      world.store.runs.get(ids[2]!)!.entries[3] = "{\"v\":99}"
      const check = (options?: Upgrade.Options) =>
        Effect.provide(Upgrade.check(options), looking(world, program(log, "z")))
      const report = yield* check()
      assert.deepInclude(report, { open: 3, finished: 2, fits: 0 })
      assert.sameMembers(report.breaks.map(({ runId }) => runId), ids.slice(0, 2))
      assert.deepStrictEqual(report.unreadable.map(({ difference, runId }) => [runId, difference?.key]), [[
        ids[2],
        "entry 3"
      ]])
      assert.include(report.unreadable[0]!.difference!.detail, "written in format 99")
      assert.sameMembers(report.unserved.map(({ runId }) => runId), apart)
      assert.deepInclude(yield* check({ finished: 1 }), {
        finished: 1,
        breaks: report.breaks.filter(({ runId }) => runId === ids[0])
      })
      assert.deepInclude(yield* check({ finished: 0, workflow: "Other" }), { open: 1, finished: 0, breaks: [] })
    }))

  it.effect("N-43: more runs than a page holds are all replayed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(program(log))
      yield* Effect.forEach(Array.from({ length: 450 }, (_, index) => String(index)), (id) =>
        host.use(W.execute({ id }, { discard: true })), { discard: true })
      yield* host.settled
      yield* host.close
      assert.deepInclude(yield* Effect.provide(Upgrade.check(), looking(world, program(log))), { open: 450, fits: 450 })
    }))

  it.effect("N-43: one run is replayed by the beginning of its id, in a process that works on it as well", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(program(log))
      const id = yield* begin(host, W)
      const writes = host.writes()
      const replayed = yield* host.use(Effect.provide(Replay.run(id.slice(0, 6)), Runs.Runs.layer))
      assert.deepStrictEqual(replayed, {
        runId: id,
        workflow: "W",
        version: "1",
        status: "suspended",
        verdict: "fits",
        entries: 5
      })
      assert.strictEqual(host.writes(), writes)
      assert.deepStrictEqual(log.entries, ["a 1"])
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))

  it.effect("N-43: a store that is only looked at takes no start, signal or answer", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(program(log))
      const id = yield* begin(host, W)
      yield* host.close
      const before = JSON.stringify([
        ...world.store.runs,
        ...world.store.definitions,
        ...world.store.owners,
        ...world.store.inbox
      ])
      yield* Effect.gen(function*() {
        const runs = yield* Runs.Runs
        const acts: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          runs.signal(id, "go", null),
          runs.cancel(id, { by: "ada", reason: "no" }),
          runs.start("W", { id: "2" }),
          runs.fork(id, { at: "a" })
        ]
        for (const act of acts) {
          assert.include(String(yield* Effect.flip(act)), "it was opened for reading only")
        }
      }).pipe(Effect.provide(looking(world, program(log))))
      assert.strictEqual(
        JSON.stringify([...world.store.runs, ...world.store.definitions, ...world.store.owners, ...world.store.inbox]),
        before
      )
    }))
})
