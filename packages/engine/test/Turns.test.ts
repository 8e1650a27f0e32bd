import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { WorkflowEngine } from "effect/workflow"
import * as fc from "fast-check"
import { byChoice, byClock, CurrentPace, sliceMs } from "../src/Pace.ts"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Workflows from "../src/Workflows.ts"
import { lawRuns } from "./support/LawRuns.ts"
import { begin, define, echo, giveWay, Log } from "./support/Program.ts"
import { live, moments, ownerless, replay, story } from "./support/RandomLife.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")
const Other = define("Other")
type Body = Effect.Effect<unknown, never, WorkflowEngine.WorkflowInstance>

/** Counts the rounds of a body that has no end. */
class Rounds {
  count = 0
  readonly one = Effect.sync(() => void this.count++)
}

const loop = (one: Effect.Effect<void>): Effect.Effect<never> => Effect.flatMap(one, () => loop(one))

/** Bodies that compute for ever. */
const bodies: ReadonlyArray<readonly [what: string, body: (one: Effect.Effect<void>) => Body]> = [
  ["Effect.forever", (one) => Effect.forever(one)],
  ["Effect.forever that never yields", (one) => Effect.forever(one, { disableYield: true })],
  ["a loop of effects", (one) =>
    Effect.gen(function*() {
      while (true) yield* one
    })],
  ["a loop with yields", (one) =>
    Effect.gen(function*() {
      while (true) {
        yield* one
        yield* Effect.yieldNow
      }
    })],
  ["recursion", loop],
  ["a forked fiber", (one) => Effect.andThen(Effect.forkChild(loop(one)), Effect.never)],
  [
    "a fiber among others, with yields",
    (one) => Effect.all([Effect.never, Effect.forever(one), Effect.forever(one)], { concurrency: "unbounded" })
  ],
  ["a timeout that never comes", (one) => Effect.orDie(Effect.timeout(Effect.forever(one), "1 hour"))]
]

/** Starts a run that does not come to rest. */
const startOf = (host: CrashHost.Host, id: string) =>
  Effect.tap(host.use(W.execute({ id }, { discard: true })), giveWay(20))

const stopOf = (journal: ReadonlyArray<JournalEntry.JournalEntry>) =>
  journal.find((entry) => entry._tag === "StopRequested")

const asked: ReadonlySet<string> = new Set([
  "TimerSet",
  "ApprovalRequested",
  "ChildStarted",
  "StateChanged",
  "EventEmitted",
  "Decided",
  "RunRequested",
  "RunStarted"
])

/** What happened beside the body, in order: all that it did not ask for. */
const happenings = (journal: ReadonlyArray<JournalEntry.JournalEntry>) =>
  JSON.stringify(
    journal
      .filter((entry) =>
        !asked.has(entry._tag) && (entry._tag !== "StepRequested" || entry.nested === true || entry.attempt > 1)
      )
      .map(({ epoch: _epoch, seq: _seq, ...entry }) => entry)
  )

