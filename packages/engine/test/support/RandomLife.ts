/**
 * Lives of random programs: what comes from outside, what goes wrong, and what
 * must hold all the same.
 */
import { assert } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { layerOf, type Node, Outside, program, signals, valueOf, W } from "@fermata/testing/RandomProgram"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as Watchdog from "../../src/Watchdog.ts"
import { giveWay, untilKilled } from "./Program.ts"

/** What comes from outside, moment by moment; afterwards the run gets what it waits for. */
export interface Story {
  readonly program: Node
  readonly actions: ReadonlyArray<Action>
}
type Action = { readonly act: "signal"; readonly name: string } | {
  readonly act: "cancel" | "pause" | "resume" | "nothing"
}

export interface Hardship {
  /** At these moments every parked run is evicted. */
  readonly evictions: ReadonlyArray<boolean>
  /** At these moments the host stops in an orderly way, and another takes its place. */
  readonly stops: ReadonlyArray<boolean>
  /** At these moments the host stands still for longer than its lease, and another takes over before it wakes up. */
  readonly freezes: ReadonlyArray<boolean>
  /** At these moments the next write fails, before or after it is stored. */
  readonly failures: ReadonlyArray<"none" | "before" | "after">
  /** Hosts after this many have the code with patches in it. */
  readonly renewedAfter?: number
  /** One host after the other is killed at this write; `entries` counts from its start, `every` once it has taken up the run. */
  readonly kills: ReadonlyArray<
    { readonly count: number; readonly when: "before" | "after"; readonly which: "entries" | "every" }
  >
}

export interface Life {
  readonly journal: ReadonlyArray<JournalEntry.JournalEntry>
  /** What the code saw in its last pass. */
  readonly seen: ReadonlyArray<string>
  readonly passes: number
}

const nothing: Action = { act: "nothing" }

export const story: fc.Arbitrary<Story> = fc.record({
  program,
  actions: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant(nothing) },
      { weight: 5, arbitrary: fc.record({ act: fc.constant("signal" as const), name: fc.constantFrom(...signals) }) },
      {
        weight: 2,
        arbitrary: fc.record({ act: fc.constantFrom("cancel" as const, "pause" as const, "resume" as const) })
      }
    ),
    { maxLength: 8 }
  )
})

/** Whether something happens, moment by moment. */
export const moments = fc.array(fc.boolean(), { maxLength: 20 })

export const seldom = fc.array(fc.constantFrom(false, false, false, true), { maxLength: 20 })

export const failures: fc.Arbitrary<Hardship["failures"]> = fc.array(
  fc.constantFrom("none", "none", "none", "before", "after"),
  { maxLength: 20 }
)

export const kills: fc.Arbitrary<Hardship["kills"]> = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 12 }),
    when: fc.constantFrom("before", "after"),
    which: fc.constantFrom("entries", "every")
  }),
  { minLength: 1, maxLength: 3 }
)

/** More moments than any of these programs has. */
const longest = 300

