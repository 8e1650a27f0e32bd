import { assert, describe, it } from "@effect/vitest"
import type { BulkReport } from "@fermata/core/BulkAct"
import { ruleOf } from "@fermata/core/Retention"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AuditLog from "../src/AuditLog.ts"
import type { Backend } from "../src/Backend.ts"
import { Bulk } from "../src/Bulk.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { beatMs } from "../src/internal/RetentionSweep.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Retention } from "../src/Retention.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, Declined, define, startAs, untilKilled } from "./support/Program.ts"

const day = 86_400_000
const by = { by: "ada" }

const W = define("W")
const failing = Step.make("fail", { error: Schema.String, onCrash: "rerun", run: () => Effect.fail("no") })
const Go = Signal.make("go")
/** Keeps a report, and ends by itself; but a run that begins so waits, or fails. */
const program = W.toLayer(Effect.fnUntraced(function*({ id }) {
  const keep = Step.make("keep", {
    onCrash: "rerun",
    run: (_, { keep }) => Effect.asVoid(Effect.orDie(keep(`what ${id.split("-")[0]} keeps`, { name: "report" })))
  })
  yield* keep()
  if (id.includes("wait")) yield* Signal.receive(Go)
  if (id.includes("fail")) yield* Effect.mapError(failing(), (reason) => new Declined({ reason }))
  return id
}))

const P = define("P")
const parent = P.toLayer(({ id }) => Effect.asVoid(Effect.orDie(W.execute({ id: `child-${id}` }))))

const Detaching = define("Detaching")
const detaching = Detaching.toLayer(() => Effect.asVoid(W.execute({ id: "wait" }, { discard: true })))

/** Leaves a run of its own that waits, but for one. */
const OwnBelow = define("OwnBelow")
const ownBelow = OwnBelow.toLayer(({ id }) =>
  Effect.asVoid(Effect.orDie(W.execute({ id: id === "free" ? "a-free" : `wait-${id}` }, { discard: true })))
)

const verbs = (host: CrashHost.Host) =>
  host.use(Effect.provide(
    Effect.gen(function*() {
      return { audit: yield* AuditLog.AuditLog, bulk: yield* Bulk, retention: yield* Retention, runs: yield* Runs }
    }),
    Layer.mergeAll(AuditLog.AuditLog.layer, Bulk.layer, Retention.layer, Runs.layer)
  ))

const workflows = Layer.mergeAll(program, parent, detaching, ownBelow)

const life = Effect.fnUntraced(function*(options: CrashHost.StartOptions = {}) {
  const world = yield* CrashHost.make
  const host = yield* world.start(workflows, options)
  const start = (...ids: ReadonlyArray<string>) => Effect.andThen(host.use(Effect.forEach(ids, startAs)), host.settled)
  const there = Effect.map(
    world.backend.runs({ limit: 1_000, without: ["engine.bulk"] }),
    (rows) => rows.map(({ id }) => id).sort()
  )
  const report = (run: string) =>
    Effect.map(world.journal(run), (journal) => (journal.at(-1) as { readonly output: BulkReport }).output)
  return { world, host, start, there, report, ...(yield* verbs(host)) }
})