describe("a body that computes for ever", () => {
  for (const [what, body] of bodies) {
    it.effect(`S17: ${what} lets other runs begin, wait and end`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const rounds = new Rounds()
        const host = yield* world.start(Layer.merge(
          W.toLayer(() => body(rounds.one)),
          Other.toLayer(Effect.fnUntraced(function*({ id }) {
            yield* echo(log)(id)
            yield* Effect.sleep("1 minute")
            return yield* echo(log)(id)
          }))
        ))
        yield* startOf(host, "1")
        const id = yield* host.use(Other.execute({ id: "other" }, { discard: true }))
        yield* giveWay(30)
        const before = rounds.count
        assert.isAbove(before, 0)
        yield* TestClock.adjust("1 minute")
        yield* giveWay(30)
        assert.strictEqual((yield* world.run(id)).status, "completed")
        assert.deepStrictEqual(log.entries, ["echo other", "echo other"])
        assert.isAbove(rounds.count, before, "it goes on all the while")
        yield* host.kill
      }))

    it.effect(`S8, S9: a cancel reaches ${what}, compensations run, and a process that dies in them repeats it`, () =>
      Effect.gen(function*() {
        for (let write = 1, killed = true; killed; write++) {
          const world = yield* CrashHost.make
          const log = new Log()
          const layer = (rounds: Rounds) =>
            W.toLayer(Effect.fnUntraced(function*() {
              yield* W.withCompensation(echo(log)("a"), () => Effect.asVoid(echo(log, "undo")("a")))
              yield* body(rounds.one)
            }))
          const first = new Rounds()
          const host = yield* world.start(layer(first))
          const id = yield* startOf(host, "1")
          host.killAt(write, "after")
          yield* Effect.raceFirst(
            world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" }),
            giveWay(50)
          )
          killed = host.killed()
          const again = new Rounds()
          const second = yield* world.restart(host, layer(again))
          yield* Effect.raceFirst(world.look, giveWay(50))
          yield* Effect.raceFirst(second.settled, giveWay(50))
          assert.strictEqual((yield* world.run(id)).status, "cancelled", `write ${write}`)
          assert.deepStrictEqual(log.entries.filter((entry) => entry === "undo a").length >= 1, true)
          const stop = stopOf(yield* world.journal(id))
          assert.isAbove(stop!.operations!, 0)
          // What was recorded in the middle of computing is repeated at the same operation.
          if (again.count > 0 && stop!.epoch === 1) assert.strictEqual(again.count, first.count)
          yield* second.kill
        }
      }))

    it.effect(`S12: maxActiveMs reaches ${what}`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const rounds = new Rounds()
        const Limited = W.annotate(Workflows.Limits, { maxActiveMs: 10_000 })
        const host = yield* world.start(Limited.toLayer(() => body(rounds.one)))
        const id = yield* startOf(host, "1")
        yield* TestClock.adjust("9 seconds")
        yield* giveWay(20)
        assert.isUndefined(stopOf(yield* world.journal(id)))
        yield* TestClock.adjust("1 second")
        yield* giveWay(20)
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "failed")
        assert.include(JSON.stringify((yield* world.journal(id)).at(-1)), "maxActiveMs")
        assert.isAbove(stopOf(yield* world.journal(id))!.operations!, 0)
      }))
  }

  it.effect("S12: maxActiveMs reaches one that computes behind a wait, and does not count the wait", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const rounds = new Rounds()
      const Limited = W.annotate(Workflows.Limits, { maxActiveMs: 10_000 })
      const host = yield* world.start(Limited.toLayer(() => Effect.andThen(Signal.receive(Go), loop(rounds.one))))
      const id = yield* begin(host, W)
      yield* TestClock.adjust("1 day")
      yield* Effect.raceFirst(world.tell(id, "signal", go), giveWay(50))
      yield* TestClock.adjust("9 seconds")
      yield* giveWay(20)
      assert.isUndefined(stopOf(yield* world.journal(id)))
      yield* TestClock.adjust("1 second")
      yield* giveWay(20)
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
    }))

  it.effect("S4, S5: its process keeps the lease, and nobody else takes the run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const rounds = new Rounds()
      const layer = W.toLayer(() => loop(rounds.one))
      const host = yield* world.start(layer)
      const id = yield* startOf(host, "1")
      const other = yield* world.start(layer)
      for (let beat = 0; beat < 20; beat++) yield* Effect.raceFirst(world.adjustHost(3_000), giveWay(10))
      const { epoch, owner } = yield* world.run(id)
      assert.deepStrictEqual([epoch, owner !== null], [1, true])
      assert.strictEqual(yield* other.awake, 0)
      yield* host.kill
    }))

  it.effect("S17: a fiber that has not waited yet gives way from its first yield on, and comes before what follows it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const rounds = new Rounds()
      const short = Effect.repeat(rounds.one, { times: 3_000 })
      const host = yield* world.start(W.toLayer(() =>
        Effect.all([
          Effect.andThen(short, Effect.andThen(Effect.yieldNow, loop(rounds.one))),
          log.add("second")
        ], { concurrency: "unbounded" })
      ))
      yield* startOf(host, "1")
      assert.deepStrictEqual(log.entries, ["second"])
      const before = rounds.count
      yield* giveWay(5)
      assert.isAbove(rounds.count, before)
      yield* host.kill
    }))

  it.effect("S9: one whose code asks for something else than the journal holds is given up at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const rounds = new Rounds()
      const first = yield* world.start(W.toLayer(() => Effect.andThen(echo(log)("a"), Signal.receive(Go))))
      const id = yield* begin(first, W)
      const second = yield* world.restart(
        first,
        W.toLayer(() =>
          Effect.all([loop(Effect.andThen(Effect.yieldNow, rounds.one)), echo(log, "b")("b")], { concurrency: 2 })
        )
      )
      yield* giveWay(20)
      yield* second.settled
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "b" })
      assert.deepStrictEqual(log.entries, ["echo a"])
    }))
})

