import { assert, describe, it } from "@effect/vitest"
import * as RunsErrors from "@fermata/core/RunsErrors"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Layer, Logger, Schema } from "effect"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, stuck } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")
const by = "ada"
const quiet = Effect.provide(Logger.layer([]))

const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

describe("Runs.settle", () => {
  it.effect("S2, S14: an output that the schema of the step refuses is refused at once, and nothing is written or run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("before")
        const both = yield* Effect.all([stuck(log, "pay", "ask")(), Signal.receive(Go)], { concurrency: 2 })
        return both[0]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      // The owner of the run, another process that serves it, and each of them after an eviction.
      const owner = yield* world.restart(first, layer)
      yield* owner.settled
      const other = yield* world.start(layer, { worker: false })
      const bodies = log.entries.length
      for (const host of [owner, other]) {
        const runs = yield* verbs(host)
        yield* owner.evict
        yield* owner.settled
        const before = structuredClone(world.store.runs.get(id))
        const error = yield* Effect.flip(runs.settle(id, "pay", { by, action: { _tag: "complete", output: 7 } }))
        assert.instanceOf(error, RunsErrors.OutputRefused)
        assert.strictEqual(error.message, `The output does not fit step "pay" of run ${id}: Expected string`)
        yield* world.look
        assert.deepStrictEqual(world.store.runs.get(id), before)
        assert.isEmpty(yield* world.inbox(id))
      }
      assert.strictEqual(log.entries.length, bodies)
      const runs = yield* verbs(other)
      yield* runs.settle(id, "pay", { by, action: { _tag: "complete", output: "paid" } })
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(owner, W, id, "paid")
    }).pipe(quiet))

  it.effect("S2: where nobody serves the run, an output is taken, and the owner passes over what does not fit, and says so in the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const owner = yield* world.restart(first, layer)
      yield* owner.settled
      const runs = yield* verbs(yield* world.start(Layer.empty))
      yield* runs.settle(id, "pay", { by, action: { _tag: "complete", output: 7 } })
      yield* world.look
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      const note = (yield* world.journal(id)).find((entry) => entry._tag === "MessageRefused")
      assert.deepInclude(note, {
        kind: "settle",
        why: "refused",
        text: `the output that ada declared does not fit step "pay": Expected string`
      })
    }).pipe(quiet))

  for (const rule of ["ask", "probe"] as const) {
    it.effect(`S2, S7: a \`${rule}\` step in the body of a step suspends the run when nobody knows its outcome, also beside others`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const body = { success: Schema.String, run: () => Effect.andThen(log.add("pays"), Effect.never) }
        const inner = rule === "ask"
          ? Step.make("inner", { ...body, onCrash: "ask" })
          : Step.make("inner", { ...body, onCrash: "probe", probe: () => Effect.die(new Error("no line to the bank")) })
        const middle = Step.make("middle", { success: Schema.String, onCrash: "rerun", run: () => inner() })
        const outer = Step.make("outer", {
          success: Schema.String,
          onCrash: "rerun",
          run: () => Effect.andThen(log.add("outer"), middle())
        })
        const gate = Deferred.makeUnsafe<void>()
        const other = Step.make("other", { onCrash: "rerun", run: () => Deferred.await(gate) })
        const layer = W.toLayer(() => Effect.map(Effect.all([outer(), other()], { concurrency: 2 }), ([paid]) => paid))
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        let host = yield* world.restart(first, layer)
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "running", "the other step goes on")
        yield* Deferred.succeed(gate, undefined)
        yield* host.settled
        const check = Effect.gen(function*() {
          assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
          assert.deepStrictEqual((yield* world.waits(id)).map((wait) => wait.key), ["outer/middle/inner"])
        })
        yield* check
        yield* host.evict
        host = yield* world.restart(host, layer)
        yield* host.settled
        yield* check
        const runs = yield* verbs(host)
        yield* runs.settle(id, "outer/middle/inner", { by, action: { _tag: "complete", output: "paid" } })
        yield* host.settled
        yield* assertOutput(host, W, id, "paid")
        assert.strictEqual(log.count("pays"), 1)
      }).pipe(quiet))
  }
})
