import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const
const Parent = define("parent")
const Child = define("child", { success: Schema.String })
const childId = Child.executionId({ id: "c" })

/** `level` 0 asks a person; each level above runs the one below. */
const Level = Workflow.make("level", {
  payload: { level: Schema.Int },
  success: Schema.Array(Schema.String),
  error: Approval.Denied,
  idempotencyKey: ({ level }) => `${level}`
})

describe("child runs", () => {
  it.effect("S11: a child that has ended is asked for again by its end", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const child = Child.execute({ id: "c" })
      const host = yield* world.start(Layer.merge(
        Child.toLayer(() => Effect.succeed("end")),
        Parent.toLayer(() => Effect.orDie(Effect.all([child, child])))
      ))
      const id = yield* begin(host, Parent)
      yield* assertOutput(host, Parent, id, ["end", "end"])
    }))

  it.effect("S11: have journals of their own, and the parent's holds their start and their end", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(Layer.merge(
        Parent.toLayer(() => Child.execute({ id: "c" })),
        Child.toLayer(({ id }) => echo(log)(id))
      ))
      const id = yield* begin(host, Parent)
      yield* assertOutput(host, Parent, id, "c")
      const child = yield* childId
      assert.deepStrictEqual((yield* world.journal(id)).map((entry) => entry._tag), [
        "RunRequested",
        "RunStarted",
        "ChildStarted",
        "RunSuspended",
        "ChildFinished",
        "RunCompleted"
      ])
      assert.deepStrictEqual(yield* world.story(child), [
        "RunRequested",
        "StepRequested echo",
        "StepCompleted echo",
        "RunCompleted"
      ])
      assert.include(yield* world.run(child), { parent: id, root: id, status: "completed" })
    }))

  it.effect("S11: four levels down, an answer goes on there, and then level by level, after a crash too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const mark = Step.make("mark", { input: Schema.String, onCrash: "rerun", run: (text) => log.add(text) })
      const layer = Level.toLayer(Effect.fnUntraced(function*({ level }) {
        yield* mark(`down ${level}`)
        const below = level === 0
          ? (yield* Approval.ask("go", { prompt: "Go?", approvers: ["ada"] })).by
          : yield* Level.execute({ level: level - 1 })
        yield* mark(`up ${level}`)
        return [...below, `${level}`]
      }))
      const first = yield* world.start(layer)
      const top = yield* first.use(Level.execute({ level: 4 }, { discard: true }))
      yield* first.settled
      const second = yield* world.restart(first, layer)
      yield* second.evict
      yield* second.settled
      assert.strictEqual(yield* second.awake, 0)
      const bottom = yield* Level.executionId({ level: 0 })
      assert.include(yield* world.run(top), { status: "suspended", reason: "child" })
      assert.include(yield* world.run(bottom), { status: "suspended", reason: "approval", root: top })
      yield* world.answer(bottom, "go", { decision: "approve", by: "ada" })
      assert.deepStrictEqual(yield* second.use(Level.execute({ level: 4 })), ["ada", "0", "1", "2", "3", "4"])
      assert.deepStrictEqual(log.entries, [
        ...[4, 3, 2, 1, 0].map((level) => `down ${level}`),
        ...[0, 1, 2, 3, 4].map((level) => `up ${level}`)
      ])
    }))

  it.effect("S4: a child that another process serves runs there, and its parent goes on here", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      yield* world.start(Child.toLayer(({ id }) => echo(log)(id)))
      const here = yield* world.start(Parent.toLayer(() => Child.execute({ id: "c" })))
      const id = yield* begin(here, Parent)
      yield* world.look
      yield* world.look
      yield* assertOutput(here, Parent, id, "c")
      assert.notStrictEqual((yield* world.journal(yield* childId)).length, 0)
      assert.deepStrictEqual(log.entries, ["echo c"])
    }))

  it.effect("a child's error is the parent's to catch, typed, also after a crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = Layer.merge(
        Parent.toLayer(Effect.fnUntraced(function*() {
          const caught = yield* Effect.catchTag(Child.execute({ id: "c" }), "Declined", ({ reason }) =>
            Effect.succeed(reason))
          yield* Signal.receive(Go)
          return yield* echo(log)(caught)
        })),
        Child.toLayer(() =>
          Effect.fail(new Declined({ reason: "no money" }))
        )
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, Parent)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, Parent, id, "no money")
    }))

  it.effect("S8: a cancel of the parent cancels the children it waits for, each compensates once, and the reason is kept", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const undo = echo(log, "undo")
      const compensated = (name: string) =>
        echo(log)(name).pipe(Parent.withCompensation((value) => Effect.asVoid(undo(value))))
      const layer = Layer.merge(
        Parent.toLayer(() => Effect.andThen(compensated("parent"), Child.execute({ id: "c" }))),
        Child.toLayer(() =>
          echo(log)("child").pipe(
            Child.withCompensation((value) => Effect.asVoid(undo(value))),
            Effect.andThen(stuck(log, "work", "rerun")())
          )
        )
      )
      const host = yield* world.start(layer)
      const id = yield* begin(host, Parent)
      yield* world.tell(id, "cancel", cancel)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "cancelled" })
      assert.include(yield* world.run(yield* childId), { status: "cancelled" })
      assert.deepInclude((yield* world.journal(id)).at(-1), {
        _tag: "RunCancelled",
        by: "ada",
        reason: "no longer wanted"
      })
      assert.strictEqual(log.count("undo parent"), 1)
      assert.strictEqual(log.count("undo child"), 1)
    }))

  it.effect("S4: a parent that dies between its child's end and its own loses nothing", () =>
    Effect.gen(function*() {
      for (let write = 1; write < 10; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = Layer.merge(
          Parent.toLayer(() => Effect.forEach(["a", "b"], (id) => Child.execute({ id }), { concurrency: 2 })),
          Child.toLayer(({ id }) => Effect.andThen(Signal.receive(Go), echo(log)(id)))
        )
        let host = yield* world.start(layer)
        const id = yield* begin(host, Parent)
        host.killAt(write, "after", "every")
        const children = [yield* Child.executionId({ id: "a" }), yield* Child.executionId({ id: "b" })]
        for (const child of children) yield* world.tell(child, "signal", go, { id: "go" })
        if (host.killed()) host = yield* world.restart(host, layer)
        yield* host.settled
        yield* assertOutput(host, Parent, id, ["a", "b"])
        yield* host.kill
      }
    }))

  it.effect("a child that was started before is joined, whoever started it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(Layer.merge(
        Parent.toLayer(() => Child.execute({ id: "c" })),
        Child.toLayer(({ id }) => echo(log)(id))
      ))
      yield* begin(host, Child, "c")
      const ids = [yield* begin(host, Parent, "1"), yield* begin(host, Parent, "2")]
      for (const id of ids) yield* assertOutput(host, Parent, id, "c")
      assert.deepStrictEqual(log.entries, ["echo c"])
      assert.isNull((yield* world.run(yield* childId)).parent)
    }))

  it.effect("an unknown workflow as a child waits for a process that serves it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(Parent.toLayer(() => Child.execute({ id: "c" })))
      const id = yield* begin(host, Parent)
      assert.include(yield* world.run(id), { status: "suspended", reason: "child" })
      assert.include(yield* world.run(yield* childId), { status: "queued", owner: null })
      const other = yield* world.start(Child.toLayer(({ id }) => echo(log)(id)))
      yield* other.settled
      yield* world.look
      assert.deepStrictEqual(yield* exitOf(host, Parent, id), Exit.succeed("c"))
    }))
})
