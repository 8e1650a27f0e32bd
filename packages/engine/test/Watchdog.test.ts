import { assert, describe, it } from "@effect/vitest"
import type { Wait } from "@fermata/core/Wait"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { RunRow } from "../src/Backend.ts"
import { reindex, type StoredRun } from "../src/internal/MemoryStore.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Watchdog from "../src/Watchdog.ts"
import { assertOutput, begin, define, echo, giveWay, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const Parent = define("parent")
const Child = define("child")
const Hour = define("Hour")
const childId = Child.executionId({ id: "c" })

/** Changes a run in the store behind everybody's back. */
const damage = (world: CrashHost.MemoryWorld, id: string, change: (run: StoredRun) => Partial<StoredRun>) => {
  const before = world.store.runs.get(id)!
  const after = { ...before, ...change(before) }
  reindex(world.store, before, after)
  world.store.runs.set(id, after)
}
const row = (change: Partial<RunRow>) => (run: StoredRun) => ({ row: { ...run.row, ...change } })
const waits = (...waits: ReadonlyArray<Wait>) => JSON.stringify(waits)

/** What was logged as a warning, and the logger that hears it. */
const listen = () => {
  const heard: Array<string> = []
  const layer = Logger.layer([Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") heard.push(String(Array.isArray(message) ? message[0] : message))
  })])
  return { heard, layer }
}

/** Waits for a signal, a second or a person, whatever its id says; it is evicted then. */
const waiting = (log: Log) =>
  W.toLayer(Effect.fnUntraced(function*({ id }) {
    if (id === "signal") yield* Signal.receive(Go)
    if (id === "timer") yield* Effect.sleep("1 hour")
    if (id === "ask") {
      yield* Effect.orDie(
        Approval.ask("ok", { prompt: "?", approvers: ["ada"], deadline: "1 hour", onTimeout: "approve" })
      )
    }
    return yield* echo(log)(id)
  }))

/** As many beats, of which each comes to rest. */
const beats = Effect.fnUntraced(function*(world: CrashHost.World, count: number) {
  for (let second = 0; second < count * Watchdog.beatMs / 1_000; second++) {
    yield* world.adjustHost(1_000)
    yield* giveWay(20)
  }
})

const suspended = Effect.fnUntraced(function*(name: string) {
  const world = yield* CrashHost.make
  const log = new Log()
  const host = yield* world.start(waiting(log))
  const id = yield* begin(host, W, name)
  yield* host.evict
  yield* host.settled
  assert.include(yield* world.run(id), { status: "suspended", owner: null })
  return { world, log, host, id }
})