/** Lives through a story to its end, and asserts what holds for every life. */
export const live = Effect.fnUntraced(
  function*(
    { actions, program }: Story,
    { evictions, failures, freezes, kills, renewedAfter = Infinity, stops }: Hardship
  ) {
    const world = yield* CrashHost.make
    const outside = new Outside()
    const id = yield* W.executionId({ id: "1" })
    let lives = 0
    let repeated: string | undefined
    /** What the code had seen when all of it was in the store. */
    let certain: ReadonlyArray<string> = []

    const bodyBegins = (run: string, key: string) => {
      if (outcomes(Effect.runSync(world.journal(run))).has(key)) repeated ??= key
    }
    const arise = Effect.fnUntraced(function*(dead: CrashHost.Host | undefined) {
      const layer = layerOf(program, outside, lives >= renewedAfter)
      const kill = kills[lives++]
      // A life of more crashes than an engine puts up with by itself.
      const options = { bodyBegins, maxRecoveries: 1_000, ...(kill?.which === "entries" ? { killAt: kill } : {}) }
      const host = yield* dead === undefined ? world.start(layer, options) : world.restart(dead, layer, options)
      if (kill?.which === "every") host.killAt(kill.count, kill.when, "every")
      return host
    })

    let host = yield* arise(undefined)
    /** Does it, again and again, until a host lives through it. */
    const survive = (effect: (host: CrashHost.Host) => Effect.Effect<void, unknown>) =>
      Effect.gen(function*() {
        while (true) {
          yield* Effect.raceFirst(Effect.andThen(effect(host), host.settled), untilKilled(host))
          if (!host.killed()) return
          host = yield* arise(host)
        }
      })

    const journals = Effect.gen(function*() {
      const rows = yield* world.backend.runs({ limit: 100 })
      return yield* Effect.forEach(rows, (row) => Effect.map(world.journal(row.id), (journal) => ({ row, journal })))
    })

    const signal = (id: string, name: string, moment: number) =>
      world.tell(id, "signal", { name, payload: moment }, { id: `signal-${moment}-${name}` })

    const act = (action: Action, moment: number): Effect.Effect<unknown> => {
      switch (action.act) {
        case "signal":
          return signal(id, action.name, moment)
        case "cancel":
          return Effect.andThen(
            Effect.map(Clock.currentTimeMillis, (now) => outside.moments.add(now + 30_000)),
            world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" }, { id: `cancel-${moment}` })
          )
        case "pause":
        case "resume":
          return world.tell(id, action.act, { by: "ada" }, { id: `${action.act}-${moment}` })
        case "nothing":
          return Effect.void
      }
    }

    /** Gives the runs what they wait for. */
    const relieve = Effect.fnUntraced(function*(moment: number) {
      for (const { journal, row: { id } } of yield* journals) {
        for (const { detail, key, reason } of yield* world.waits(id)) {
          assert.notInclude(["diverged", "corrupt", "recovery"], reason, detail)
          if (reason === "signal") yield* signal(id, key, moment)
          if (reason === "operator") yield* act({ act: "resume" }, moment)
          if (reason === "approval") {
            yield* world.answer(id, key, {
              decision: moment % 2 === 0 ? "approve" : "deny",
              by: "ada",
              id: `answer-${moment}-${key}`
            })
          }
          if (reason !== "outcome-unknown") continue
          const request = journal.find((entry) => entry._tag === "StepRequested" && entry.key === key)
          const number = request?._tag === "StepRequested" ? Number(request.input) : 0
          yield* world.tell(id, "settle", {
            key,
            by: "ada",
            action: number % 2 === 0 ? { _tag: "retry" } : { _tag: "complete", output: valueOf(number) }
          }, { id: `settle-${moment}-${key}` })
        }
      }
    })

    /** The host stops in an orderly way: bodies of `ask` steps get their grace, and it may be killed meanwhile. */
    const stop = Effect.gen(function*() {
      // Not awaited as a fiber: a host that is killed in its finalizers never ends them.
      const closing = yield* Effect.forkDetach(host.close)
      while (closing.pollUnsafe() === undefined && !host.killed()) yield* world.adjustHost(1_000)
      host = yield* arise(host.killed() ? host : undefined)
    })

    const freeze = Effect.gen(function*() {
      const frozen = host
      frozen.freeze()
      host = yield* arise(undefined)
      // Not to its end: the frozen host never comes to rest.
      yield* Effect.raceFirst(world.adjustHost(14_000), giveWay())
      yield* frozen.thaw
      yield* frozen.settled
      yield* frozen.kill
    })

    yield* survive((host) => host.use(W.execute({ id: "1" }, { discard: true })))
    let moment = 0
    while (!isFinal((yield* world.run(id)).status as RunStatus)) {
      assert.isBelow(moment, longest, "the run does not end")
      const seen = outside.passes.at(-1) ?? []
      assert.deepStrictEqual(seen.slice(0, certain.length), certain, "a pass does not see what the one before it saw")
      // What leaves no entry, such as the taking of a signal, is done again by changed code in its own way.
      certain = renewedAfter === Infinity ? seen.slice() : []
      const failure = failures[moment] ?? "none"
      if (failure !== "none") host.failWrites(1, failure)
      yield* survive(() => act(actions[moment] ?? nothing, moment))
      // What the store could not do is tried again in time, also behind the moment in which it failed.
      if (failures.slice(0, moment + 1).some((failure) => failure !== "none")) {
        yield* survive(() => world.adjustHost(1_000))
      }
      if (evictions[moment] === true) yield* survive((host) => host.evict)
      if (stops[moment] === true) yield* stop
      if (freezes[moment] === true) yield* freeze
      const now = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(yield* Watchdog.survey(world.backend, now, 100), [], "S7: a run would not go on")
      const next = Math.min(...comingUp((yield* journals).flatMap(({ journal }) => journal), outside, now))
      if (Number.isFinite(next)) yield* survive(() => TestClock.setTime(next))
      else if (moment >= actions.length) yield* survive(() => relieve(moment))
      moment++
    }
    const seen = outside.passes.at(-1) ?? []
    yield* host.kill
    assert.deepStrictEqual(
      seen.slice(0, certain.length),
      certain,
      "the last pass does not see what the one before it saw"
    )
    assert.isUndefined(repeated, "S1: a step ran again although its outcome was recorded")
    for (const { journal, row } of yield* journals) {
      checkJournal(row.id, journal, row.status)
      if (row.id !== id) continue
      assert.deepStrictEqual(
        outside.together.toSorted(),
        doneTogether(journal).toSorted(),
        "S2: a body that commits together was done without its record, or recorded without having been done"
      )
      checkDecisions(outside, journal)
      checkSpending(outside, RunView.of(id, journal))
      for (const { child, spent } of RunView.of(id, journal).children) {
        if (spent === undefined) continue
        assert.deepStrictEqual(spent, RunView.of(child, yield* world.journal(child)).spent.total)
      }
      assert.isEmpty(yield* world.inbox(id))
      assert.isEmpty(yield* world.approvals(id))
      assert.include(row, { owner: null, dueAt: null })
    }
    return { journal: yield* world.journal(id), seen, passes: outside.passes.length } satisfies Life
  }
)

