import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Fiber, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Activity, DurableDeferred, Workflow, type WorkflowEngine } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import * as Signal from "../src/Signal.ts"
import { assertOutput, begin, define, echo, giveWay, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go")

type Body = Effect.Effect<unknown, unknown, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>

const W = define("W")
const a = (log: Log) => echo(log, "a")
const b = (log: Log) => echo(log, "b")

const good = (log: Log) => Effect.andThen(a(log)("x"), rest(log))
const rest = (log: Log) =>
  Effect.andThen(Signal.receive(Go), Effect.andThen(b(log)("x"), Effect.as(Signal.receive(Go), "end")))

/** Programs that part from the first, and where they do. */
const parted: ReadonlyArray<
  readonly [
    what: string,
    key: string,
    program: (
      log: Log
    ) => Effect.Effect<unknown, never, Effect.Services<ReturnType<typeof good>> | WorkflowEngine.WorkflowEngine>
  ]
> = [
  ["a renamed step", "a", (log) => Effect.andThen(echo(log, "c")("x"), rest(log))],
  ["another input", "a", (log) => Effect.andThen(a(log)("y"), rest(log))],
  ["a step before it", "first", (log) => Effect.andThen(echo(log, "first")("x"), good(log))],
  ["a removed step", "a", (log) => rest(log)],
  ["another order", "a", (log) => Effect.andThen(b(log)("x"), a(log)("x"))],
  ["a timer before it", "timer 1", (log) => Effect.andThen(Effect.sleep("1 second"), good(log))],
  ["an end", "a", () => Effect.succeed("early")],
  ["an end with a defect", "failure", () => Effect.die("early")],
  [
    "a step instead of a wait",
    "c",
    (log) => Effect.andThen(a(log)("x"), Effect.andThen(echo(log, "c")("x"), rest(log)))
  ],
  [
    "a question before it",
    "ok",
    (log) => Effect.andThen(Effect.orDie(Approval.ask("ok", { prompt: "?", approvers: ["ada"] })), good(log))
  ],
  ["a child before it", "child", (log) => Effect.andThen(Effect.orDie(define("child").execute({ id: "1" })), good(log))]
]

describe("Divergence", () => {
  it.effect("S9: a diverged run with a signal in its inbox stands still, and goes on when it is resumed under a good build", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (name: string) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const a = yield* echo(log, name)("x")
          yield* Signal.receive(Go)
          return a
        }))
      const good = yield* world.start(program("a"))
      const id = yield* begin(good, W)
      const bad = yield* world.restart(good, program("b"))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const rows = yield* world.rows(id)
      yield* Effect.raceFirst(world.tell(id, "signal", { name: "go", payload: null }), giveWay())
      yield* giveWay()
      assert.isBelow((yield* world.run(id)).epoch, 6, "the run is not claimed over and over")
      assert.deepStrictEqual(yield* world.rows(id), rows)
      const again = yield* world.restart(bad, program("a"))
      yield* world.tell(id, "resume", { by: "ada" })
      yield* assertOutput(again, W, id, "x")
    }))

  it.effect("S9: a diverged run goes on by itself once a build that replays it cleanly serves it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (name: string) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const a = yield* echo(log, name)("x")
          yield* Effect.sleep("1 hour")
          return a
        }))
      const good = yield* world.start(program("a"))
      const id = yield* begin(good, W)
      const bad = yield* world.restart(good, program("b"))
      yield* TestClock.adjust("1 hour")
      yield* bad.settled
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      assert.include((yield* world.waits(id))[0]!.detail!, "\"a\"")
      const still = yield* world.restart(bad, program("c"))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const again = yield* world.restart(still, program("a"))
      yield* again.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.strictEqual(log.count("a x"), 1, "the body of the step did not run again")
    }))

  it.effect("S9: a removed step that was in flight suspends the run although the code has ended", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const first = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, "a")("x")
        yield* stuck(log, "b", "rerun")()
      })))
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      const second = yield* world.restart(first, W.toLayer(() => echo(log, "a")("x")))
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "b" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
    }))

  for (const [what, key, program] of parted) {
    it.effect(`S9: ${what} suspends the run, names the first difference, and runs and writes nothing`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const undo = W.withCompensation(() => Effect.asVoid(echo(log, "undo")("x")))
        const first = yield* world.start(W.toLayer(() => Effect.andThen(undo(Effect.void), good(log))))
        const id = yield* begin(first, W)
        yield* world.tell(id, "signal", { name: "go", payload: null })
        const rows = yield* world.rows(id)
        const bad = yield* world.restart(first, W.toLayer(() => Effect.andThen(undo(Effect.void), program(log))))
        yield* bad.settled
        const [wait] = yield* world.waits(id)
        assert.include(wait, { reason: "diverged" })
        assert.include(`${wait!.key} ${wait!.detail}`, key)
        assert.isNotEmpty(wait!.detail)
        assert.deepStrictEqual(yield* world.rows(id), rows)
        assert.deepStrictEqual(log.entries, ["a x", "b x"])
        const again = yield* world.restart(bad, W.toLayer(() => Effect.andThen(undo(Effect.void), good(log))))
        yield* world.tell(id, "signal", { name: "go", payload: null })
        yield* assertOutput(again, W, id, "end")
      }).pipe(Effect.provide(Logger.layer([]))))
  }

  it.effect("S9: a build that fails earlier than the run did compensates nothing, not even with a plain effect", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const undo = W.withCompensation(() => log.add("undone"))
      const program = (end: Effect.Effect<unknown, never, Effect.Services<ReturnType<typeof good>>>) =>
        W.toLayer(() => Effect.andThen(undo(a(log)("x")), Effect.andThen(b(log)("x"), end)))
      const first = yield* world.start(program(Effect.as(Signal.receive(Go), "end")))
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      const bad = yield* world.restart(first, W.toLayer(() => Effect.andThen(undo(a(log)("x")), Effect.die("early"))))
      yield* bad.settled
      assert.include((yield* world.waits(id))[0], { reason: "diverged" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
      assert.deepStrictEqual(log.entries, ["a x", "b x"])
      const again = yield* world.restart(bad, program(Effect.andThen(Signal.receive(Go), Effect.die("late"))))
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* again.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, ["a x", "b x", "undone"])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S9: code that is changed behind the last delivery is no divergence", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const first = yield* world.start(W.toLayer(() => good(log)))
      const id = yield* begin(first, W)
      const second = yield* world.restart(
        first,
        W.toLayer(() => Effect.andThen(a(log)("x"), Effect.andThen(Signal.receive(Go), echo(log, "new")("y"))))
      )
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(second, W, id, "y")
    }))

  it.effect("S9: a payload that the workflow does not accept any more suspends the run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* world.start(W.toLayer(() => Effect.as(Signal.receive(Go), "end")))
      const id = yield* begin(first, W)
      const Stricter = Workflow.make("W", {
        payload: { id: Schema.Int },
        success: Schema.Unknown,
        idempotencyKey: ({ id }) => `${id}`
      })
      const second = yield* world.restart(first, Stricter.toLayer(() => Effect.succeed("other")))
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "payload" })
      const third = yield* world.restart(second, W.toLayer(() => Effect.as(Signal.receive(Go), "end")))
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(third, W, id, "end")
    }).pipe(Effect.provide(Logger.layer([]))))

  type Kind = Schema.Codec<unknown, unknown>
  const Child = (success: Kind) =>
    Workflow.make("Child", { payload: { id: Schema.String }, success, idempotencyKey: ({ id }) => id })
  const Answer = (success: Kind) => DurableDeferred.make("answer", { success })
  const recorded: ReadonlyArray<readonly [what: string, key: string | RegExp, program: (kind: Kind) => Body]> = [
    [
      "outcome of activity \"act\"",
      "act#1",
      (success) => Activity.make({ name: "act", success, execute: Effect.succeed("text" as unknown) })
    ],
    ["end of child run", /^[0-9a-f]{32}$/, (kind) => Child(kind).execute({ id: "1" })],
    ["completion of \"answer\"", "answer", (kind) => DurableDeferred.await(Answer(kind))],
    [
      "edit of approval \"ok\"",
      "ok",
      (schema) =>
        Approval.ask("ok", {
          prompt: "?",
          approvers: ["ada"],
          args: { schema: Schema.Union([schema, Schema.Null]), value: null, editable: true }
        })
    ]
  ]
  for (const [what, key, program] of recorded) {
    it.effect(`S9: a recorded ${what} that its schema reads no more suspends the run, and undoes nothing`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const serving = (kind: Kind) =>
          Layer.merge(
            Child(Schema.Unknown).toLayer(() => Effect.succeed("text")),
            W.toLayer(() =>
              Effect.andThen(
                W.withCompensation(
                  Effect.orDie(program(kind)),
                  () => Effect.sync(() => log.entries.push("undone"))
                ) as Effect.Effect<void, never, WorkflowEngine.WorkflowInstance>,
                Effect.as(Effect.sleep("1 hour"), "end")
              )
            )
          )
        const good = yield* world.start(serving(Schema.String))
        const id = yield* begin(good, W)
        const [wait] = yield* world.waits(id)
        if (wait?.reason === "approval") {
          yield* world.answer(id, "ok", { decision: "approve", by: "ada", edit: { value: "changed" } })
        }
        if (wait?.reason === "signal") {
          const token = DurableDeferred.tokenFromExecutionId(Answer(Schema.String), { workflow: W, executionId: id })
          yield* good.use(DurableDeferred.succeed(Answer(Schema.String), { token, value: "text" }))
        }
        yield* good.settled
        assert.deepInclude((yield* world.waits(id))[0], { reason: "timer" })
        const bad = yield* world.restart(good, serving(Schema.Int))
        const [difference] = yield* world.waits(id)
        assert.strictEqual(difference!.reason, "diverged")
        assert.match(difference!.key, key instanceof RegExp ? key : new RegExp(`^${key}$`))
        assert.include(difference!.detail, `the recorded ${what}`)
        assert.include(difference!.detail, "does not fit its schema")
        const again = yield* world.restart(bad, serving(Schema.String))
        yield* pass(again, "1 hour")
        yield* assertOutput(again, W, id, "end")
        assert.deepStrictEqual(log.entries, [])
      }))
  }

  it.effect("S9: a signal, a cancel and a timer that come to a diverged run wait for a build that replays it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (name: string) =>
        W.toLayer(Effect.fnUntraced(function*() {
          yield* echo(log, name)("x")
          return yield* Effect.raceFirst(
            Effect.as(Signal.receive(Go), "signal"),
            Effect.as(Effect.sleep("1 hour"), "timer")
          )
        }))
      const first = yield* world.start(program("a"))
      const ids = [
        yield* begin(first, W, "signal"),
        yield* begin(first, W, "timer"),
        yield* begin(first, W, "cancel")
      ] as const
      const bad = yield* world.restart(first, program("b"))
      yield* world.tell(ids[0], "signal", { name: "go", payload: null })
      yield* world.tell(ids[2], "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" })
      for (const id of ids) assert.include(yield* world.run(id), { status: "suspended", reason: "diverged" })
      yield* pass(bad, "1 hour")
      const again = yield* world.restart(bad, program("a"))
      yield* again.settled
      yield* pass(again, "1 second")
      yield* assertOutput(again, W, ids[0], "signal")
      yield* assertOutput(again, W, ids[1], "timer")
      assert.strictEqual((yield* world.run(ids[2])).status, "cancelled")
      assert.strictEqual(log.entries.length, 3)
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S9: code that contradicts itself while it runs suspends its run without the entries that led there", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const program = (second: number) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const events = yield* Events
          const step = yield* Effect.forkChild(stuck(log, "work", "rerun")())
          yield* events.emit("said", 1, { id: "only" })
          yield* Signal.receive(Go)
          yield* events.emit("said", second, { id: "only" })
          yield* Fiber.interrupt(step)
          return "end"
        }, Effect.orDie)).pipe(Layer.provide(Events.layer))
      const first = yield* world.start(program(2))
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "emit:only" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
      assert.strictEqual((yield* world.inbox(id)).length, 1)
      const second = yield* world.restart(first, program(1))
      yield* second.settled
      yield* assertOutput(second, W, id, "end")
    }).pipe(Effect.provide(Logger.layer([]))))
})
