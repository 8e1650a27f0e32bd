import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { begin, define, echo, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const

describe("Cancel", () => {
  it.effect("S3: a cancel that was taken survives a crash in the grace of an `ask` step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.strictEqual(yield* world.tell(id, "cancel", cancel), "accepted")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* TestClock.adjust("30 seconds")
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S8: a paused run that is cancelled runs its compensations", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const undo = echo(log, "undo")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("a").pipe(W.withCompensation(() => Effect.asVoid(undo("a"))))
        yield* Signal.receive(Go)
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", { by: "ada" })
      yield* world.tell(id, "cancel", cancel)
      assert.deepStrictEqual(log.entries, ["echo a", "undo a"])
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S9: a run that is cancelled in the grace of its last `ask` step replays", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const W = define("W")
      const pay = Step.make("pay", { onCrash: "ask", run: () => Deferred.await(gate) })
      const undo = echo(log, "undo")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* pay().pipe(W.withCompensation(() => Effect.andThen(undo("pay"), Effect.asVoid(stuck(log, "refund", "rerun")()))))
        yield* Effect.yieldNow
        yield* echo(log)("after")
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* world.tell(id, "cancel", cancel)
      yield* Deferred.succeed(gate, undefined)
      yield* first.settled
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepInclude(yield* world.run(id), { status: "running", reason: null })
      assert.deepStrictEqual(log.entries.filter((entry) => !entry.startsWith("refund")), ["undo pay"])
    }))
})
