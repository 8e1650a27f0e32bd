import { assert, describe, it } from "@effect/vitest"
import type { SensorEvent } from "@fermata/core/SensorEvent"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { CurrentActor } from "../src/Actor.ts"
import { AuditLog } from "../src/AuditLog.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { Events } from "../src/Events.ts"
import { Runs } from "../src/Runs.ts"
import { Sensors } from "../src/Sensors.ts"
import * as Step from "../src/Step.ts"
import { Store } from "../src/Store.ts"
import { Tasks } from "../src/Tasks.ts"

const tell = Step.make("tell", {
  input: { text: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  error: Schema.String,
  run: ({ text }) => text === "fail" ? Effect.fail("no") : Effect.succeed(text.toUpperCase())
})
const Goal = Workflow.make("goal-loop", {
  payload: { summary: Schema.String, objective: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ summary }) => summary
})
const workflows = Goal.toLayer(({ objective }) => Effect.orDie(tell({ text: objective })))
const services = Layer.mergeAll(Sensors.layer, Runs.layer, Events.layer, AuditLog.layer, Tasks.layer)
const app = workflows.pipe(Layer.provideMerge(services), Layer.provideMerge(TestHost.layer))

const test = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof app>>) =>
  it.effect(title, () => Effect.provide(body, app))

const acme = CurrentTenant.within("acme")
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const ingest = (event: SensorEvent, options = {}) =>
  Effect.flatMap(Sensors, (sensors) => sensors.ingest(event, options))
const listed = Effect.flatMap(
  Sensors,
  (sensors) => Effect.map(sensors.list(), (rows) => rows.map(({ dedupe }) => dedupe))
)
const published = Effect.flatMap(
  Events,
  (events) =>
    Effect.map(events.kept({ limit: 100 }), (rows) => rows.map(({ id, name, payload }) => ({ id, name, payload })))
)
const tasks = Effect.flatMap(Tasks, (tasks) => tasks.list())
const runs = Effect.flatMap(
  Runs,
  (runs) => Effect.map(runs.list(), (rows) => rows.map(({ id, status }) => ({ id, status })))
)

const mention: SensorEvent = {
  sensor: "discord-mentions",
  dedupe: "discord:message-123",
  payload: { text: "help" },
  event: { name: "discord.mention" },
  task: { kind: "discord-reply", subject: "Reply" },
  run: { workflow: "goal-loop", key: "g1", input: { summary: "s", objective: "win" } }
}

