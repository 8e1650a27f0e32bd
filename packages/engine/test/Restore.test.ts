import { assert, describe, it } from "@effect/vitest"
import * as RunsErrors from "@fermata/core/RunsErrors"
import * as RunView from "@fermata/core/RunView"
import * as Suspension from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Fiber, Layer, Logger, Option, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as Approval from "../src/Approval.ts"
import type { Backend } from "../src/Backend.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { lawRuns } from "./support/LawRuns.ts"
import { assertOutput, begin, define, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const Parent = define("Parent", { error: Schema.Never })
const Child = define("Child", { success: Schema.String, error: Schema.Never })

type Rule = "rerun" | "rerun-keyed" | "ask" | "probe"

/** What the world has seen: by the key of the effect, how often. A service that knows keys does a thing once. */
class World {
  readonly done = new Map<string, number>()
  readonly rules = new Map<string, Rule>()

  has(key: string): boolean {
    return this.done.has(key)
  }

  /** An effect of a step: under its idempotency key, which names its run and itself. */
  readonly act = (name: string, onCrash: Rule, failsAt: ReadonlyArray<number> = []) => {
    const run = (_: void, { attempt, idempotencyKey }: Step.StepContext) =>
      Effect.suspend(() => {
        this.rules.set(idempotencyKey, onCrash)
        if (failsAt.includes(attempt)) return Effect.fail("not now" as const)
        if (onCrash !== "rerun-keyed" || !this.has(idempotencyKey)) {
          this.done.set(idempotencyKey, (this.done.get(idempotencyKey) ?? 0) + 1)
        }
        return Effect.succeed(name)
      })
    const common = {
      success: Schema.String,
      error: Schema.Literal("not now"),
      retry: Schedule.spaced("1 minute"),
      run
    }
    const step = onCrash === "probe"
      ? Step.make(name, {
        ...common,
        onCrash,
        probe: (_: void, { idempotencyKey }) =>
          Effect.sync(() => this.has(idempotencyKey) ? Option.some(name) : Option.none())
      })
      : Step.make(name, { ...common, onCrash })
    return Effect.orDie(step())
  }

  /** What was done twice that may not be. */
  get twice(): ReadonlyArray<string> {
    return Array.from(this.done).flatMap(([key, count]) =>
      count > 1 && this.rules.get(key) !== "rerun" ? [`${key} ${count} times`] : []
    )
  }

  get layer() {
    const child = Child.toLayer(() =>
      Effect.gen({ self: this }, function*() {
        yield* this.act("look", "rerun")
        yield* this.act("order", "ask")
        return yield* this.act("book", "rerun-keyed")
      })
    )
    const parent = Parent.toLayer(() =>
      Effect.all([
        Effect.gen({ self: this }, function*() {
          yield* this.act("read", "rerun")
          yield* this.act("pay", "ask")
          yield* Effect.sleep("1 hour")
          yield* this.act("ship", "ask", [1])
          yield* Child.execute({ id: "child" })
          yield* this.act("mail", "probe")
        }),
        Effect.gen({ self: this }, function*() {
          yield* this.act("charge", "rerun-keyed")
          yield* Signal.receive(Go)
          yield* this.act("call", "ask")
          yield* Approval.ask("sure", { prompt: "Sure?", approvers: ["ann"] }).pipe(Effect.orDie)
          yield* this.act("post", "probe", [1])
        })
      ], { concurrency: "unbounded", discard: true })
    )
    return Layer.merge(parent, child)
  }
}

/** A store of which every state is kept, as a backup that is made behind each write. */
const recorded = () => {
  const store = MemoryBackend.makeStore()
  const backend = MemoryBackend.make(store)
  const backups: Array<MemoryBackend.MemoryStore> = []
  const write: Backend["write"] = (ops) =>
    Effect.tap(backend.write(ops), () => Effect.sync(() => void backups.push(structuredClone(store))))
  return { backend: { ...backend, write }, backups }
}

/** What people do whom nobody has to ask twice: they say go, and yes. */
const people = Effect.fnUntraced(function*(world: CrashHost.World, id: string) {
  const { status } = yield* world.run(id)
  if (status === "completed") return
  const waits = yield* world.waits(id)
  if (waits.some(({ key, reason }) => reason === "signal" && key === "go")) {
    yield* world.tell(id, "signal", { name: "go", payload: null }, { id: "go" })
  }
  if (waits.some(({ reason }) => reason === "approval")) {
    yield* world.answer(id, "sure", { decision: "approve", by: "ann", id: "yes" })
  }
})

const runsOf = (backend: Backend) => Effect.map(backend.runs({ limit: 100 }), (rows) => rows.map(({ id }) => id))

/** An effect in whose middle its host may die, which then never ends. */
const untilDeath = <E, R>(host: CrashHost.Host, effect: Effect.Effect<void, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (!host.killed() && fiber.pollUnsafe() === undefined) yield* Effect.yieldNow
    yield* host.killed() ? Fiber.interrupt(fiber) : Fiber.join(fiber)
  })