describe("Retention", () => {
  it.effect("deletes a run that has ended with what its steps keep, and says so in the audit", () =>
    Effect.gen(function*() {
      const { audit, retention, runs, start, world } = yield* life()
      yield* start("a-1", "a-2")
      assert.strictEqual(world.store.blobs.size, 1)
      assert.deepStrictEqual(yield* retention.delete("a-1", by), { runId: "a-1", runs: 1 })
      assert.strictEqual(world.store.blobs.size, 1, "the other run keeps the same")
      yield* retention.delete("a-2", by)
      assert.strictEqual(world.store.blobs.size, 0)
      assert.strictEqual((yield* Effect.flip(runs.show("a-1")))._tag, "RunNotFound")
      assert.strictEqual((yield* Effect.flip(retention.delete("a-1", by)))._tag, "RunNotFound")
      const lines = yield* audit.list({ action: "run.delete" })
      assert.deepStrictEqual(lines.map(({ target, who }) => [target, who]), [["a-2", "ada"], ["a-1", "ada"]])
    }))

  it.effect("refuses to delete a run that is open, and says what to do", () =>
    Effect.gen(function*() {
      const { retention, runs, start } = yield* life()
      yield* start("wait-1")
      assert.strictEqual(
        (yield* Effect.flip(retention.delete("wait-1", by))).message,
        "Run wait-1 has not ended: cancel it, or wait for its end, and then delete it"
      )
      assert.strictEqual((yield* runs.find("wait-1")).status, "suspended")
    }))

  it.effect("a tree goes together, and not at all while one of it is open", () =>
    Effect.gen(function*() {
      const { host, retention, runs, there, world } = yield* life()
      const top = yield* begin(host, P, "wait")
      const child = yield* W.executionId({ id: "child-wait" })
      assert.deepStrictEqual(yield* there, [top, child].sort())
      yield* runs.cancel(top, { by: "ada", reason: "no use" })
      yield* host.settled
      assert.strictEqual(
        (yield* Effect.flip(retention.delete(child, by))).message,
        `Run ${child} is part of run ${top}, and goes with that alone: delete ${top}`
      )
      assert.deepStrictEqual(yield* retention.delete(top, by), { runId: top, runs: 2 })
      assert.deepStrictEqual(yield* there, [])
      assert.deepStrictEqual((yield* world.backend.changes(null, 10)).rows, [])
    }))

  it.effect("a run of the same key is started anew behind the deletion, and does its work again", () =>
    Effect.gen(function*() {
      const { host, retention, runs } = yield* life()
      const id = yield* begin(host, W, "a-1")
      const before = yield* runs.steps(id)
      yield* retention.delete(id, by)
      yield* TestClock.adjust(5)
      assert.strictEqual(yield* begin(host, W, "a-1"), id)
      const after = yield* runs.steps(id)
      assert.lengthOf(after, 1)
      assert.notStrictEqual(after[0]!.requestedAt, before[0]!.requestedAt)
      assert.strictEqual((yield* runs.find(id)).status, "completed")
    }))

  it.effect("what is asked of a deleted run finds none: signals, cancels, forks and retries", () =>
    Effect.gen(function*() {
      const { retention, runs, start } = yield* life()
      yield* start("fail-1")
      const { runId: retry } = yield* runs.retry("fail-1", by)
      const { runId: fork } = yield* runs.fork("fail-1", { at: "keep", by: "ada" })
      yield* retention.delete("fail-1", by)
      const asks: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        runs.signal("fail-1", "go", null),
        runs.cancel("fail-1", { by: "ada", reason: "x" }),
        runs.fork("fail-1", { at: "keep", by: "ada" }),
        runs.retry("fail-1", by),
        runs.journal("fail-1")
      ]
      for (const ask of asks) assert.strictEqual((yield* Effect.flip(ask))._tag, "RunNotFound")
      // What was made of it before has all that it shares.
      for (const run of [retry, fork]) assert.strictEqual((yield* runs.find(run)).status, "queued")
    }))

  it.effect("what a retry shares with a deleted run stays: its artifacts are read, and it goes on", () =>
    Effect.gen(function*() {
      const { host, retention, runs, start, world } = yield* life()
      yield* start("fail-1")
      const { runId } = yield* runs.retry("fail-1", by)
      yield* retention.delete("fail-1", by)
      yield* host.settled
      assert.strictEqual((yield* runs.find(runId)).status, "failed")
      const [kept] = yield* runs.artifacts(runId)
      assert.strictEqual(new TextDecoder().decode((yield* runs.artifact(runId, kept!.hash)).content), "what fail keeps")
      yield* retention.delete(runId, by)
      assert.strictEqual(world.store.blobs.size, 0)
    }))

  it.effect("who follows a run that ends and is deleted between two looks is told so", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const backend = MemoryBackend.make(store)
      const worker = yield* Effect.provide(
        Effect.all({
          host: TestHost,
          retention: Effect.provide(Retention, Retention.layer),
          runs: Effect.provide(Runs, Runs.layer),
          id: W.execute({ id: "wait" }, { discard: true })
        }),
        yield* Layer.build(Layer.provideMerge(program, TestHost.layerOf(backend)))
      )
      yield* worker.host.settled
      const { id } = worker
      const endAndDelete = Effect.gen(function*() {
        yield* worker.runs.signal(id, "go", null)
        yield* worker.host.settled
        yield* worker.retention.delete(id, by)
      })
      let looks = 0
      const watched: Backend = {
        ...backend,
        entries: (run, from, limit) =>
          Effect.andThen(
            looks++ === 0 ? Effect.orDie(endAndDelete) : Effect.void,
            backend.entries(run, from, limit)
          )
      }
      const watcher = yield* Effect.provide(
        Effect.all({ host: TestHost, runs: Effect.provide(Runs, Runs.layer) }),
        yield* Layer.build(TestHost.layerOf(watched, { worker: false }))
      )
      const exit = yield* Effect.exit(Stream.runDrain(watcher.runs.follow(id)))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), `Run ${id} was deleted meanwhile`)
    }).pipe(Effect.scoped))

  it.effect("deletes many runs by a run of the engine's own, page after page, and passes over what is open", () =>
    Effect.gen(function*() {
      const { bulk, host, report, start, there } = yield* life()
      const ids = Array.from({ length: 250 }, (_, index) => `run-${index}`)
      yield* start(...ids, "wait-1")
      const top = yield* begin(host, P, "1")
      assert.deepInclude(yield* bulk.preview({ action: "delete", filter: { workflow: "W" } }), { matched: 250 })
      const { runId } = yield* bulk.start({ action: "delete", filter: { workflow: "W" } }, by)
      yield* host.settled
      assert.deepInclude(yield* report(runId), { action: "delete", done: 250, skippedCount: 0 })
      const child = yield* W.executionId({ id: "child-1" })
      assert.deepStrictEqual(yield* there, ["wait-1", top, child].sort())
      const named = yield* bulk.start({ action: "delete", ids: ["wait-1", child, top] }, by)
      yield* host.settled
      assert.deepStrictEqual(yield* report(named.runId), {
        action: "delete",
        done: 1,
        skipped: [
          { run: "wait-1", why: "it is suspended" },
          { run: child, why: `it is part of run ${top}, and goes with that alone` }
        ],
        skippedCount: 2
      })
    }))

  it.effect("prunes what had ended by a time, and nothing that ended later", () =>
    Effect.gen(function*() {
      const { bulk, host, report, start, there } = yield* life()
      yield* TestClock.adjust(day)
      yield* start("a-1", "a-2")
      yield* TestClock.adjust(day)
      yield* start("a-3")
      const { runId } = yield* bulk.start({ action: "delete", filter: { endedUntil: day } }, by)
      yield* host.settled
      assert.deepInclude(yield* report(runId), { done: 2 })
      assert.deepStrictEqual(yield* there, ["a-3"])
    }))

  it.effect("S4: a deletion of many survives the end of its process at any write", () =>
    Effect.gen(function*() {
      for (let count = 1; count <= 10; count++) {
        for (const when of ["before", "after"] as const) {
          const { bulk, host, start, there, world } = yield* life()
          yield* start("a-1", "a-2", "a-3", "wait-1")
          host.killAt(count, when, "every")
          const ask = (on: Bulk["Service"]) => on.start({ action: "delete", filter: {} }, { by: "eve", key: "once" })
          yield* Effect.raceFirst(Effect.andThen(ask(bulk), host.settled), untilKilled(host))
          const again = yield* world.restart(host, workflows)
          yield* again.settled
          yield* ask((yield* verbs(again)).bulk)
          yield* again.settled
          assert.deepStrictEqual(yield* there, ["wait-1"], `${when} write ${count}`)
          assert.deepStrictEqual([...world.store.blobs.values()], ["what wait keeps"])
        }
      }
    }))
})