/** Replays the whole journal of a life but its end in a new world, which must come to the same end. */
export const replay = Effect.fnUntraced(function*(program: Node, { journal, seen }: Life) {
  const world = yield* CrashHost.make
  const outside = new Outside()
  const id = yield* W.executionId({ id: "1" })
  const rows = journal.map((entry) => JSON.stringify(entry))
  yield* TestClock.setTime(journal.at(-1)!.at)
  const run = {
    id,
    workflow: "random",
    version: "1",
    kind: "program",
    definition: null,
    root: id,
    parent: null
  } as const
  yield* world.backend.write([{
    op: "start",
    run: { ...run, status: "queued", owner: null, dueAt: 0, createdAt: journal[0]!.at },
    rows: rows.slice(0, -1),
    blobs: [],
    subscriptions: [],
    listener: null
  }])
  const host = yield* world.start(layerOf(program, outside))
  const again = yield* world.journal(id)
  yield* host.kill
  assert.deepStrictEqual(outside.passes, [seen], "a replay does not see what the run saw")
  assert.deepStrictEqual(again.map(timeless), journal.map(timeless), "a replay does not end as the run did")
})

/** An entry without what tells one life from another. */
export const timeless = ({ at: _at, epoch: _epoch, ...entry }: JournalEntry.JournalEntry): unknown => entry

/** An entry without the number of its owner. */
export const ownerless = ({ epoch: _epoch, ...entry }: JournalEntry.JournalEntry): unknown => entry

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The moments at which something of the run comes due. */
const comingUp = (
  journal: ReadonlyArray<JournalEntry.JournalEntry>,
  outside: Outside,
  now: number
): ReadonlyArray<number> => {
  const moments = Array.from(outside.moments)
  for (const entry of journal) {
    if (entry._tag === "TimerSet") moments.push(entry.dueAt)
    if (entry._tag === "ApprovalRequested" && entry.deadline !== undefined) moments.push(entry.deadline)
    if (entry._tag === "StepFailed" && entry.retryAt !== undefined) moments.push(entry.retryAt)
  }
  return moments.filter((moment) => moment > now)
}