/** A life up to a moment, which is lost with all that the store has since the backup. */
const lost = Effect.fnUntraced(function*(world: World, upTo: number) {
  const { backend, backups } = recorded()
  const hosts = yield* CrashHost.makeOn(backend)
  const host = yield* hosts.start(world.layer)
  // Each write of the life is counted: the process dies behind this one.
  host.killAt(upTo, "after", "every")
  const living = Effect.gen(function*() {
    const id = yield* begin(host, Parent)
    for (let round = 0; round < 14; round++) {
      yield* people(hosts, id)
      yield* host.settled
      yield* TestClock.adjust("10 minutes")
      yield* host.settled
    }
  })
  yield* untilDeath(host, living)
  yield* host.kill
  return backups
})

/** When the backup is made and the life is lost, in writes; when processes die afterwards; and whether an operator is asked. */
const hardship = fc.record({
  made: fc.nat(60),
  lostAfter: fc.nat(40),
  dies: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
  asks: fc.boolean()
})
const numRuns = lawRuns({ short: 60, long: 600 })
const seed = Number(process.env["FERMATA_LAW_SEED"] ?? 4314)
const alone = Layer.mergeAll(TestClock.layer(), Logger.layer([]))

const putBack = Effect.fnUntraced(function*(backup: MemoryBackend.MemoryStore, id = "anew1") {
  const store = structuredClone(backup)
  const backend = MemoryBackend.make(store)
  const at = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  const [{ restore, runs }] = yield* backend.write([{ op: "restore", id, by: "ops", at, from: null }])
  const world = yield* CrashHost.makeOn(backend)
  return { backend, restore, runs, store, world }
})

/** A life after a restore: people answer again, and an operator who is asked looks at what the world has seen. */
const lives = Effect.fnUntraced(
  function*({ asks, dies, lostAfter, made }: typeof hardship extends fc.Arbitrary<infer A> ? A : never) {
    const seen = new World()
    const backups = yield* lost(seen, made + lostAfter + 1)
    const backup = backups[Math.min(made, backups.length - 1)]!
    if (backup.runs.size === 0) return
    const { backend, world } = yield* putBack(backup)
    let host = yield* world.start(seen.layer)
    const round = Effect.gen(function*() {
      for (const id of yield* runsOf(backend)) {
        yield* people(world, id)
        if (!asks) continue
        for (const wait of yield* world.waits(id)) {
          if (wait.reason !== "outcome-unknown") continue
          yield* world.tell(id, "settle", {
            key: wait.key,
            by: "ops",
            knows: ["anew1"],
            action: seen.has(`${id}%2F${wait.key}`) ? { _tag: "complete", output: wait.key } : { _tag: "retry" }
          })
        }
      }
      yield* host.settled
      yield* TestClock.adjust("10 minutes")
      yield* host.settled
    })
    for (let rounds = 0; rounds < 24; rounds++) {
      const death = dies[rounds]
      if (death !== undefined) host.killAt(death, "after")
      yield* untilDeath(host, round)
      if (host.killed()) host = yield* world.restart(host, seen.layer)
      assert.deepStrictEqual(seen.twice, [])
    }
    if (!asks) return
    for (const id of yield* runsOf(backend)) {
      const row = yield* world.run(id)
      if (row.status !== "completed") assert.fail(JSON.stringify([row, yield* world.story(id)]))
    }
    assert.strictEqual(seen.done.size, 10)
  }
)

