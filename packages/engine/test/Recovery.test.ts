import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { begin, define, Log, stuck } from "./support/Program.ts"

describe("Recovery", () => {
  it.effect("S13: a run whose step was in flight at six crashes suspends as recovery", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 6; crash++) {
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      assert.strictEqual(log.entries.length, 6)
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
    }))

  it.effect("S13: a signal does not wake a run that suspended because it never got further", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 5; crash++) {
        host = yield* world.restart(host, layer, { killAt: { count: 1, when: "before" } })
        assert.isTrue(host.killed())
      }
      host = yield* world.restart(host, layer)
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      const { epoch } = yield* world.run(id)
      const began = log.entries.length
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      assert.strictEqual(log.entries.length, began)
      assert.isAtMost((yield* world.run(id)).epoch, epoch + 1)
    }))

  it.effect("S2: an outcome that an operator declares and the step's schema refuses is passed over with a note", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: 42 } })
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      assert.isTrue((yield* world.journal(id)).some((entry) => entry._tag === "Note"))
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: "paid" } })
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))
})
