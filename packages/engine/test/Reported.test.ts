/**
 * Situations that users of other engines have reported, each rebuilt here: what
 * was lost, repeated or stuck there must be told here, and touch nobody else.
 */
import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Deferred, Effect, Exit, Layer, Schema } from "effect"
import { Runs } from "../src/Runs.ts"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, exitOf, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const circular = () => {
  const value: Record<string, unknown> = {}
  value["self"] = value
  return value
}

describe("What users of other engines have reported", () => {
  it.effect("S17: a run whose step answered a bigint is listed like any other, and says where the bigint is", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Gas = define("Gas")
      const Fine = define("Fine")
      const block = Step.make("block", {
        success: Schema.Any,
        onCrash: "rerun",
        run: () => Effect.succeed({ block: { number: 10n } })
      })
      const layer = Layer.mergeAll(Gas.toLayer(() => block()), Fine.toLayer(() => echo(log)("fine")))
      const host = yield* world.start(layer)
      const gas = yield* begin(host, Gas)
      const fine = yield* begin(host, Fine)
      const runs = yield* host.use(Effect.flatMap(Runs, (runs) => runs.list({}))).pipe(
        Effect.provide(Runs.layer),
        host.use
      )
      assert.deepStrictEqual(runs.map(({ id, status }) => [id, status]), [[fine, "completed"], [gas, "failed"]])
      const exit = yield* exitOf(host, Gas, gas)
      assert.isTrue(
        exit !== undefined && Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("block.number"),
        String(exit)
      )
    }))

  it.effect("S17: the code may handle an argument that cannot be stored, and the steps beside it go on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const send = Step.make("send", {
        input: Schema.Any,
        success: Schema.String,
        onCrash: "rerun",
        run: () => log.add("sent").pipe(Effect.as("sent"))
      })
      const host = yield* world.start(W.toLayer(() =>
        Effect.all([
          Effect.catchCause(send(circular()), () => Effect.succeed("refused")),
          send({ fine: true })
        ], { concurrency: "unbounded" })
      ))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, ["refused", "sent"])
      assert.deepStrictEqual(log.entries, ["sent"])
    }))

  it.effect("S17: a state document that cannot be stored fails in the body that sets it, and nothing of the run is lost", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const Progress = RunState.make("progress", { schema: Schema.Any, initial: { percent: 0 } })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("before")
        const told = yield* Effect.exit(RunState.update(Progress, circular))
        const { revision, value } = yield* RunState.get(Progress)
        yield* Signal.receive(Go)
        return [Exit.isFailure(told), revision, value] as const
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, [true, 0, { percent: 0 }])
      assert.deepStrictEqual(log.entries, ["echo before"])
    }))

  it.effect("S1: an outcome beyond the size that is stored fails its step once, for good, and the run is not stuck", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const dump = Step.make("dump", {
        success: Schema.String,
        onCrash: "rerun",
        retry: undefined as never,
        run: () => log.add("dumped").pipe(Effect.as("x".repeat(200 * 1024 * 1024)))
      })
      const host = yield* world.start(W.toLayer(() => dump()))
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, ["dumped"])
    }))

  it.effect("S9: a date that a step gives under its schema is a date live and after a restart alike; an opaque one is refused", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const typed = Step.make("typed", {
        success: Schema.Date,
        onCrash: "rerun",
        run: () => Effect.succeed(new Date(86_400_000))
      })
      const opaque = Step.make("opaque", {
        success: Schema.Any,
        onCrash: "rerun",
        run: () => Effect.succeed({ at: new Date(0) })
      })
      const seen: Array<unknown> = []
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const date = yield* typed()
        const refused = Exit.isFailure(yield* Effect.exit(opaque()))
        seen.push([date instanceof Date, date.getTime(), refused])
        yield* Signal.receive(Go)
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepStrictEqual(seen, [[true, 86_400_000, true], [true, 86_400_000, true]])
      assert.strictEqual((yield* world.run(id)).status, "suspended")
    }))

  it.effect("S1: what a step answered stays what it was, although the code changes the object later", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const source = { value: 1 }
      const snapshot = Step.make("snapshot", {
        success: Schema.Any,
        onCrash: "rerun",
        run: () => Effect.succeed(source)
      })
      const consume = Step.make("consume", {
        input: Schema.Any,
        success: Schema.Any,
        onCrash: "rerun",
        run: (value) => Effect.succeed(value)
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const taken = yield* snapshot()
        source.value = 2
        taken.value += 10
        const consumed = yield* consume(taken)
        taken.value += 10
        yield* Signal.receive(Go)
        return [consumed.value, taken.value]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, [11, 21])
    }))

  it.effect("S9: two inputs that differ in a date alone are two inputs: one key for both is told", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const remind = Step.make("remind", {
        input: { at: Schema.Date },
        success: Schema.String,
        key: () => "same",
        onCrash: "rerun",
        run: ({ at }) => Effect.succeed(at.toISOString())
      })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* remind({ at: new Date(0) })
        const second = yield* Effect.exit(remind({ at: new Date(1) }))
        return [first, Exit.isFailure(second)]
      })))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, ["1970-01-01T00:00:00.000Z", true])
    }))

  it.effect("S6: waits that are longer than a timer of the platform end when they are due, and not before", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W").annotate(Workflows.Limits, { maxActiveMs: Infinity })
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        timeout: "60 days",
        run: () => Effect.as(Effect.sleep("40 days"), "slept")
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep("280 days")
        yield* log.add("slept long")
        const { _tag } = yield* Effect.timeoutOption(Signal.receive(Go), "30 days")
        yield* log.add(_tag)
        return yield* slow()
      })).pipe(Layer.provide(Layer.empty))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "279 days")
      assert.deepStrictEqual(log.entries, [])
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 day")
      yield* pass(second, "29 days")
      assert.deepStrictEqual(log.entries, ["slept long"])
      yield* pass(second, "1 day")
      yield* pass(second, "39 days")
      assert.deepStrictEqual(log.entries, ["slept long", "None"])
      yield* pass(second, "1 day")
      yield* assertOutput(second, W, id, "slept")
    }))

  it.effect("S8: a cancel reaches a whole tree, with the grandchild that is started while it goes through", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Leaf = define("Leaf")
      const Branch = define("Branch")
      const Tree = define("Tree")
      const hold = Step.make("hold", { onCrash: "ask", run: () => Deferred.await(gate) })
      const layer = Layer.mergeAll(
        Leaf.toLayer(({ id }) => Effect.andThen(echo(log)(`leaf ${id}`), Signal.receive(Go))),
        Branch.toLayer(Effect.fnUntraced(function*({ id }) {
          yield* Effect.all(
            [Leaf.execute({ id: `${id}.1` }), Effect.andThen(hold(), Leaf.execute({ id: `${id}.2` }))],
            { concurrency: "unbounded" }
          )
        })),
        Tree.toLayer(({ id }) =>
          Effect.forEach(["a", "b"], (part) => Branch.execute({ id: `${id}${part}` }), {
            concurrency: "unbounded",
            discard: true
          })
        )
      )
      const host = yield* world.start(layer)
      const id = yield* begin(host, Tree)
      assert.strictEqual(
        yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" }),
        "accepted"
      )
      // What holds a branch back ends while the cancel is on its way, and would start another leaf.
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      const rows = yield* world.backend.runs({ limit: 100 })
      assert.deepStrictEqual(
        rows.filter(({ status }) => status !== "cancelled").map(({ id, status, workflow }) => [workflow, id, status]),
        []
      )
      assert.strictEqual(rows.find((row) => row.id === id)?.status, "cancelled")
      assert.isFalse(log.entries.some((entry) => entry.endsWith(".2")))
    }))

  it.effect("S7: a pause that comes while a step is under way stays one when the step ends and whoever takes the run up, and is ended once (temporalio/temporal#10239)", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const gate = Deferred.makeUnsafe<void>()
      const hold = Step.make("hold", { onCrash: "ask", run: () => Deferred.await(gate) })
      const layer = W.toLayer(() => Effect.andThen(hold(), echo(log)("next")))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const ada = { by: "ada" }
      const runs = () => host.use(Effect.provide(Runs, Runs.layer))
      yield* (yield* runs()).pause(id, ada)
      yield* world.look
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      for (let time = 0; time < 3; time++) {
        const { paused, reason, status } = yield* (yield* runs()).show(id)
        assert.deepStrictEqual({ paused, reason, status }, { paused: true, reason: "operator", status: "suspended" })
        assert.deepStrictEqual(
          (yield* (yield* runs()).list({ status: ["suspended"] })).map(({ id }) => id),
          [id]
        )
        const view = RunView.of(id, yield* world.journal(id))
        assert.deepInclude(view, { paused: true, reason: "operator", status: "suspended" })
        yield* host.evict
        host = yield* world.restart(host, layer)
        yield* world.tell(id, "pause", ada)
      }
      assert.isEmpty(log.entries)
      yield* (yield* runs()).resume(id, ada)
      yield* world.look
      yield* assertOutput(host, W, id, "next")
      assert.strictEqual(log.entries.length, 1)
    }))

  it.effect("S8: a paused run that is cancelled leaves no step under way in what people are shown (agentjido/jizoku#125)", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() =>
        Effect.onInterrupt(
          Step.make("work", { onCrash: "rerun", run: () => Effect.never })(),
          () => Effect.orDie(Step.make("undo", { onCrash: "rerun", run: () => Effect.sleep("1 minute") })())
        )
      ))
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", { by: "ada" })
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
      const stopping = RunView.of(id, yield* world.journal(id))
      assert.isFalse(stopping.paused)
      assert.strictEqual(RunView.step(stopping, "undo")?.status, "running")
      yield* pass(host, "1 minute")
      const view = RunView.of(id, yield* world.journal(id))
      assert.deepInclude(view, { status: "cancelled", paused: false })
      assert.deepStrictEqual(view.steps.map(({ key, status }) => [key, status]), [
        ["work", "abandoned"],
        ["undo", "completed"]
      ])
    }))

  it.effect("S17: a step that has been told to stop and goes on is timed out all the same, and nothing waits for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const deaf = Step.make("deaf", {
        onCrash: "rerun",
        timeout: "1 minute",
        run: () => Effect.uninterruptible(Effect.andThen(log.add("deaf"), Effect.sleep("1 day")))
      })
      const host = yield* world.start(W.toLayer(() => deaf()))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" })
      yield* pass(host, "2 minutes")
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      yield* pass(host, "1 day")
      assert.deepStrictEqual(log.entries, ["deaf"])
    }))

  it.effect("S3: every signal that was acknowledged before the end is in the journal, however many come at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const First = Signal.make("first", { schema: Schema.Number })
      const layer = W.toLayer(() => Signal.receive(First))
      const definer = yield* world.start(layer)
      yield* definer.close
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let n = 0; n < 20; n++) {
        yield* world.backend.write([{
          op: "inbox",
          row: { run: id, id: `s${n}`, kind: "signal", payload: JSON.stringify({ name: "first", payload: n }), at: 0 }
        }])
      }
      yield* world.tell(id, "signal", { name: "first", payload: 20 })
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      const journal = yield* world.journal(id)
      const told = journal.flatMap((entry) =>
        entry._tag === "SignalReceived"
          ? [entry.id]
          : entry._tag === "MessageRefused" && entry.why === "late"
          ? [entry.id]
          : []
      )
      assert.deepStrictEqual(told, [...Array.from({ length: 20 }, (_, n) => `s${n}`), "signal:told:1"])
    }))
})
