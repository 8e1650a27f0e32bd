/** Recurring schedules: what fires when, what becomes of overlaps and of slots that were missed, and that each fires once. */
import { assert, describe, it } from "@effect/vitest"
import { ReferenceSchedule, Schedule } from "@fermata/core"
import type { CatchUp, Overlap, ScheduleOptions } from "@fermata/core/Schedule"
import { AuditLog } from "@fermata/engine/AuditLog"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import * as Signal from "@fermata/engine/Signal"
import { Tasks } from "@fermata/engine/Tasks"
import { CrashExplorer, CrashHost } from "@fermata/testing"
import { Clock, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { define } from "./support.ts"

const minute = 60_000
const day = 24 * 60 * minute
const by = { by: "ann" }

const Go = Signal.make("go")
const Quick = define("quick")
const Slow = define("slow")
/** What it did takes five minutes to undo. */
const Careful = define("careful")

const workflows = Layer.mergeAll(
  Quick.toLayer(({ id }) => Effect.succeed(id)),
  Slow.toLayer(() => Signal.receive(Go)),
  Careful.toLayer(() =>
    Effect.void.pipe(
      Workflow.withCompensation(() => Effect.sleep("5 minutes")),
      Effect.andThen(Signal.receive(Go))
    )
  )
)

const interval = (everyMs: number, rest: Partial<ScheduleOptions> = {}): ScheduleOptions => ({
  spec: { everyMs },
  target: { workflow: "quick", input: { id: "1" } },
  ...rest
})

/** The verbs of a host. */
const verbs = (host: CrashHost.Host) =>
  host.use(Effect.provide(
    Effect.gen(function*() {
      return { schedules: yield* Schedules, runs: yield* Runs, audit: yield* AuditLog, tasks: yield* Tasks }
    }),
    Layer.mergeAll(Schedules.layer, Runs.layer, AuditLog.layer, Tasks.layer)
  ))

/** Time passes minute by minute, with a host at work. */
const pass = (host: CrashHost.Host, minutes: number) =>
  Effect.forEach(
    Array.from({ length: minutes }),
    () => Effect.andThen(TestClock.adjust(minute), host.settled),
    { discard: true }
  )

/** What became of the slots of a schedule, in their order: the minute, the outcome, and how many were missed before. */
const story = (world: CrashHost.World, name: string) =>
  Effect.map(
    world.backend.firings(name, 500),
    (rows) =>
      rows.toSorted((a, b) => a.slot - b.slot).map(({ missed, outcome, slot }) =>
        `${slot / minute} ${outcome}${missed === 0 ? "" : `, ${missed} missed`}`
      )
  )

const starts = (world: CrashHost.World) =>
  Effect.map(world.backend.runs({ limit: 500 }), (rows) => rows.map(({ createdAt }) => createdAt / minute).toReversed())

/** A life of one host that is away for a while. */
const away = Effect.fnUntraced(function*(name: string, options: ScheduleOptions, before: number, minutes: number) {
  const world = yield* CrashHost.make
  const first = yield* world.start(workflows)
  const { schedules } = yield* verbs(first)
  yield* schedules.put(name, options, by)
  yield* pass(first, before)
  yield* first.kill
  yield* TestClock.adjust(minutes * minute)
  const second = yield* world.restart(first, workflows)
  yield* second.settled
  return { world, host: second, ...(yield* verbs(second)) }
})

describe("schedules", () => {
  it.effect("R-16, R-76: a schedule is made, listed and found by its name; made again with the same name it is changed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(workflows)
      const { schedules } = yield* verbs(host)
      assert.strictEqual((yield* schedules.put("checkin", interval(300_000), by)).result, "created")
      assert.strictEqual((yield* schedules.put("checkin", interval(305_000), by)).result, "changed")
      const [only, ...others] = yield* schedules.list()
      assert.isEmpty(others)
      assert.deepInclude(only, { name: "checkin", spec: { everyMs: 305_000 } })
      assert.deepInclude(yield* schedules.show("checkin"), only!)
    }))

  it.effect("R-17, R-57: a tick starts what is due and says how much; at once again it starts nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      // Nobody works, so that only a tick fires.
      const host = yield* world.start(workflows, { worker: false })
      const { runs, schedules } = yield* verbs(host)
      yield* schedules.put("a", interval(5 * minute), by)
      yield* schedules.put("b", interval(5 * minute), by)
      yield* schedules.put("later", interval(50 * minute), by)
      assert.strictEqual((yield* schedules.tick).started, 0)
      yield* pass(host, 5)
      assert.isEmpty(yield* runs.list())
      const { firings, started } = yield* schedules.tick
      assert.deepStrictEqual([started, firings.map(({ schedule }) => schedule)], [2, ["a", "b"]])
      assert.strictEqual((yield* schedules.tick).started, 0)
      yield* host.settled
      assert.lengthOf(yield* runs.list(), 2)
    }))

  it.effect("R-19: a heartbeat of 305 s comes at 305 s and 610 s, and not at 300 s", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(workflows)
      const { schedules } = yield* verbs(host)
      yield* schedules.put("fleet-heartbeat", interval(305_000), by)
      yield* TestClock.adjust(300_000)
      yield* host.settled
      assert.isEmpty(yield* starts(world))
      yield* TestClock.adjust(5_000)
      yield* host.settled
      yield* TestClock.adjust(305_000)
      yield* host.settled
      assert.deepStrictEqual((yield* starts(world)).map((at) => at * 60), [305, 610])
    }))

  it.effect("R-20, N-29: a heartbeat has one producer: a second is refused, and one run comes of each slot", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(workflows)
      const { audit, schedules } = yield* verbs(host)
      yield* schedules.put("fleet", interval(305_000, { producer: "heartbeat" }), by)
      const refused = yield* Effect.flip(schedules.put("timer", interval(60_000, { producer: "heartbeat" }), by))
      assert.deepInclude(refused, { _tag: "ProducerTaken", owner: "fleet", producer: "heartbeat" })
      yield* TestClock.adjust(305_000)
      yield* host.settled
      assert.lengthOf(yield* starts(world), 1)
      assert.deepStrictEqual((yield* schedules.list()).map(({ name }) => name), ["fleet"])
      assert.lengthOf(yield* audit.list({ limit: 9 }), 1)
    }))

  it.effect("R-21, R-22, R-23: ten missed intervals are one firing; the next comes one interval after that, and what was missed is told", () =>
    Effect.gen(function*() {
      const { schedules, world } = yield* away("beat", interval(10 * minute), 15, 97)
      // At minute 112: the slots from 20 to 110 have passed.
      assert.deepStrictEqual(yield* story(world, "beat"), ["10 started", "110 started, 9 missed"])
      assert.deepStrictEqual(yield* starts(world), [10, 112])
      const view = yield* schedules.show("beat")
      assert.deepInclude(view, { missed: 9, nextSlot: 122 * minute })
      assert.match(view.sentence, /9 slots were missed/)
    }))

  it.effect("R-24: a day down with five schedules: five firings, and the misses are told", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* world.start(workflows)
      const before = yield* verbs(first)
      const specs: ReadonlyArray<ScheduleOptions["spec"]> = [
        { everyMs: 305_000 },
        { everyMs: 60 * minute },
        { cron: "*/15 * * * *", zone: "Europe/Berlin" },
        { cron: "0 3 * * *" },
        { cron: "@hourly" }
      ]
      for (const [index, spec] of specs.entries()) {
        yield* before.schedules.put(`s${index}`, { ...interval(1_000), spec }, by)
      }
      yield* first.kill
      yield* TestClock.adjust(day)
      const second = yield* world.restart(first, workflows)
      yield* second.settled
      assert.lengthOf(yield* starts(world), 5)
      const { schedules } = yield* verbs(second)
      assert.deepStrictEqual(
        (yield* schedules.list()).map(({ missed }) => missed),
        [Math.floor(day / 305_000) - 1, 23, 95, 0, 23]
      )
      assert.strictEqual((yield* schedules.tick).started, 0)
    }))

  it.effect("R-16, R-17, R-19, R-21, R-24: a task is added for each slot, and one alone for all that were missed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* world.start(workflows)
      const { schedules } = yield* verbs(first)
      const task = { kind: "aibtc-checkin", priority: 5, subject: "check in", payload: { fleet: 1 } }
      for (const name of ["a", "b", "c", "d", "e"]) {
        yield* schedules.put(name, { spec: { everyMs: 305_000 }, target: { task } }, by)
      }
      const tasks = (of: string) =>
        Effect.map(
          world.backend.tasks({ limit: 99 }),
          (rows) => rows.filter(({ source }) => source === `schedule:${of}`).toReversed()
        )
      yield* TestClock.adjust(300_000)
      yield* first.settled
      assert.isEmpty(yield* tasks("a"))
      for (const wait of [5_000, 305_000]) {
        yield* TestClock.adjust(wait)
        yield* first.settled
      }
      const [one, ...others] = yield* tasks("a")
      assert.deepInclude(one, { kind: "aibtc-checkin", priority: 5, subject: "check in", status: "queued" })
      assert.deepStrictEqual([one, ...others].map((row) => row!.createdAt), [305_000, 610_000])
      yield* first.kill
      yield* TestClock.adjust(day)
      const second = yield* world.restart(first, workflows)
      yield* second.settled
      for (const name of ["a", "b", "c", "d", "e"]) assert.lengthOf(yield* tasks(name), 3, name)
      assert.strictEqual((yield* (yield* verbs(second)).schedules.tick).started, 0)
    }))

  it.effect("R-20, N-29: tasks of one key come from one schedule; one that waits for its task adds the next when that has ended", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(workflows)
      const { schedules, tasks } = yield* verbs(host)
      const target = { task: { kind: "beat", dedupe: "fleet-heartbeat" } }
      yield* schedules.put("fleet", { spec: { everyMs: minute }, target, overlap: "buffer-one" }, by)
      const refused = yield* Effect.flip(schedules.put("other", { spec: { everyMs: minute }, target }, by))
      assert.deepInclude(refused, { _tag: "ProducerTaken", owner: "fleet", producer: "fleet-heartbeat" })
      yield* pass(host, 3)
      assert.deepStrictEqual(yield* story(world, "fleet"), ["1 started", "2 buffered", "3 skipped"])
      const [leased] = yield* tasks.lease({ queue: "default", owner: "w", leaseMs: minute })
      yield* tasks.complete(leased!.id, leased!.attempts, null)
      yield* host.settled
      assert.deepStrictEqual(yield* story(world, "fleet"), ["1 started", "2 started", "3 skipped"])
      const [, second] = (yield* schedules.firings("fleet")).toReversed()
      assert.deepInclude(yield* schedules.show("fleet"), { running: [String(second!.task)] })
    }))

  it.effect("R-56: an interval of 0 or below is refused, and what else no schedule can be", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const { schedules } = yield* verbs(yield* world.start(workflows))
      for (const everyMs of [0, -300_000, 0.5]) {
        const refused = yield* Effect.flip(schedules.put("a", interval(everyMs), by))
        assert.strictEqual(refused._tag, "ScheduleRefused")
        assert.include(refused.message, "everyMs")
      }
      assert.isEmpty(yield* schedules.list())
    }))

  /** Every ten minutes a run that waits to be told to go on; at 35 min the first is told. */
  const overlapping: { readonly [policy in Overlap]: readonly [firings: ReadonlyArray<string>, statuses: string] } = {
    skip: [["10 started", "20 skipped", "30 skipped", "40 started"], "completed suspended"],
    "buffer-one": [["10 started", "20 started", "30 skipped", "40 buffered"], "completed suspended"],
    "buffer-all": [["10 started", "20 started", "30 buffered", "40 buffered"], "completed suspended"],
    "cancel-other": [
      ["10 started", "20 started", "30 started", "40 started"],
      "cancelled cancelled cancelled suspended"
    ],
    "terminate-other": [
      ["10 started", "20 started", "30 started", "40 started"],
      "cancelled cancelled cancelled suspended"
    ],
    "allow-all": [
      ["10 started", "20 started", "30 started", "40 started"],
      "completed suspended suspended suspended"
    ]
  }
  for (const overlap of Schedule.overlaps) {
    it.effect(`N-28: a slot that comes while a run goes on: ${overlap}`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const host = yield* world.start(workflows)
        const { runs, schedules } = yield* verbs(host)
        yield* schedules.put(
          "s",
          interval(10 * minute, { target: { workflow: "slow", input: { id: "1" } }, overlap }),
          by
        )
        yield* pass(host, 35)
        const [first] = (yield* world.backend.runs({ limit: 9 })).toReversed()
        yield* Effect.ignore(runs.signal(first!.id, "go", null))
        yield* host.settled
        yield* pass(host, 5)
        const [firings, statuses] = overlapping[overlap]
        assert.deepStrictEqual(yield* story(world, "s"), firings)
        const rows = (yield* world.backend.runs({ limit: 9 })).toReversed()
        assert.strictEqual(rows.map(({ status }) => status).join(" "), statuses)
      }))
  }

  for (const [overlap, expected] of [["cancel-other", [10, 25]], ["terminate-other", [10, 20]]] as const) {
    it.effect(`N-28: ${overlap} starts the next run ${overlap === "cancel-other" ? "when the other has undone what it did" : "at once"}`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const host = yield* world.start(workflows)
        const { schedules } = yield* verbs(host)
        yield* schedules.put(
          "s",
          interval(10 * minute, { target: { workflow: "careful", input: { id: "1" } }, overlap }),
          by
        )
        yield* pass(host, 28)
        assert.deepStrictEqual(yield* starts(world), [...expected])
        const first = (yield* world.backend.runs({ limit: 9 })).at(-1)!
        assert.strictEqual(first.status, "cancelled")
        const end = (yield* world.journal(first.id)).at(-1)!
        assert.deepInclude(end, { _tag: "RunCancelled", by: "schedule s" })
      }))
  }

  /** Back at 52 min, when the slots from 10 to 50 have passed. */
  const caughtUp: ReadonlyArray<
    readonly [
      catchUp: CatchUp,
      rest: Partial<ScheduleOptions>,
      firings: ReadonlyArray<string>,
      next: number,
      missed: number
    ]
  > = [
    ["coalesce", {}, ["50 started, 4 missed"], 62, 4],
    ["coalesce", { windowMs: minute }, ["50 skipped, 4 missed"], 62, 5],
    ["coalesce", { spec: { cron: "*/10 * * * *" } }, ["50 started, 4 missed"], 60, 4],
    ["skip", {}, ["50 skipped, 4 missed"], 60, 5],
    ["skip", { windowMs: 2 * minute }, ["50 started, 4 missed"], 60, 4],
    ["all", {}, ["10 started", "20 skipped", "30 skipped", "40 skipped", "50 skipped"], 60, 0],
    ["all", { overlap: "allow-all" }, ["10 started", "20 started", "30 started", "40 started", "50 started"], 60, 0],
    ["all", { overlap: "buffer-all" }, ["10 started", "20 started", "30 started", "40 started", "50 started"], 60, 0],
    ["all", { overlap: "buffer-one" }, ["10 started", "20 started", "30 skipped", "40 skipped", "50 skipped"], 60, 0],
    [
      "all",
      { overlap: "allow-all", windowMs: 25 * minute },
      ["30 started, 2 missed", "40 started", "50 started"],
      60,
      2
    ],
    ["all", { overlap: "allow-all", windowMs: minute }, ["50 skipped, 4 missed"], 60, 5]
  ]
  for (const [catchUp, rest, firings, next, missed] of caughtUp) {
    it.effect(`N-28: slots that passed while nothing was at work: ${catchUp}, ${JSON.stringify(rest)}`, () =>
      Effect.gen(function*() {
        const { schedules, world } = yield* away("s", interval(10 * minute, { catchUp, ...rest }), 0, 52)
        assert.deepStrictEqual(yield* story(world, "s"), firings)
        assert.deepInclude(yield* schedules.show("s"), { nextSlot: next * minute, missed })
      }))
  }

  it.effect("two processes that find a schedule due at once fire it once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* world.start(workflows)
      const { schedules } = yield* verbs(first)
      yield* schedules.put("s", interval(10 * minute), by)
      const second = yield* world.start(workflows)
      for (let slot = 1; slot <= 20; slot++) {
        yield* TestClock.adjust(10 * minute)
        yield* Effect.all([first.settled, second.settled], { concurrency: 2 })
      }
      yield* world.look
      assert.deepStrictEqual(yield* starts(world), Array.from({ length: 20 }, (_, index) => (index + 1) * 10))
    }))

  it.effect("two who ask for a firing at once, in two processes, lose nothing of each other", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const [first, second] = [yield* world.start(workflows), yield* world.start(workflows)]
      const verbsOf = [yield* verbs(first), yield* verbs(second)]
      const target = { workflow: "slow", input: { id: "1" } }
      yield* verbsOf[0]!.schedules.put("s", interval(day, { target, overlap: "buffer-all" }), by)
      const asked = Array.from({ length: 6 }, (_, index) => verbsOf[index % 2]!.schedules.runNow("s", by))
      const told = yield* Effect.all(asked, { concurrency: "unbounded" })
      assert.deepStrictEqual(told.map(({ outcome }) => outcome).toSorted().join(" "), `${"buffered ".repeat(5)}started`)
      const { buffered, running, started } = yield* verbsOf[0]!.schedules.show("s")
      assert.deepStrictEqual([buffered.length, running.length, started], [5, 1, 1])
      assert.lengthOf(yield* world.backend.firings("s", 99), 6)
    }))

  it.effect(
    "a process that dies at any write fires each slot once, and releases what waits once, in order",
    () =>
      Effect.gen(function*() {
        const report = yield* CrashExplorer.explore({
          workflows,
          drive: (host) =>
            Effect.gen(function*() {
              const { runs, schedules } = yield* verbs(host)
              const options = (overlap: Overlap) =>
                interval(10 * minute, { target: { workflow: "slow", input: { id: "1" } }, overlap, endAt: 30 * minute })
              const known = yield* schedules.list()
              // Every life begins at the same moment.
              if (known.length === 0) yield* TestClock.setTime(0)
              if (known.length < 3) {
                yield* schedules.put("all", options("buffer-all"), by)
                yield* schedules.put("cancel", options("cancel-other"), by)
                yield* schedules.put("tick", {
                  spec: { everyMs: 10 * minute },
                  target: { event: { name: "tick" } },
                  endAt: 30 * minute
                }, by)
              }
              while ((yield* Clock.currentTimeMillis) < 30 * minute) {
                yield* TestClock.adjust(10 * minute)
                yield* host.settled
              }
              yield* host.settled
              for (let round = 0; round < 4; round++) {
                for (const run of yield* runs.list({ status: ["suspended"] })) {
                  yield* Effect.ignore(runs.signal(run.id, "go", null, { id: "go" }))
                  yield* host.settled
                }
              }
              yield* host.settled
            }),
          outside: (world) =>
            Effect.gen(function*() {
              const events = yield* world.backend.events({ limit: 99 })
              return {
                all: yield* story(world, "all"),
                cancel: yield* story(world, "cancel"),
                events: events.map(({ id }) => id).toSorted()
              }
            })
        })
        assert.isAbove(report.crashes, 30)
      }),
    60_000
  )

  it("R-16, R-56: the reference's form of a schedule is read, with its task; an interval of 0 or below is none", () => {
    const task = { kind: "aibtc-checkin", source: "schedule:aibtc-checkin", priority: 5, requested_profile: "lumen" }
    assert.deepStrictEqual(
      Result.getOrThrow(ReferenceSchedule.read({ name: "checkin", interval_seconds: 305, task })),
      {
        name: "checkin",
        spec: { everyMs: 305_000 },
        target: { task: { kind: "aibtc-checkin", source: "schedule:aibtc-checkin", priority: 5, profile: "lumen" } }
      }
    )
    for (const interval_seconds of [0, -1, "300"]) {
      const read = ReferenceSchedule.read({ name: "checkin", interval_seconds, task })
      assert.isTrue(Result.isFailure(read) && /interval_seconds/.test(read.failure.message))
    }
    assert.isTrue(Result.isFailure(ReferenceSchedule.read({ name: "checkin", interval_seconds: 5, task, every: 1 })))
  })

  it.effect("a schedule that is said at each start of a process that starts often still comes at its interval", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let host = yield* world.start(workflows)
      for (let hours = 0; hours < 6; hours++) {
        // A deployment each 25 minutes, and an interval of an hour.
        for (let deployment = 0; deployment < 2; deployment++) {
          const { schedules } = yield* verbs(host)
          yield* schedules.put("hourly", interval(60 * minute), by)
          yield* pass(host, 25)
          host = yield* world.restart(host, workflows)
        }
        yield* pass(host, 10)
      }
      assert.deepStrictEqual(yield* starts(world), [60, 120, 180, 240, 300, 360])
    }))

  it.effect("where nothing may overlap, nothing does, also when a pause ends while a run goes on and its process has died", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const first = yield* world.start(workflows)
      const { schedules } = yield* verbs(first)
      yield* schedules.put("s", interval(minute, { target: { workflow: "slow", input: { id: "1" } } }), by)
      yield* pass(first, 2)
      yield* schedules.pause("s", by)
      yield* pass(first, 30)
      const second = yield* world.restart(first, workflows)
      const after = yield* verbs(second)
      yield* after.schedules.resume("s", by)
      yield* pass(second, 10)
      const open = yield* world.backend.runs({ limit: 9, status: ["suspended", "running", "queued"] })
      assert.lengthOf(open, 1)
      yield* after.runs.signal(open[0]!.id, "go", null)
      yield* second.settled
      yield* pass(second, 2)
      assert.lengthOf(yield* world.backend.runs({ limit: 9, status: ["suspended"] }), 1)
      assert.lengthOf(yield* starts(world), 2)
    }))

  it.effect("a slot whose run ends late is fired once, and the next one is not passed over", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const [first, second] = [yield* world.start(workflows), yield* world.start(workflows)]
      const { runs, schedules } = yield* verbs(first)
      yield* schedules.put("weekly", {
        spec: { cron: "0 6 * * 1", zone: "Europe/Prague" },
        target: { workflow: "slow", input: { id: "1" } },
        overlap: "buffer-all"
      }, by)
      for (let week = 0; week < 5; week++) {
        yield* TestClock.adjust(week === 0 ? 4 * day + 5 * 60 * minute : 7 * day - 27_000)
        yield* Effect.all([first.settled, second.settled], { concurrency: 2 })
        // It takes 27 s each time.
        yield* TestClock.adjust(27_000)
        const [open] = yield* world.backend.runs({ limit: 9, status: ["suspended"] })
        yield* runs.signal(open!.id, "go", null)
        yield* Effect.all([first.settled, second.settled], { concurrency: 2 })
        yield* world.look
      }
      const slots = yield* Effect.map(
        world.backend.firings("weekly", 99),
        (rows) => rows.map(({ slot }) => slot).toReversed()
      )
      assert.deepStrictEqual(slots, Array.from({ length: 5 }, (_, week) => 4 * day + 5 * 60 * minute + week * 7 * day))
      assert.lengthOf(yield* starts(world), 5)
    }))
})
