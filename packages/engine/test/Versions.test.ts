import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Signal from "../src/Signal.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const V1 = define("W")
const V2 = V1.annotate(Workflows.Version, "2")

describe("versions", () => {
  it.effect("S10: two of one workflow are served side by side, and each run keeps to its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = Layer.merge(
        V1.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log, "old")("x"))),
        V2.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log, "new")("y")))
      )
      const first = yield* world.start(layer)
      const a = yield* begin(first, V1, "a")
      const b = yield* begin(first, V2, "b")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(a, "signal", go)
      yield* world.tell(b, "signal", go)
      yield* assertOutput(second, V1, a, "x")
      yield* assertOutput(second, V2, b, "y")
      assert.deepStrictEqual(log.entries, ["old x", "new y"])
      assert.deepStrictEqual([(yield* world.run(a)).version, (yield* world.run(b)).version], ["1", "2"])
    }))

  it.effect("S10: two definitions of one name and version in one process are refused with both places and what tells them apart; one definition may be served anew", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Other = Workflow.make("W", { payload: { file: Schema.String }, idempotencyKey: ({ file }) => file })
      const host = yield* world.start(V1.toLayer(() => echo(log, "first")("x")))
      const refused = yield* Effect.exit(host.use(Effect.scoped(Layer.build(Other.toLayer(() => Effect.void)))))
      assert.isTrue(Exit.isFailure(refused))
      const told = String(Exit.isFailure(refused) && Cause.squash(refused.cause))
      const [message, ...places] =
        /^WorkflowRegisteredTwice: Workflow "W" version 1 is registered twice, by two definitions: one takes \{ id \} \(its idempotencyKey is at (\S+):\d+\), the other \{ file \} \(its idempotencyKey is at (\S+):\d+\)\. Give one of them another name/
          .exec(told) ?? []
      assert.isDefined(message, told)
      assert.deepStrictEqual(places, [
        "packages/engine/test/support/Program.ts",
        "packages/engine/test/Versions.test.ts"
      ])
      yield* begin(host, V1, "a")
      yield* host.use(
        Effect.scoped(Effect.andThen(Layer.build(V1.toLayer(() => echo(log, "anew")("x"))), begin(host, V1, "b")))
      )
      assert.deepStrictEqual(log.entries, ["first x", "anew x"])
    }))

  it.effect("S10: a run whose version nobody serves stays where it is, and goes on where it is served", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const one = V1.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log, "old")("x")))
      const two = V2.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log, "new")("y")))
      const first = yield* world.start(one)
      const waiting = yield* begin(first, V1, "waiting")
      yield* first.close
      const second = yield* world.start(two)
      const queued = yield* begin(second, V1, "queued")
      yield* world.tell(waiting, "signal", go)
      assert.include(yield* world.run(queued), { status: "queued", owner: null, epoch: 0 })
      assert.include(yield* world.run(waiting), { status: "suspended", owner: null, epoch: 1 })
      assert.isEmpty(log.entries)
      const third = yield* world.start(one)
      yield* assertOutput(third, V1, waiting, "x")
      assert.include(yield* world.run(queued), { status: "suspended", reason: "signal" })
    }))

  it.effect("S10: joining a run by another version leaves it at its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(Layer.merge(
        V1.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log, "old")("x"))),
        V2.toLayer(() => echo(log, "new")("y"))
      ))
      const id = yield* begin(host, V1, "a")
      assert.strictEqual(yield* begin(host, V2, "a"), id)
      assert.strictEqual((yield* world.run(id)).version, "1")
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, V2, id, "x")
    }))
})
