import { assert, describe, it } from "@effect/vitest"
import type { ScheduleOptions } from "@fermata/core/Schedule"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { AuditLog } from "../src/AuditLog.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { Events } from "../src/Events.ts"
import { Runs } from "../src/Runs.ts"
import { Schedules } from "../src/Schedules.ts"
import * as Signal from "../src/Signal.ts"
import { Store } from "../src/Store.ts"
import { Tenants } from "../src/Tenants.ts"
import { define } from "./support/Program.ts"

const Go = Signal.make("go")
const Quick = define("quick")
const Slow = define("slow")

const app = Layer.merge(
  Quick.toLayer(({ id }) => Effect.succeed(id)),
  Slow.toLayer(() => Signal.receive(Go))
).pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Events.layer, AuditLog.layer, Schedules.layer, Tenants.layer)),
  Layer.provideMerge(TestHost.layer)
)

const test = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof app>>) =>
  it.effect(title, () => Effect.provide(body, app))

const minute = 60_000
const hour = 60 * minute
const by = { by: "ann" }
const target = { workflow: "quick", input: { id: "7" } }
const every = (everyMs: number, rest: Partial<ScheduleOptions> = {}): ScheduleOptions => ({
  spec: { everyMs },
  target,
  ...rest
})

const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const put = (name: string, options: ScheduleOptions) =>
  Effect.flatMap(Schedules, (schedules) => schedules.put(name, options, by))
const runs = Effect.flatMap(Runs, (runs) => runs.list({ limit: 500 }))
const firings = (name: string) =>
  Effect.flatMap(
    Schedules,
    (schedules) =>
      Effect.map(schedules.firings(name, { limit: 200 }), (all) =>
        all.toReversed().map(({ missed, outcome, slot }) =>
          `${slot / minute} ${outcome}${missed > 0 ? ` ${missed}` : ""}`
        ))
  )
const show = (name: string) => Effect.flatMap(Schedules, (schedules) => schedules.show(name))
const refusal = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