describe("rules of retention", () => {
  it.effect("a worker deletes what is older than its rule says, and nothing where there is none", () =>
    Effect.gen(function*() {
      const { retention, start, there, world } = yield* life({ worker: true })
      yield* start("a-1", "fail-1", "wait-1")
      yield* TestClock.adjust(8 * day)
      yield* start("a-2")
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, ["a-1", "a-2", "fail-1", "wait-1"])
      assert.strictEqual(world.store.bookmarks.size, 0, "nothing is written for it")
      const rule = yield* retention.set({ workflow: "W", status: "completed", maxAgeMs: 7 * day }, by)
      assert.deepStrictEqual(yield* retention.rules, [rule])
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, ["a-2", "fail-1", "wait-1"])
      yield* retention.unset({ workflow: "W", status: "completed" }, by)
      yield* TestClock.adjust(8 * day)
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, ["a-2", "fail-1", "wait-1"])
    }))

  it.effect("a worker keeps so many of each workflow and status, those that ended last", () =>
    Effect.gen(function*() {
      const { retention, start, there, world } = yield* life({ worker: true })
      for (const id of ["a-1", "a-2", "a-3", "fail-1", "fail-2"]) {
        yield* TestClock.adjust(1_000)
        yield* start(id)
      }
      yield* retention.set({ maxCount: 1 }, by)
      yield* retention.set({ status: "failed", maxCount: 0 }, by)
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, ["a-3"])
    }))

  it.effect("a tree of which one is open stays, and does not keep a worker from the others", () =>
    Effect.gen(function*() {
      const { host, retention, there, world } = yield* life({ worker: true })
      const child = yield* W.executionId({ id: "wait" })
      const tops = yield* Effect.forEach(["1", "2", "3"], (id) => begin(host, Detaching, id))
      yield* host.use(Effect.forEach(["z-1", "z-2"], startAs))
      yield* host.settled
      yield* retention.set({ maxAgeMs: 0 }, by)
      yield* world.adjustHost(beatMs)
      // The first of them has started it, and the others have joined it.
      assert.deepStrictEqual(yield* there, [tops[0]!, child].sort())
    }))

  it.effect("more trees than a page that cannot go yet do not keep a worker from those behind them", () =>
    Effect.gen(function*() {
      const { host, retention, there, world } = yield* life({ worker: true })
      const ids = Array.from({ length: 120 }, (_, index) => `${index}`)
      yield* host.use(Effect.forEach(ids, (id) => OwnBelow.execute({ id }, { discard: true })))
      yield* host.settled
      yield* TestClock.adjust(1_000)
      yield* host.use(OwnBelow.execute({ id: "free" }, { discard: true }))
      yield* host.settled
      const free = yield* OwnBelow.executionId({ id: "free" })
      assert.include(yield* there, free)
      yield* retention.set({ maxAgeMs: 0 }, by)
      yield* world.adjustHost(beatMs)
      assert.notInclude(yield* there, free)
      assert.strictEqual((yield* there).length, 240)
    }))

  it.effect("of several processes one deletes, and another goes on when that is dead", () =>
    Effect.gen(function*() {
      const { host, retention, start, there, world } = yield* life({ worker: true })
      yield* start("a-1")
      yield* retention.set({ maxAgeMs: 0 }, by)
      const other = yield* world.start(workflows, { worker: true })
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, [])
      yield* other.use(startAs("a-2"))
      yield* other.settled
      yield* host.kill
      yield* world.adjustHost(100_000)
      assert.deepStrictEqual(yield* there, [])
    }))

  it.effect("the rule of a tenant counts for its runs, and that of all for those of others", () =>
    Effect.gen(function*() {
      const { retention, start, there, world } = yield* life({ worker: true })
      yield* start("acme~a-1", "beta~a-1", "a-1")
      yield* retention.set({ maxAgeMs: 0 }, by)
      const own = yield* CurrentTenant.within("acme")(retention.set({ maxAgeMs: 9 * day }, by))
      assert.deepInclude(own, { tenant: "acme" })
      assert.lengthOf(yield* CurrentTenant.within("beta")(retention.rules), 1)
      assert.strictEqual(
        (yield* Effect.flip(CurrentTenant.within("beta")(retention.set({ tenant: "acme", maxAgeMs: 0 }, by)))).message,
        "A rule of tenant beta cannot be about tenant acme"
      )
      yield* world.adjustHost(beatMs)
      assert.deepStrictEqual(yield* there, ["acme~a-1"])
    }))

  it.effect("a rule that says nothing is refused, and one that is not there is told", () =>
    Effect.gen(function*() {
      const { audit, retention } = yield* life()
      assert.strictEqual((yield* Effect.flip(retention.set({}, by)))._tag, "RetentionRefused")
      assert.strictEqual(
        (yield* Effect.flip(retention.unset({ status: "failed", workflow: "W" }, by))).message,
        "There is no rule for failed runs of W"
      )
      assert.deepStrictEqual(yield* audit.list(), [])
    }))

  it("the narrowest rule counts: tenant before workflow before status", () => {
    const rules = [
      {},
      { status: "failed" },
      { workflow: "w" },
      { tenant: "acme" },
      { tenant: "acme", workflow: "w", status: "failed" }
    ] as const
    const counts = (tenant: string | undefined, workflow: string, status: string) =>
      rules.indexOf(ruleOf<(typeof rules)[number]>(rules, { tenant, workflow, status })!)
    assert.strictEqual(counts(undefined, "v", "completed"), 0)
    assert.strictEqual(counts(undefined, "v", "failed"), 1)
    assert.strictEqual(counts("beta", "w", "failed"), 2)
    assert.strictEqual(counts("acme", "w", "completed"), 3)
    assert.strictEqual(counts("acme", "w", "failed"), 4)
  })
})