describe("what comes in", () => {
  test(
    "is published and starts a run, once, and is told again by what came first",
    Effect.gen(function*() {
      const first = yield* ingest(mention, { tell: true })
      assert.strictEqual(first.duplicate, false)
      assert.strictEqual(first.run, "started")
      const again = yield* ingest({ ...mention, payload: { text: "other" }, sensor: "else" }, { tell: true })
      assert.deepStrictEqual(again, { duplicate: true, event: first.event })
      yield* settled
      const id = "sensor:discord:message-123"
      assert.deepStrictEqual(yield* published, [{ id, name: "discord.mention", payload: { text: "help" } }])
      const [run, ...more] = yield* Effect.flatMap(Runs, (runs) => runs.list())
      assert.deepStrictEqual([run?.id, run?.status, more], [first.event.outcome.run?.id, "completed", []])
      const view = yield* Effect.flatMap(Runs, (runs) => runs.show(run!.id))
      assert.deepInclude(view.trigger, { event: "discord.mention", id })
    })
  )

  test(
    "adds a task, with its own payload and sensor where the task has none",
    Effect.gen(function*() {
      const { event } = yield* ingest(mention)
      yield* ingest({ ...mention, sensor: "again" })
      yield* settled
      const [task, ...more] = yield* tasks
      assert.isEmpty(more)
      assert.deepInclude(task, {
        id: event.outcome.task!.id,
        queue: "default",
        kind: "discord-reply",
        source: "discord-mentions",
        subject: "Reply",
        status: "queued"
      })
      const { payload } = yield* Effect.flatMap(Tasks, (tasks) => tasks.show(task!.id))
      assert.deepStrictEqual(payload, { text: "help" })
      const named = { id: "t1", kind: "k", queue: "mail", source: "me", payload: 1, priority: 5 }
      yield* acme(ingest({ sensor: "s", dedupe: "d", task: named }))
      yield* settled
      const [own] = yield* acme(tasks)
      assert.deepInclude(own, { queue: "acme~mail", source: "me", priority: 5 })
    })
  )

  test(
    "uses the run of its workflow and key again",
    Effect.gen(function*() {
      const first = yield* ingest(mention, { tell: true })
      const second = yield* ingest({ ...mention, dedupe: "discord:message-124" }, { tell: true })
      const third = yield* ingest({ ...mention, dedupe: "d3", run: { ...mention.run!, key: "g2" } }, { tell: true })
      assert.deepStrictEqual([first.run, second.run, third.run], ["started", "reused", "started"])
      assert.strictEqual(second.event.outcome.run?.id, first.event.outcome.run?.id)
      assert.lengthOf(yield* runs, 2)
    })
  )

  test(
    "has its own key for that of the run where none is named, and its payload for what the run and the event are given",
    Effect.gen(function*() {
      const { event } = yield* ingest({
        sensor: "s",
        dedupe: "k",
        payload: { summary: "s", objective: "o" },
        run: { workflow: "goal-loop" }
      })
      assert.strictEqual(event.outcome.run?.key, "k")
      yield* settled
      assert.deepStrictEqual((yield* runs).map(({ status }) => status), ["completed"])
    })
  )

  test(
    "may come to nothing but its record, with all that was said of it",
    Effect.gen(function*() {
      const { event } = yield* ingest({ sensor: "s", dedupe: "k", eventId: "e", ref: "s://1", payload: [1] })
      const page = yield* Effect.flatMap(Sensors, (sensors) => sensors.find(event.position))
      assert.deepStrictEqual(page, {
        position: event.position,
        at: 0,
        sensor: "s",
        dedupe: "k",
        eventId: "e",
        ref: "s://1",
        outcome: {},
        payload: [1]
      })
      assert.isEmpty(yield* published)
    })
  )

  test(
    "is refused whole: where one part of it cannot be, no other is done, and nothing is recorded",
    Effect.gen(function*() {
      const mistakes: ReadonlyArray<readonly [Partial<SensorEvent>, string]> = [
        [{ run: { workflow: "goal-lop" } }, "WorkflowNotFound"],
        [{ run: { workflow: "goal-loop", input: { summary: 1 } } }, "PayloadRefused"],
        [{ run: { ...mention.run!, labels: { "a b": "c" } } }, "StartRefused"],
        [{ task: { kind: "k", queue: "engine.webhooks" } }, "TaskRefused"],
        [{ task: { kind: "k", delayMs: 1, notBefore: 1 } }, "TaskRefused"],
        [{ task: { kind: "" } }, "SensorRefused"],
        [{ event: { name: "engine.approval.granted" } }, "SensorRefused"],
        [{ event: { name: "engine.run.completed" } }, "EventRefused"],
        [{ payload: "\ud800".repeat(1) + "x".repeat(1_100_000) }, "SensorRefused"],
        [{ sensor: "no name" }, "SensorRefused"]
      ]
      for (const [change, tag] of mistakes) {
        const error = yield* Effect.flip(ingest({ ...mention, ...change }))
        assert.strictEqual(error._tag, tag, error.message)
      }
      yield* settled
      assert.isEmpty(yield* listed)
      assert.isEmpty(yield* published)
      assert.isEmpty(yield* runs)
      assert.isEmpty(yield* tasks)
    })
  )

  test(
    "is of its tenant alone: keys, runs, events and what is listed",
    Effect.gen(function*() {
      const ours = yield* acme(ingest(mention, { tell: true }))
      const none = yield* ingest(mention, { tell: true })
      assert.deepStrictEqual([ours.duplicate, none.duplicate, ours.run, none.run], [false, false, "started", "started"])
      assert.strictEqual(ours.event.sensor, "discord-mentions")
      assert.isTrue(ours.event.outcome.run!.id.startsWith("acme~"))
      assert.lengthOf(yield* acme(listed), 1)
      assert.isEmpty(yield* CurrentTenant.within("beta")(listed))
      const error = yield* Effect.flip(
        CurrentTenant.within("beta")(Effect.flatMap(Sensors, (sensors) => sensors.find(ours.event.position)))
      )
      assert.strictEqual(error._tag, "SensorEventNotFound")
      yield* settled
      assert.deepStrictEqual((yield* acme(published)).map(({ name }) => name), ["discord.mention"])
    })
  )

  test(
    "is an act of whoever is said to act, and of nobody else",
    Effect.gen(function*() {
      yield* ingest({ sensor: "s", dedupe: "a" })
      yield* Effect.provideService(ingest({ sensor: "s", dedupe: "b" }), CurrentActor, { who: "ann", how: "http" })
      yield* Effect.provideService(ingest({ sensor: "s", dedupe: "b" }), CurrentActor, { who: "ann", how: "http" })
      const lines = yield* Effect.flatMap(AuditLog, (log) => log.list({}))
      assert.deepStrictEqual(lines.map(({ action, target, who }) => [who, action, target]), [[
        "ann",
        "sensor.ingest",
        "b"
      ]])
    })
  )

  test(
    "is dropped once it is old, a part at each beat",
    Effect.gen(function*() {
      const { backend } = yield* Store
      yield* Effect.forEach(Array.from({ length: 600 }, (_, n) => n), (n) => ingest({ sensor: "s", dedupe: `k${n}` }), {
        discard: true
      })
      const host = yield* TestHost
      yield* host.adjust("29 days")
      yield* host.adjustHost(20_000)
      assert.lengthOf(yield* backend.sensors({ limit: 1_000 }), 600)
      yield* host.adjust("1 days")
      yield* host.adjustHost(10_000)
      assert.lengthOf(yield* backend.sensors({ limit: 1_000 }), 100)
      yield* host.adjustHost(10_000)
      assert.isEmpty(yield* backend.sensors({ limit: 1_000 }))
      assert.strictEqual((yield* ingest({ sensor: "s", dedupe: "k0" })).duplicate, false)
    })
  )

  test(
    "that is refused is listed with the reason, once for each of its kind, and may come in later",
    Effect.gen(function*() {
      const sensors = yield* Sensors
      yield* sensors.refuse({ sensor: "git", dedupe: "hash", payload: { a: 1 } }, "no key")
      yield* sensors.refuse({ sensor: "git", dedupe: "hash", payload: { a: 1 } }, "no name")
      const rows = yield* sensors.list({ sensor: "git" })
      assert.deepStrictEqual(rows.map(({ refused }) => refused), ["no name"])
      assert.strictEqual((yield* ingest({ sensor: "git", dedupe: "hash" })).duplicate, false)
    })
  )
})