describe("Schedules", () => {
  test(
    "an interval fires each time it has passed, and its run says which slot has started it",
    Effect.gen(function*() {
      const { result, schedule } = yield* put("beat", every(5 * minute))
      assert.strictEqual(result, "created")
      assert.deepInclude(schedule, {
        nextSlot: 5 * minute,
        nextAt: 5 * minute,
        paused: false,
        overlap: "skip",
        started: 0
      })
      yield* adjust(5 * minute - 1)
      assert.isEmpty(yield* runs)
      yield* adjust(1)
      const [first] = yield* runs
      assert.deepInclude(first, { workflow: "quick", status: "completed" })
      const view = yield* Effect.flatMap(Runs, (runs) => runs.show(first!.id))
      assert.deepInclude(view, { by: "ann", payload: { id: "7" } })
      assert.deepInclude(view.trigger, {
        event: "schedule.fired",
        schedule: { name: "beat", slot: 5 * minute, missed: 0 }
      })
      yield* adjust(5 * minute)
      yield* adjust(5 * minute)
      assert.lengthOf(yield* runs, 3)
      assert.deepStrictEqual(yield* firings("beat"), ["5 started", "10 started", "15 started"])
      assert.deepInclude(yield* show("beat"), { lastSlot: 15 * minute, nextSlot: 20 * minute, started: 3, running: [] })
    })
  )

  test(
    "a cron expression fires in its zone, until its end",
    Effect.gen(function*() {
      yield* put("nightly", {
        spec: { cron: "30 2 * * *", zone: "Europe/Berlin" },
        target,
        startAt: 12 * hour,
        endAt: 3 * 24 * hour
      })
      for (let day = 0; day < 5; day++) yield* adjust(24 * hour)
      assert.deepStrictEqual(yield* firings("nightly"), [`${(24 + 1.5) * 60} started`, `${(48 + 1.5) * 60} started`])
      const { nextSlot, sentence } = yield* show("nightly")
      assert.isUndefined(nextSlot)
      assert.match(sentence, /^at 02:30 every day \(Europe\/Berlin\); no further time comes/)
    })
  )

  test(
    "the same said again changes nothing, not even when it fires next; other times begin anew, and all else is kept",
    Effect.gen(function*() {
      yield* put("beat", every(10 * minute))
      yield* adjust(6 * minute)
      assert.strictEqual((yield* put("beat", every(10 * minute))).result, "same")
      assert.strictEqual(
        (yield* put("beat", every(10 * minute, { note: "n", overlap: "allow-all" }))).result,
        "changed"
      )
      assert.deepInclude(yield* show("beat"), { nextSlot: 10 * minute, note: "n" })
      yield* adjust(4 * minute)
      assert.deepStrictEqual(yield* firings("beat"), ["10 started"])
      yield* put("beat", every(5 * minute))
      assert.deepInclude(yield* show("beat"), { nextSlot: 15 * minute, started: 1 })
      const lines = yield* Effect.flatMap(AuditLog, (audit) => audit.list({ limit: 9 }))
      assert.deepStrictEqual(
        lines.map(({ action, target, who }) => `${who} ${action} ${target}`),
        ["ann schedule.put beat", "ann schedule.put beat", "ann schedule.put beat"]
      )
    })
  )

  test(
    "an event is published once for each slot, with what is said or with the slot",
    Effect.gen(function*() {
      const events = yield* Events
      yield* put("a", { spec: { everyMs: minute }, target: { event: { name: "tick", payload: { n: 1 } } } })
      yield* put("b", { spec: { everyMs: minute }, target: { event: { name: "tock" } } })
      yield* adjust(minute)
      const kept = yield* events.kept({ limit: 9 })
      assert.deepStrictEqual(kept.map(({ name, payload, source }) => ({ name, payload, source })), [
        { name: "tock", payload: { schedule: "b", slot: minute, missed: 0 }, source: "schedule b" },
        { name: "tick", payload: { n: 1 }, source: "schedule a" }
      ])
      assert.deepInclude((yield* Effect.flatMap(Schedules, (schedules) => schedules.firings("a")))[0], {
        outcome: "started",
        event: "schedule:a:1970-01-01T00:01:00.000Z"
      })
    })
  )

  test(
    "what cannot be started is recorded with the reason, and the next slot is tried",
    Effect.gen(function*() {
      yield* put("gone", { spec: { everyMs: minute }, target: { workflow: "nothing" } })
      yield* put("bad", { spec: { everyMs: minute }, target: { workflow: "quick", input: { id: 7 } } })
      yield* adjust(minute)
      yield* adjust(minute)
      assert.deepStrictEqual(yield* firings("gone"), ["1 failed", "2 failed"])
      assert.match((yield* show("gone")).problem ?? "", /no workflow "nothing"; registered are/)
      assert.match((yield* show("bad")).sentence, /the last slot started nothing: .*does not fit workflow "quick"/)
      yield* put("gone", { spec: { everyMs: minute }, target })
      yield* adjust(minute)
      assert.deepStrictEqual((yield* firings("gone")).at(-1), "3 started")
      assert.isUndefined((yield* show("gone")).problem)
    })
  )

  test(
    "a paused schedule fires nothing, and goes on with the first slot that is yet to come",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      yield* put("beat", every(10 * minute))
      assert.isTrue((yield* schedules.pause("beat", by)).paused)
      yield* adjust(35 * minute)
      assert.isEmpty(yield* runs)
      assert.deepInclude(yield* schedules.resume("beat", by), { paused: false, nextSlot: 40 * minute, missed: 0 })
      yield* adjust(5 * minute)
      assert.deepStrictEqual(yield* firings("beat"), ["40 started"])
    })
  )

  test(
    "run now fires also what is paused, as its overlap says, and leaves its slots as they are",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      const { settled } = yield* TestHost
      yield* put("slow", { spec: { everyMs: hour }, target: { workflow: "slow", input: { id: "1" } } })
      yield* schedules.pause("slow", by)
      yield* adjust(minute)
      const first = yield* schedules.runNow("slow", { by: "bob" })
      assert.deepInclude(first, { cause: "now", outcome: "started", by: "bob", slot: minute })
      yield* settled
      const second = yield* schedules.runNow("slow", { by: "bob" })
      assert.deepInclude(second, { outcome: "skipped", problem: `run ${first.run} goes on` })
      assert.deepInclude(yield* show("slow"), { running: [String(first.run)], nextSlot: hour })
      const view = yield* Effect.flatMap(Runs, (runs) => runs.show(first.run ?? "none"))
      assert.strictEqual(view.by, "bob")
    })
  )

  test(
    "a backfill fires the slots of a span one after another, and each once",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      const operator = yield* Runs
      const { settled } = yield* TestHost
      yield* adjust(10 * hour)
      yield* put("slow", { spec: { cron: "0 * * * *" }, target: { workflow: "slow", input: { id: "1" } } })
      const span = { from: 2 * hour, until: 4 * hour }
      assert.deepStrictEqual(yield* schedules.backfill("slow", span, by), { schedule: "slow", slots: 3 })
      for (const slot of [2, 3, 4]) {
        yield* settled
        const { running } = yield* show("slow")
        const view = yield* operator.show(running[0] ?? "none")
        assert.strictEqual(view.trigger?.schedule?.slot, slot * hour)
        yield* operator.signal(running[0] ?? "none", "go", null)
      }
      yield* settled
      assert.deepStrictEqual(yield* firings("slow"), ["120 started", "180 started", "240 started"])
      assert.deepInclude(yield* show("slow"), { running: [], backfills: [], nextSlot: 11 * hour })
      yield* schedules.backfill("slow", span, by)
      yield* settled
      assert.lengthOf(yield* runs, 3)
      assert.match((yield* schedules.firings("slow"))[0]?.problem ?? "", /was started before/)
    })
  )

  test(
    "a backfill of many slots is done page by page, all at once where overlaps are allowed",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      yield* adjust(10 * hour)
      yield* put("many", { spec: { cron: "* * * * *" }, target: { event: { name: "tick" } } })
      const { slots } = yield* schedules.backfill("many", { from: 0, until: 5 * hour - 1 }, by)
      assert.strictEqual(slots, 300)
      yield* Effect.flatMap(TestHost, (host) => host.settled)
      const events = yield* Effect.flatMap(Events, (events) => events.kept({ limit: 500 }))
      assert.strictEqual(new Set(events.map(({ id }) => id)).size, 300)
      assert.lengthOf(yield* schedules.firings("many", { limit: 500 }), 200)
      assert.deepInclude(yield* show("many"), { backfills: [], started: 300 })
    })
  )

  test(
    "what cannot be a schedule is refused in one sentence, and nothing is stored",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      yield* adjust(hour)
      const cases: ReadonlyArray<readonly [string, object, RegExp]> = [
        ["bad name", every(minute), /named by 1 to 200 letters/],
        ["a", { ...every(0) }, /everyMs/],
        ["a", { ...every(-5) }, /everyMs/],
        ["a", { ...every(999) }, /everyMs/],
        ["a", { ...every(minute), nonsense: 1 }, /nonsense/],
        ["a", { spec: { cron: "0 0 31 2 *" }, target }, /has no date on which it comes/],
        ["a", { spec: { cron: "0 0 L * *" }, target }, /another kind of cron/],
        ["a", { spec: { cron: "@daily", zone: "Mars/Base" }, target }, /no time zone "Mars\/Base"/],
        ["a", { ...every(minute), endAt: 5 }, /which has passed/],
        ["a", { ...every(minute), jitterMs: 2 * minute }, /interval only 60000/],
        ["a", { spec: { everyMs: minute }, target: { workflow: "engine.bulk" } }, /by the engine alone/],
        [
          "a",
          { spec: { everyMs: minute }, target: { event: { name: "engine.run.failed" } } },
          /told by the engine alone/
        ],
        ["a", { spec: { everyMs: minute }, target: { ...target, labels: { "a b": "c" } } }, /label/],
        ["a", { spec: { everyMs: minute }, target: { event: { name: "e" } }, overlap: "skip" }, /nothing overlaps/],
        [
          "a",
          { spec: { everyMs: minute }, target: { task: { kind: "k" } }, overlap: "cancel-other" },
          /for runs of workflows/
        ],
        [
          "a",
          { spec: { everyMs: minute }, target: { task: { kind: "k", queue: "engine.webhooks" } } },
          /the engine's own/
        ],
        ["a", { spec: { everyMs: minute }, target: {} }, /workflow|event/]
      ]
      for (const [name, options, expected] of cases) {
        assert.match(yield* refusal(schedules.put(name, options as ScheduleOptions, by)), expected)
      }
      assert.isEmpty(yield* schedules.list())
      yield* put("a", { spec: { cron: "* * * * *" }, target })
      const spans: ReadonlyArray<readonly [number, number, RegExp]> = [
        [5, 4, /ends before it begins/],
        [0, 2 * hour, /yet to come/],
        [1, 2, /has no slot between/]
      ]
      for (const [from, until, expected] of spans) {
        assert.match(yield* refusal(schedules.backfill("a", { from, until }, by)), expected)
      }
      yield* schedules.pause("a", by)
      yield* adjust(8 * 24 * hour)
      assert.match(
        yield* refusal(schedules.backfill("a", { from: 0, until: 7 * 24 * hour }, by)),
        /10081 slots; give one of at most 10000/
      )
      assert.match(yield* refusal(schedules.show("b")), /no schedule "b"; there is a$/)
      assert.match(yield* refusal(schedules.runNow("b", by)), /no schedule "b"/)
    })
  )

  test(
    "schedules of a tenant are its own, and so is what they start; a full tenant is told so by its firings",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      const tenants = yield* Tenants
      const acme = CurrentTenant.within("acme")
      yield* acme(put("beat", { ...every(minute), producer: "p" }))
      yield* put("beat", { ...every(minute), producer: "p" })
      yield* adjust(minute)
      assert.deepStrictEqual((yield* runs).map(({ tenant }) => tenant ?? "none").sort(), ["acme", "none"])
      assert.deepStrictEqual((yield* acme(schedules.list())).map(({ name }) => name), ["beat"])
      assert.deepStrictEqual((yield* schedules.list()).map(({ name }) => name), ["acme~beat", "beat"])
      assert.match(yield* refusal(CurrentTenant.within("beta")(schedules.show("beat"))), /there is none/)
      yield* tenants.limit("acme", { openRuns: 0 }, by)
      yield* adjust(minute)
      const [last] = yield* acme(schedules.firings("beat"))
      assert.deepInclude(last, { outcome: "failed", schedule: "beat" })
      assert.match(last?.problem ?? "", /Tenant acme has 0 open runs/)
    })
  )

  test(
    "what a schedule alone produces no second one may; one that is removed leaves its firings and its producer",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      yield* put("a", { ...every(minute), producer: "heartbeat" })
      assert.match(
        yield* refusal(put("b", { ...every(hour), producer: "heartbeat" })),
        /"heartbeat" is produced by schedule "a" already, and by one alone/
      )
      yield* adjust(minute)
      const gone = yield* schedules.remove("a", by)
      assert.deepInclude(gone, { name: "a", started: 1 })
      yield* adjust(10 * minute)
      assert.lengthOf(yield* runs, 1)
      assert.strictEqual((yield* put("b", { ...every(hour), producer: "heartbeat" })).result, "created")
      assert.match(yield* refusal(schedules.remove("a", by)), /no schedule "a"/)
    })
  )

  test(
    "jitter fires later by what follows from name and slot, the same as is told beforehand",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      yield* put("beat", every(hour, { jitterMs: 10 * minute }))
      const [next] = yield* schedules.next("beat", 1)
      assert.strictEqual(next!.slot, hour)
      assert.isTrue(next!.at > hour && next!.at <= hour + 10 * minute)
      yield* adjust(next!.at - 1)
      assert.isEmpty(yield* runs)
      yield* adjust(1)
      assert.lengthOf(yield* runs, 1)
      assert.deepStrictEqual((yield* schedules.next("beat", 3)).map(({ slot }) => slot / hour), [2, 3, 4])
    })
  )

  test(
    "a tick fires what is due, and once",
    Effect.gen(function*() {
      const schedules = yield* Schedules
      const { backend } = yield* Store
      yield* put("beat", every(hour))
      // As a process that does no work finds it.
      const row = (yield* backend.schedule("beat"))!
      yield* TestClock.adjust(hour - 1)
      assert.deepStrictEqual(yield* schedules.tick, { started: 0, firings: [] })
      yield* backend.write([{
        op: "schedule",
        row: { ...row, dueAt: 0, state: row.state.replace(`"nextSlot":${hour}`, `"nextSlot":${minute}`), version: 2 },
        seen: 1
      }])
      const ticked = yield* schedules.tick
      assert.strictEqual(ticked.started, 1)
      assert.deepInclude(ticked.firings[0], { schedule: "beat", outcome: "started", slot: minute })
      assert.deepStrictEqual(yield* schedules.tick, { started: 0, firings: [] })
    })
  )
})