describe("Watchdog", () => {
  for (
    const [reason, name, change] of [
      ["timer-missed", "timer", { dueAt: null }],
      ["timer-missed", "ask", { dueAt: null }],
      ["timer-missed", "ask", { dueAt: 7_200_000 }],
      ["waits-empty", "signal", { waits: "[]" }],
      ["waits-empty", "signal", { waits: null }],
      ["waits-unreadable", "signal", { waits: "[{\"reason\":\"mood\"}]" }],
      ["never-due", "signal", { status: "queued", reason: null, waits: null, dueAt: null }],
      ["never-due", "signal", { status: "running", reason: null, waits: null, dueAt: null }]
    ] as const
  ) {
    it.effect(`S7: a run that waits for a ${name} and was damaged to ${JSON.stringify(change)} is reported once as ${reason}, and waits again as it should`, () => {
      const { heard, layer } = listen()
      return Effect.gen(function*() {
        const { host, id, log, world } = yield* suspended(name)
        const healthy = yield* world.run(id)
        damage(world, id, row(change))
        yield* world.adjustHost(Watchdog.beatMs)
        assert.deepStrictEqual(heard, [], "it may be under way")
        yield* world.adjustHost(Watchdog.beatMs)
        assert.lengthOf(heard, 1)
        assert.match(
          heard[0]!,
          new RegExp(`run ${id} of W@1 would not have gone on: .*; the watchdog has made it due again`)
        )
        assert.deepInclude((yield* world.backend.findings(10))[0], {
          run: id,
          reason,
          woken: true,
          length: healthy.length
        })
        yield* host.evict
        yield* host.settled
        const { dueAt, reason: again, status, waits } = yield* world.run(id)
        assert.deepStrictEqual({ dueAt, reason: again, status, waits }, {
          dueAt: healthy.dueAt,
          reason: healthy.reason,
          status: healthy.status,
          waits: healthy.waits
        })
        yield* world.adjustHost(60_000)
        assert.lengthOf(heard, 1)
        if (name === "signal") yield* world.tell(id, "signal", { name: "go", payload: null })
        else yield* TestClock.adjust("1 hour")
        yield* host.settled
        yield* assertOutput(host, W, id, name)
        assert.lengthOf(log.entries, 1)
        assert.deepStrictEqual(yield* world.backend.findings(10), [])
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("S7: a timer that passed while the store had forgotten it fires within 60 s of host time", () =>
    Effect.gen(function*() {
      const { host, id, world } = yield* suspended("timer")
      damage(world, id, row({ dueAt: null }))
      yield* TestClock.adjust("3 hours")
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* world.adjustHost(60_000)
      yield* assertOutput(host, W, id, "timer")
    }).pipe(Effect.provide(listen().layer)))

  it.effect("S6, S7: a signal that lies in the inbox of a run that is never due is read, and counts once", () =>
    Effect.gen(function*() {
      const { host, id, world } = yield* suspended("signal")
      yield* host.close
      yield* world.tell(id, "signal", { name: "go", payload: null })
      damage(world, id, row({ dueAt: null }))
      const next = yield* world.start(waiting(new Log()))
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* world.adjustHost(60_000)
      yield* assertOutput(next, W, id, "signal")
    }).pipe(Effect.provide(listen().layer)))

  it.effect("S7, S11: a parent that was not told of the end of its child is told, and one whose child is not there is left to an operator", () => {
    const { heard, layer } = listen()
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Parent.toLayer(() => Effect.as(Child.execute({ id: "c" }), "told")),
        Child.toLayer(() => Signal.receive(Go))
      ))
      const lost = yield* begin(host, Parent, "lost")
      yield* host.evict
      yield* host.settled
      const child = yield* childId
      damage(world, child, () => ({ listeners: [] }))
      yield* world.tell(child, "signal", { name: "go", payload: null })
      assert.include(yield* world.run(lost), { status: "suspended", reason: "child" })
      assert.strictEqual((yield* world.run(child)).status, "completed")
      yield* world.adjustHost(60_000)
      yield* assertOutput(host, Parent, lost, "told")
      assert.lengthOf(heard, 1)
      assert.include(heard[0], `it waits for the run ${child}, which is completed, and was not told`)

      yield* host.close
      const { id } = yield* suspended2(world)
      damage(world, id, row({ reason: "child", waits: waits({ reason: "child", key: "nowhere" }) }))
      yield* world.start(waiting(new Log()))
      yield* world.adjustHost(60_000)
      assert.lengthOf(heard, 2)
      assert.include(heard[1], "it waits for the run nowhere, and there is none; it needs an operator")
      assert.deepInclude((yield* world.backend.findings(10))[0], { run: id, reason: "child-missing", woken: false })
      assert.include(yield* world.run(id), { status: "suspended", owner: null, epoch: 1 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("S7: whole shelves of runs that the store forgot are woken in pages, each reported once", () => {
    const { heard, layer } = listen()
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Hour.toLayer(() => Effect.sleep("1 hour")), { maxParked: 0 })
      const ids: Array<string> = []
      for (let index = 0; index < 250; index++) ids.push(yield* begin(host, Hour, `${index}`))
      yield* host.evict
      yield* host.settled
      for (const id of ids) damage(world, id, row({ dueAt: null }))
      const writes = host.writes()
      yield* beats(world, 6)
      assert.lengthOf(heard, 250)
      assert.lengthOf(yield* world.backend.findings(1_000), 250)
      assert.isAbove(host.writes(), writes)
      yield* host.evict
      yield* host.settled
      for (const id of ids) {
        assert.include(yield* world.run(id), { status: "suspended", reason: "timer", dueAt: 3_600_000 })
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("S4: a run whose owner has no row is freed with the next sign of life, and needs no watchdog", () =>
    Effect.gen(function*() {
      const { host, id, world } = yield* suspended("timer")
      damage(world, id, row({ owner: "nobody", dueAt: null }))
      yield* world.adjustHost(4_000)
      assert.notStrictEqual((yield* world.run(id)).owner, "nobody")
      yield* TestClock.adjust("1 hour")
      yield* host.settled
      yield* assertOutput(host, W, id, "timer")
    }))

  it.effect("S7: a run that breaks again after it got further is reported and woken again, one that does not is left alone", () => {
    const { heard, layer } = listen()
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() => Effect.forEach([1, 2], () => Effect.sleep("1 hour"), { discard: true }))
      )
      const id = yield* begin(host, W)
      for (const count of [1, 2]) {
        yield* host.evict
        yield* host.settled
        damage(world, id, row({ dueAt: null }))
        yield* world.adjustHost(60_000)
        assert.lengthOf(heard, count)
        yield* host.evict
        yield* host.settled
        damage(world, id, row({ dueAt: null }))
        yield* world.adjustHost(60_000)
        assert.lengthOf(heard, count, "nothing has changed since")
        damage(world, id, row({ dueAt: 0 }))
        yield* world.look
        yield* TestClock.adjust("1 hour")
        yield* host.settled
      }
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }).pipe(Effect.provide(layer))
  })

  it.effect("S7: of two workers one reports, and a process that is no worker does not look", () => {
    const { heard, layer } = listen()
    return Effect.gen(function*() {
      const { host, id, world } = yield* suspended("timer")
      yield* host.close
      damage(world, id, row({ dueAt: null }))
      const client = yield* world.start(waiting(new Log()), { worker: false })
      yield* world.adjustHost(60_000)
      assert.deepStrictEqual(heard, [])
      yield* client.close
      yield* world.start(waiting(new Log()))
      yield* world.start(waiting(new Log()))
      yield* world.adjustHost(60_000)
      assert.lengthOf(heard, 1)
      assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("S7: a page for each beat reaches every suspended run, and a healthy store costs no write", () =>
    Effect.gen(function*() {
      const { host, world } = yield* suspended("signal")
      const old = world.store.runs.keys().next().value!
      const many = Watchdog.pageSize + 10
      const { length: _l, epoch: _e, reason: _r, takeovers: _t, updatedAt: _u, waits: _w, ...run } = yield* world.run(
        old
      )
      for (let index = 0; index < many; index++) {
        const id = `r${index}`
        yield* world.backend.write([{
          op: "start",
          run: { ...run, id, root: id, dueAt: null },
          rows: [],
          blobs: [],
          subscriptions: [],
          listener: null
        }])
        damage(world, id, row({ reason: "signal", waits: waits({ reason: "signal", key: "go" }) }))
      }
      const writes = host.writes()
      yield* beats(world, 4)
      assert.isAtMost(host.writes() - writes, 4 * Watchdog.beatMs / 3_000, "a sign of life every third of a lease")
      damage(world, old, row({ waits: "not json" }))
      yield* beats(world, 5)
      assert.lengthOf(yield* world.backend.findings(10), 1)
    }).pipe(Effect.provide(listen().layer)))

  it.effect("S7: runs that wait as they should, in whatever way, are not reported", () => {
    const { heard, layer } = listen()
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const flaky = Step.make("flaky", {
        error: Schema.String,
        onCrash: "rerun",
        run: () => Effect.fail("no"),
        retry: Schedule.spaced("1 hour")
      })
      const layerOf = (good: boolean) =>
        Layer.mergeAll(
          W.toLayer(Effect.fnUntraced(function*({ id }) {
            yield* echo(log)(good ? id : `${id}, but otherwise`)
            switch (id) {
              case "signal":
              case "paused":
              case "diverged":
                return yield* Signal.receive(Go)
              case "timer":
                return yield* Effect.sleep("30 days")
              case "race":
                return yield* Effect.timeoutOption(Signal.receive(Go), "3 days")
              case "ask":
                return yield* Effect.orDie(Approval.ask("ok", { prompt: "?", approvers: ["ada"] }))
              case "deadline":
                return yield* Effect.orDie(Approval.ask("ok", { prompt: "?", approvers: ["ada"], deadline: "2 days" }))
              case "retry":
                return yield* Effect.orDie(flaky())
              case "unknown":
                return yield* stuck(log, "pay", "ask")()
              case "recovery":
                return yield* stuck(log, "work", "rerun")()
              default:
                return yield* Effect.forEach(["a", "b"], (id) => Child.execute({ id }), { concurrency: "unbounded" })
            }
          })),
          Held.toLayer(() => Effect.fail("no")),
          Child.toLayer(({ id }) => id === "a" ? Signal.receive(Go) : Effect.as(Effect.sleep("1 day"), "b"))
        )
      const names = ["signal", "paused", "timer", "race", "ask", "deadline", "retry", "unknown", "children"]
      let host = yield* world.start(layerOf(true))
      const ids = new Map<string, string>()
      ids.set("recovery", yield* begin(host, W, "recovery"))
      for (let crash = 0; crash < 6; crash++) host = yield* world.restart(host, layerOf(true))
      for (const name of [...names, "diverged"]) ids.set(name, yield* begin(host, W, name))
      yield* begin(host, Held)
      yield* world.tell(ids.get("paused")!, "pause", { by: "ada" })
      host = yield* world.restart(host, layerOf(true))
      yield* host.evict
      yield* host.settled
      yield* host.close
      const other = yield* world.start(layerOf(false))
      yield* world.tell(ids.get("diverged")!, "signal", { name: "go", payload: null })
      yield* other.settled
      const before = heard.length
      // A run that was woken without need would diverge in this build.
      yield* beats(world, 12)
      const rows = yield* world.backend.runs({ limit: 100 })
      assert.sameMembers(
        rows.flatMap(({ reason, status }) => status === "suspended" ? [reason] : []),
        [
          "signal",
          "operator",
          "timer",
          "signal",
          "approval",
          "approval",
          "timer",
          "outcome-unknown",
          "child",
          "diverged",
          "recovery",
          "operator",
          "signal",
          "timer"
        ]
      )
      assert.deepStrictEqual(heard.slice(before), [])
      assert.deepStrictEqual(yield* world.backend.findings(10), [])
    }).pipe(Effect.provide(layer))
  })
})

const Held = Workflow.make("Held", {
  payload: { id: Schema.String },
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})
  .annotate(Workflow.SuspendOnFailure, true)

/** One more run that waits for a signal in this world, whose host is closed after. */
const suspended2 = Effect.fnUntraced(function*(world: CrashHost.World) {
  const host = yield* world.start(waiting(new Log()))
  const id = yield* begin(host, W, "signal")
  yield* host.close
  return { id }
})