describe("runs that compute", () => {
  it.effect("S6, S9: give way anywhere, and any program writes what it writes in one go, told the same", () => {
    let compared = 0
    const numRuns = lawRuns({ short: 50, long: 100 })
    const law = Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          story,
          moments,
          fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 8 }),
          (story, evictions, grants) => {
            let turn = 0
            const pace = () => byChoice(() => grants[turn++ % grants.length]!)
            const alone = <A, E>(life: Effect.Effect<A, E>) => Effect.provide(life, TestClock.layer())
            return Effect.runPromise(Effect.gen(function*() {
              const hardship = { evictions, stops: [], freezes: [], failures: [], kills: [] }
              const calm = yield* alone(live(story, hardship))
              const preempted = yield* alone(Effect.provideService(live(story, hardship), CurrentPace, pace()))
              // What happens outside may come in another order while a body computes; what follows from the same is the same.
              if (
                stopOf(preempted.journal)?.operations === undefined &&
                happenings(preempted.journal) === happenings(calm.journal)
              ) {
                compared++
                assert.deepStrictEqual(preempted.journal.map(ownerless), calm.journal.map(ownerless))
                assert.deepStrictEqual(preempted.seen, calm.seen)
              }
              yield* alone(Effect.provideService(replay(story.program, preempted), CurrentPace, pace()))
              yield* alone(replay(story.program, preempted))
            }))
          }
        ),
        { numRuns, seed: 4314 }
      )
    )
    return Effect.andThen(law, Effect.sync(() => assert.isAbove(compared, numRuns / 2)))
  })

  it.effect(
    "S8, S9: stopped after any number of operations, replay to the same end, whichever process undoes them",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 }),
            fc.integer({ min: 1, max: 60 }),
            fc.integer({ min: 1, max: 4 }),
            fc.integer({ min: 1, max: 8 }),
            (grants, patience, fibers, write) => {
              let turn = 0
              return Effect.runPromise(
                Effect.gen(function*() {
                  const world = yield* CrashHost.make
                  const Seen = RunState.make("seen", { schema: Schema.Int, initial: 0 })
                  const passes: Array<Array<string>> = []
                  const layer = W.toLayer(Effect.fnUntraced(function*() {
                    const seen: Array<string> = []
                    passes.push(seen)
                    const fiber = (name: number) =>
                      Effect.onInterrupt(
                        Effect.gen(function*() {
                          for (let round = 0; round < 1_000; round++) {
                            yield* Effect.sync(() => seen.push(`${name} ${round}`))
                            if (round % (name + 2) === 0) yield* RunState.update(Seen, (count) => count + 1)
                            if (round % 7 === name) yield* Effect.yieldNow
                          }
                        }),
                        () => Effect.sync(() => seen.push(`${name} interrupted`))
                      )
                    yield* W.withCompensation(Effect.void, () => Effect.asVoid(undo()))
                    yield* Effect.forEach(Array.from({ length: fibers }, (_, name) => name), fiber, {
                      concurrency: "unbounded"
                    })
                  }))
                  const undo = () => echo(new Log(), "undo")("x")
                  const first = yield* world.start(layer)
                  const id = yield* first.use(W.execute({ id: "1" }, { discard: true }))
                  for (let round = 0; round < patience; round++) yield* Effect.yieldNow
                  first.killAt(write, "after")
                  yield* Effect.raceFirst(
                    world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" }),
                    giveWay(400)
                  )
                  const second = yield* world.restart(first, layer)
                  yield* second.settled
                  const status = (yield* world.run(id)).status
                  assert.include(["cancelled", "completed"], status)
                  // What the first process saw of what is recorded, the last saw as well.
                  const [before, last] = passes
                  const stop = stopOf(yield* world.journal(id))
                  if (stop?.operations !== undefined && stop.epoch === 1 && last !== undefined) {
                    assert.deepStrictEqual(last.slice(0, before!.length), before)
                  }
                }).pipe(
                  Effect.provideService(CurrentPace, byChoice(() => grants[turn++ % grants.length]!)),
                  Effect.provide(TestClock.layer())
                )
              )
            }
          ),
          { numRuns: lawRuns({ short: 75, long: 150 }), seed: 4314 }
        )
      )
  )

  it.effect("S1, S4, S8: a crash at any write of a life that is cancelled amidst computing changes neither its end nor what is undone", () =>
    Effect.gen(function*() {
      const log = new Log()
      const report = yield* CrashExplorer.explore({
        workflows: W.toLayer(Effect.fnUntraced(function*() {
          yield* W.withCompensation(Effect.void, () => Effect.asVoid(echo(log, "undo")("a")))
          yield* Effect.repeat(Effect.sync(() => {}), { times: 20_000 })
          yield* Signal.receive(Go)
        })),
        drive: (host, world) =>
          Effect.gen(function*() {
            const id = yield* host.use(W.execute({ id: "1" }, { discard: true }))
            yield* giveWay(6)
            yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" }, { id: "cancel" })
          })
      })
      assert.isAbove(report.crashes, 5)
    }))

  it.effect("S17: a thousand of them take of each turn of the event loop no more than one does, and all get their turns", () => {
    let time = 0
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const runs = 1_000
      const counts = new Map<string, number>()
      // Every round of a body takes a hundredth of a ms of the host.
      const host = yield* world.start(
        W.toLayer(({ id }) =>
          loop(Effect.sync(() => {
            time += 0.01
            counts.set(id, (counts.get(id) ?? 0) + 1)
          }))
        ),
        { maxAwake: 2 * runs }
      )
      const ids = Array.from({ length: runs }, (_, index) => `${index}`)
      let longest = 0
      const turns = (count: number) =>
        Effect.gen(function*() {
          for (let turn = 0; turn < count; turn++) {
            const before = time
            yield* Effect.yieldNow
            longest = Math.max(longest, time - before)
          }
        })
      yield* host.use(Effect.forEach(ids, (id) => W.execute({ id }, { discard: true }), { concurrency: "unbounded" }))
      yield* turns(50)
      longest = 0
      const before = new Map(counts)
      yield* turns(1_500)
      yield* host.kill
      assert.isAtMost(longest, 2 * sliceMs)
      for (const id of ids) assert.isAbove(counts.get(id)!, before.get(id) ?? 0, id)
    }).pipe(Effect.provideService(CurrentPace, (_, schedule) => byClock(() => time, schedule)))
  })
})