describe("a store that was put back from a backup", () => {
  it(
    "S2: does nothing twice without a word of an operator but what may be, wherever the backup was made and the life was lost",
    () =>
      fc.assert(
        fc.asyncProperty(hardship, (hardship) => Effect.runPromise(Effect.provide(lives(hardship), alone))),
        { numRuns, seed, timeout: 60_000 }
      )
  )

  it.effect("S2: an operator is told which step nobody knows about, and why, and settles it or confirms that nothing was done", () =>
    Effect.gen(function*() {
      const log = new Log()
      const pay = paying(log)
      const layer = W.toLayer(() => Effect.andThen(pay("a"), pay("b")))
      const { backup, id } = yield* savedBefore(layer)
      assert.deepStrictEqual(log.entries, ["pay a", "pay b"])
      yield* TestClock.adjust("1 hour")
      const { restore, runs, world } = yield* putBack(backup)
      assert.deepStrictEqual([restore, runs], [{ id: "anew1", by: "ops", from: 0, to: 3_600_000 }, 1])
      const host = yield* world.start(layer)
      const wait = {
        reason: "outcome-unknown",
        key: "pay",
        detail:
          "the store was put back from a backup of 1970-01-01 00:00:00Z, and nobody knows whether step \"pay\" has been done since",
        restored: 0
      }
      assert.deepStrictEqual(yield* world.waits(id), [wait as Wait])
      assert.deepStrictEqual(Suspension.actionsOf(wait as Wait).map(({ verb }) => verb), [
        "settle",
        "settle",
        "settle",
        "confirm"
      ])
      const view = RunView.of(id, yield* world.journal(id))
      assert.deepStrictEqual(view.restored, { from: restore.from, to: restore.to })
      const verbs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      assert.deepStrictEqual((yield* verbs.list({ restored: true })).map((run) => [run.id, run.restored]), [[id, 0]])
      yield* verbs.settle(id, "pay", { by: "ops", action: { _tag: "complete", output: "a" } })
      yield* world.look
      assert.strictEqual((yield* world.waits(id))[0]?.key, "pay~2")
      yield* verbs.confirm(id, { by: "ops" })
      yield* world.look
      yield* assertOutput(host, W, id, "b")
      assert.deepStrictEqual(log.entries, ["pay a", "pay b", "pay b"])
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "RunRestored",
        "StepRequested pay",
        "StepDoubted pay",
        "StepCompleted pay",
        "StepRequested pay~2",
        "StepDoubted pay~2",
        "RunConfirmed",
        "StepRequested pay~2",
        "StepCompleted pay~2",
        "RunCompleted"
      ])
      assert.deepStrictEqual(yield* verbs.list({ restored: true }), [])
      assert.instanceOf(yield* Effect.flip(verbs.confirm(id, { by: "ops" })), RunsErrors.RunClosed)
      const other = yield* begin(host, W, "2")
      assert.instanceOf(yield* Effect.flip(verbs.confirm(other, { by: "ops" })), RunsErrors.RunClosed)
    }))

  it.effect("S2: a step that is settled as not done begins as its first attempt, and a process that dies in it is a crash like any other", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const { backup, id } = yield* savedBefore(layer)
      const { world } = yield* putBack(backup)
      let host = yield* world.start(layer)
      yield* world.tell(id, "settle", { key: "pay", by: "ops", action: { _tag: "retry" }, knows: ["anew1"] })
      assert.lengthOf(log.entries, 2)
      assert.strictEqual(log.entries[1], log.entries[0])
      host = yield* world.restart(host, layer)
      yield* host.settled
      const [wait] = yield* world.waits(id)
      assert.isUndefined(wait?.restored)
      assert.include(wait?.detail, "a process died before the outcome of step \"pay\" was recorded")
      assert.lengthOf(log.entries, 2)
    }))

  it.effect("S2: a run that slept past the restore is in no doubt when it wakes, and is when it is cancelled before", () =>
    Effect.gen(function*() {
      const log = new Log()
      const pay = paying(log)
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep("2 days").pipe(Effect.onInterrupt(() => Effect.orDie(pay("back"))))
        return yield* pay("a")
      }))
      const { backup, id } = yield* savedBefore(layer, "rests")
      yield* TestClock.adjust("1 day")
      const { world } = yield* putBack(backup)
      yield* world.start(layer)
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ops", reason: "no" })
      assert.strictEqual((yield* world.waits(id))[0]?.key, "pay")
      assert.deepStrictEqual(log.entries, [])

      const waking = yield* putBack(backup)
      const host = yield* waking.world.start(layer)
      yield* TestClock.adjust("1 day")
      yield* host.settled
      yield* assertOutput(host, W, id, "a")
      assert.deepStrictEqual(log.entries, ["pay a"])
      assert.isUndefined((yield* waking.world.run(id)).restored)
    }))

  it.effect("S2: a keyed step that a model has chosen waits too, since it may choose another under that key now", () =>
    Effect.gen(function*() {
      const log = new Log()
      const keyed = stuck(log, "pay", "rerun-keyed")
      const layer = W.toLayer(() => Effect.race(keyed(), Effect.provideService(keyed(), Step.Chosen, true)))
      const { backup, id } = yield* savedBefore(layer)
      const { world } = yield* putBack(backup)
      yield* world.start(layer)
      assert.deepStrictEqual(yield* world.waits(id), [])
      const doubted = (yield* world.journal(id)).filter(({ _tag }) => _tag === "StepDoubted")
      assert.deepStrictEqual(doubted.map((entry) => "key" in entry && entry.key), ["pay~2"])
      // A step that waits for an operator is one, whatever else the run is at.
      assert.deepStrictEqual(log.entries.map((entry) => entry.split(" ")[0]), ["pay", "pay", "pay"])
    }))

  it.effect("S2: a confirmation that is in the backup says nothing of what was done since", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(() => paying(log)("a"))
      const { backup, id } = yield* savedBefore(layer)
      const first = yield* putBack(backup)
      const asked = yield* first.world.start(Layer.empty, { worker: false })
      const verbs = yield* asked.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      assert.strictEqual((yield* verbs.confirm(id, { by: "ops" })).result, "accepted")
      yield* asked.kill
      const { world } = yield* putBack(first.store, "anew2")
      const host = yield* world.start(layer)
      yield* host.settled
      assert.strictEqual((yield* world.waits(id))[0]?.key, "pay")
      assert.deepStrictEqual(log.entries, ["pay a"])
      const refusal = (yield* world.journal(id)).find(({ _tag }) => _tag === "MessageRefused")
      assert.deepInclude(refusal, {
        kind: "confirm",
        text:
          "the confirmation by ops was given before the store was put back, and says nothing of what was done since the backup"
      })
      const again = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      yield* again.confirm(id, { by: "ops" })
      yield* world.look
      yield* assertOutput(host, W, id, "a")
    }))

  it.effect("S2: a word to retry a step that is in the backup repeats nothing, and a word that it was done still counts", () =>
    Effect.forEach(["retry", "complete"] as const, (action) =>
      Effect.gen(function*() {
        const log = new Log()
        const layer = W.toLayer(() => stuck(log, "pay", "ask")())
        const { backend, backups } = recorded()
        const life = yield* CrashHost.makeOn(backend)
        const first = yield* life.start(layer)
        const id = yield* begin(first, W)
        const second = yield* life.restart(first, layer)
        yield* second.settled
        assert.strictEqual((yield* life.waits(id))[0]?.key, "pay")
        yield* second.close
        const asked = yield* life.start(Layer.empty, { worker: false })
        const verbs = yield* asked.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
        const word = action === "retry" ? { _tag: action } : { _tag: action, output: "paid" }
        yield* verbs.settle(id, "pay", { by: "ops", action: word })
        yield* asked.kill
        const { world } = yield* putBack(backups.at(-1)!)
        const host = yield* world.start(layer)
        yield* host.settled
        assert.lengthOf(log.entries, 1)
        if (action === "complete") return yield* assertOutput(host, W, id, "paid")
        assert.strictEqual((yield* world.waits(id))[0]?.key, "pay")
        const now = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
        yield* now.settle(id, "pay", { by: "ops", action: word })
        yield* world.look
        assert.lengthOf(log.entries, 2)
      })))

  it.effect("S5: a process that still has a run from before the restore writes nothing of it", () =>
    Effect.gen(function*() {
      const log = new Log()
      const world = yield* CrashHost.make
      const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), paying(log)("a")))
      const before = yield* world.start(layer, { worker: false })
      const id = yield* begin(before, W)
      before.freeze()
      yield* world.backend.write([{ op: "restore", id: "anew1", by: "ops", at: 0, from: 0 }])
      yield* before.thaw
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.deepStrictEqual(log.entries, [])
      yield* before.kill
      const after = yield* world.start(layer)
      yield* after.settled
      assert.strictEqual((yield* world.waits(id))[0]?.key, "pay")
    }))

  it.effect("S2: a fork of a run in doubt does by itself what it asks for", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(() => paying(log)("a"))
      const { backup, id } = yield* savedBefore(layer)
      const { world } = yield* putBack(backup)
      const host = yield* world.start(layer)
      const verbs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      const fork = yield* verbs.fork(id, { at: "pay", by: "ops" })
      yield* host.settled
      yield* assertOutput(host, W, fork.runId, "a")
      assert.deepStrictEqual(log.entries, ["pay a", "pay a"])
    }))
})

const W = define("W", { success: Schema.Unknown, error: Schema.Never })

const paying = (log: Log) =>
  Step.make("pay", {
    input: Schema.String,
    success: Schema.String,
    onCrash: "ask",
    run: (what) => Effect.as(log.add(`pay ${what}`), what)
  })

/** A run of `W` that went as far as it could, and a backup of when it had only been asked for, or of when it rests. */
const savedBefore = (layer: Parameters<CrashHost.World["start"]>[0], when: "begins" | "rests" = "begins") =>
  Effect.gen(function*() {
    const { backend, backups } = recorded()
    const world = yield* CrashHost.makeOn(backend)
    const host = yield* world.start(layer)
    const id = yield* begin(host, W)
    yield* host.evict
    yield* host.settled
    const begun = (store: MemoryBackend.MemoryStore) => store.runs.has(id)
    const backup = when === "begins" ? backups.find(begun) : backups.findLast(begun)
    yield* host.kill
    return { id, backup: backup! }
  })