/** Keys of the `commit-together` steps that succeeded. */
const doneTogether = (journal: ReadonlyArray<JournalEntry.JournalEntry>): ReadonlyArray<string> => {
  const rules = new Map<string, string>()
  return journal.flatMap((entry) => {
    if (entry._tag === "StepRequested") rules.set(entry.key, entry.onCrash)
    const isDone = entry._tag === "StepCompleted" && entry.settledBy === undefined &&
      rules.get(entry.key) === "commit-together"
    return isDone ? [entry.key] : []
  })
}

/** What bodies have spent is in the journal: in outcomes, or as what was reserved by attempts that came to none. */
const checkSpending = ({ spent }: Outside, view: RunView.RunView) => {
  for (const { key, spent: said = {}, unsettled } of view.steps) {
    const [really, own] = [spent.get(key) ?? 0, said.micros ?? 0]
    assert.isAtMost(own, really, `step "${key}" has spent less than its outcomes say`)
    assert.isAtMost(really, own + (unsettled?.micros ?? 0), `step "${key}" has spent more than its journal says`)
  }
}

/** A decision is made once for the value that is recorded, and every later pass is given that one. */
const checkDecisions = ({ decisions }: Outside, journal: ReadonlyArray<JournalEntry.JournalEntry>) => {
  const recorded = journal.filter((entry) => entry._tag === "Decided")
  const most = Math.max(0, ...decisions.map(({ length }) => length))
  assert.isAtMost(recorded.length, most)
  for (let number = 0; number < most; number++) {
    const key = number === 0 ? "what" : `what~${number + 1}`
    const entries = recorded.filter((entry) => entry.key === key)
    const read = decisions.flatMap((pass) => pass[number] ?? [])
    if (entries.length === 0) {
      assert.isTrue(read.every(({ made, value }) => made || value === undefined), `S1: nobody has decided ${key}`)
      continue
    }
    assert.lengthOf(entries, 1, `S1: ${key} was decided twice`)
    const first = read.findIndex(({ value }) => value === entries[0]!.value)
    // Whoever was asked before has died before it was recorded.
    assert.isTrue(read.slice(0, first + 1).every(({ made, value }) => made || value === undefined))
    for (const { made, value } of read.slice(first + 1)) {
      assert.isFalse(made, `S1: ${key} is recorded, and the code was asked again`)
      if (value !== undefined) assert.strictEqual(value, entries[0]!.value, `S9: ${key} is another on replay`)
    }
  }
}

const outcomes = (journal: ReadonlyArray<JournalEntry.JournalEntry>): ReadonlySet<string> =>
  new Set(
    journal.flatMap((entry) =>
      entry._tag === "StepCompleted" || (entry._tag === "StepFailed" && entry.retryAt === undefined) ? [entry.key] : []
    )
  )

/** A journal is in order, has each outcome once and after its request, and folds to the status of the run. */
const checkJournal = (id: string, journal: ReadonlyArray<JournalEntry.JournalEntry>, status: string) => {
  const asked = new Set<string>()
  const done = new Set<string>()
  const timers = new Set<number>()
  let before = journal[0]!
  for (const entry of journal) {
    assert.isAtLeast(entry.at, before.at)
    assert.isAtLeast(entry.epoch, before.epoch)
    before = entry
    if (entry._tag === "StepRequested") asked.add(entry.key)
    if (entry._tag === "TimerSet") {
      assert.isFalse(timers.has(entry.timer), `timer ${entry.timer} was set twice`)
      timers.add(entry.timer)
    }
    if (entry._tag === "StepCompleted" || (entry._tag === "StepFailed" && entry.retryAt === undefined)) {
      assert.isTrue(asked.has(entry.key), `step ${entry.key} has an outcome without a request`)
      assert.isFalse(done.has(entry.key), `step ${entry.key} has two outcomes`)
      done.add(entry.key)
    }
  }
  assert.strictEqual(RunView.of(id, journal).status, status)
}