describe("events that ask for one run", () => {
  test(
    "at the same moment start it once: one of them is told so, and all others that it was there",
    Effect.gen(function*() {
      const told = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, n) => n),
        (n) => ingest({ sensor: "s", dedupe: `d${n}`, run: mention.run! }, { tell: true }),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(told.filter(({ run }) => run === "started"), 1)
      assert.lengthOf(told.filter(({ run }) => run === "reused"), 11)
      yield* settled
      assert.lengthOf(yield* runs, 1)
    })
  )

  test(
    "find it by its key also once it has failed and goes on as another run",
    Effect.gen(function*() {
      const verbs = yield* Runs
      const failing = { ...mention.run!, input: { summary: "s", objective: "fail" } }
      const first = yield* ingest({ sensor: "s", dedupe: "a", run: failing }, { tell: true })
      yield* settled
      const { runId } = yield* verbs.retry(first.event.outcome.run!.id)
      yield* settled
      const second = yield* ingest({ sensor: "s", dedupe: "b", run: failing }, { tell: true })
      assert.deepStrictEqual([second.run, second.event.outcome.run?.id], ["reused", first.event.outcome.run!.id])
      assert.notStrictEqual(runId, first.event.outcome.run!.id)
      assert.lengthOf(yield* runs, 2)
    })
  )
})

describe("under crashes", () => {
  it.effect("what was asked for comes to the same, once, wherever its process dies", () =>
    Effect.gen(function*() {
      const report = yield* CrashExplorer.explore({
        workflows,
        drive: (host) =>
          host.use(
            Effect.gen(function*() {
              yield* ingest(mention)
              yield* ingest({ ...mention, dedupe: "second" })
            }).pipe(Effect.andThen(host.settled), Effect.provide(services))
          ),
        outside: (world) =>
          Effect.gen(function*() {
            const rows = yield* world.backend.sensors({ limit: 10 })
            const events = yield* world.backend.events({ limit: 10 })
            const tasks = yield* world.backend.tasks({ limit: 10 })
            return {
              rows: rows.map(({ dedupe, outcome }) => [dedupe, outcome]),
              events: events.map(({ id }) => id),
              tasks: tasks.map(({ id }) => id)
            }
          })
      })
      assert.isAbove(report.crashes, 5)
    }))
})
