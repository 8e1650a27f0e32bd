/** Conformance: on any history, a backend answers and stores what the memory backend does. */
import { assert, it } from "@effect/vitest"
import type { DayClaim } from "@fermata/core/DayClaims"
import type { Backend, CommitOp, Op, SpendingChange, StorageFailed, Together } from "@fermata/engine/Backend"
import { type Equality, pathOf, positionOf } from "@fermata/engine/EventLog"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { issue } from "./AccessTests.ts"
import * as Acts from "./Acts.ts"
import { endpoint, runEndpoint } from "./EndpointTests.ts"
import {
  answer,
  approval,
  claim,
  commit,
  definition,
  event,
  events,
  heartbeat,
  impossible,
  inbox,
  leave,
  type MakeStore,
  outboxRow,
  raise,
  report,
  start,
  stopRow,
  subscription
} from "./Fixtures.ts"
import { remove } from "./RetentionTests.ts"
import { scheduleOps } from "./ScheduleTests.ts"
import { keys, messages, observe, owners, runs, times } from "./Seen.ts"
import { sourceHistory } from "./SourceHistory.ts"

/** The law that every store does what memory does. */
export const lawTests = (make: MakeStore): void => {
  it("any history, over two connections and with failed transactions, gives what the memory backend gives", () =>
    law(make, { numRuns: 100, interruptAfterTimeLimit: 10_000 }))
}

/** Any history gives what memory gives. */
export const law = (make: MakeStore, parameters: fc.Parameters<[ReadonlyArray<Transaction>]>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      fc.array(transaction, { maxLength: 25 }),
      (history: ReadonlyArray<Transaction>) =>
        Effect.gen(function*() {
          const model = MemoryBackend.make(MemoryBackend.makeStore())
          const { connect } = yield* make
          const connections = [yield* connect, yield* connect] as const
          for (const { connection, fails, intents } of history) {
            const backend = connections[connection]
            const ops = yield* Effect.forEach(intents, (intent) => resolve(model, backend, intent))
            if (fails) {
              const failure = yield* Effect.flip(backend.write([...ops, impossible]))
              assert.strictEqual(failure._tag, "StorageFailed")
            } else {
              assert.deepStrictEqual(yield* backend.write(ops), yield* model.write(ops))
            }
            assert.deepStrictEqual(yield* observe(connections[0]), yield* observe(model))
          }
          assert.deepStrictEqual(yield* observe(connections[1]), yield* observe(model))
        }).pipe(Effect.scoped, Effect.runPromise)
    ),
    parameters
  )

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

interface Transaction {
  readonly connection: 0 | 1
  readonly fails: boolean
  readonly intents: ReadonlyArray<Op>
}

/** The epoch and the length of an intended commit or report are relative to those that the run has. */
const resolve = (model: Backend, backend: Backend, intent: Op): Effect.Effect<Op, StorageFailed> => {
  if (intent.op === "report") {
    return Effect.map(model.run(intent.row.run), (run) => ({
      ...intent,
      row: { ...intent.row, length: run?.length ?? 0 },
      epoch: intent.epoch + (run?.epoch ?? 0),
      dueAt: intent.dueAt ?? run?.dueAt ?? null
    }))
  }
  if (intent.op === "answer") {
    return Effect.map(model.approvals(intent.run, 100), (rows) => ({
      ...intent,
      version: intent.version + (rows.find(({ key }) => key === intent.key)?.version ?? 0)
    }))
  }
  if (intent.op !== "commit") return Effect.succeed(intent)
  const { together, ...rest } = intent
  return Effect.map(model.run(intent.run), (run) => ({
    ...rest,
    ...(together === undefined || !backend.supports.together ? {} : { together }),
    epoch: intent.epoch + (run?.epoch ?? 0),
    expected: intent.expected + (run?.length ?? 0)
  }))
}

const run = fc.constantFrom(...runs)
const owner = fc.constantFrom(...owners)
const key = fc.constantFrom(...keys)
const message = fc.constantFrom(...messages)
const time = fc.constantFrom(...times)
const some = <A>(item: fc.Arbitrary<A>) => fc.array(item, { maxLength: 2 })
const blob = fc.record({ hash: key, data: message })
const entries = some(fc.constantFrom("e0", "e1"))

const starts: fc.Arbitrary<Op> = fc.record({
  id: run,
  owner: fc.option(owner),
  definition: fc.constantFrom(null, null, "d", "e"),
  version: fc.constantFrom("1", "2"),
  parent: fc.option(run),
  dueAt: fc.option(time),
  rows: entries,
  blobs: some(blob),
  subscribed: fc.uniqueArray(key),
  asked: fc.subarray([pathOf(["id"]), pathOf([])]),
  since: fc.option(message),
  listener: fc.option(run),
  from: fc.option(message),
  isLimited: fc.boolean(),
  carriesOn: fc.option(run, { freq: 3 }),
  about: fc.constantFrom({}, {}, { title: "t" }, { labels: { l: "1" } }, { title: "u", labels: { l: "1", m: "2" } })
}).map((
  {
    about,
    asked,
    blobs,
    carriesOn,
    definition,
    dueAt,
    from,
    id,
    isLimited,
    listener,
    owner,
    parent,
    rows,
    since,
    subscribed,
    version
  }
) =>
  start(
    id,
    {
      version,
      owner,
      dueAt,
      parent,
      kind: definition === null ? "program" : definition === "d" ? "contract" : "recipe",
      definition,
      root: parent ?? id,
      ...about
    },
    {
      rows,
      blobs,
      listener,
      subscriptions: subscribed.map((key) => subscription(id, `event-${key}`, asked)),
      ...(since === null ? {} : { since }),
      ...(from === null ? {} : { message: from }),
      ...(isLimited ? { isLimited } : {}),
      ...(carriesOn === null ? {} : { from: carriesOn })
    }
  )
)

const outcome: fc.Arbitrary<Partial<CommitOp>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ release: fc.record({ dueAt: fc.option(time) }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      status: fc.constantFrom(
        { status: "suspended", reason: "timer", waits: "[]" },
        { status: "suspended", reason: "signal", waits: "[]" },
        { status: "running", reason: null, waits: null }
      ),
      release: fc.record({ dueAt: fc.option(time) })
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      status: fc.constantFrom(
        { status: "completed", reason: null, waits: null },
        { status: "failed", reason: null, waits: null }
      ),
      ended: fc.record({ payload: message }),
      consumed: fc.constantFrom(messages, messages, [])
    })
  }
)

/** What is made inside a commit, if anything is. */
const together: fc.Arbitrary<Together | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({ rows: entries, blobs: some(blob), outbox: some(message.map(outboxRow)) }).map((made) => () =>
      made
    )
  },
  { weight: 1, arbitrary: fc.constant(() => null) }
)

const equality: fc.Arbitrary<Equality | null> = fc.option(
  fc.record({ path: fc.constantFrom(pathOf(["id"]), pathOf([])), value: fc.constantFrom("1", "2") })
)

/** A value, several, one at a place, several there, or none. */
const payload = fc.constantFrom<unknown>(1, 2, [1], { id: 1 }, { id: 2 }, { id: [2] }, {}, null)

const sum = fc.constantFrom(-3, 0, 1, 2, Number.MAX_SAFE_INTEGER)
const amount = fc.record({ micros: fc.nat(3), tokens: fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER) }, {
  requiredKeys: []
})
/** For the first row of a commit, and the second. */
const dayClaim: fc.Arbitrary<DayClaim> = fc.record({
  row: fc.nat(1),
  day: fc.constantFrom(0, 20_000),
  amount,
  limit: amount,
  otherwise: fc.constant((refusal) => JSON.stringify(refusal))
})
const spending: fc.Arbitrary<SpendingChange> = fc.record({
  spent: fc.record({ micros: fc.nat(9), tokens: fc.nat(9) }, { requiredKeys: [] }),
  days: some(
    fc.record({
      day: fc.constantFrom(-1, 0, 20_000),
      micros: sum,
      tokens: sum,
      reservedMicros: sum,
      reservedTokens: sum
    })
  ),
  claims: some(dayClaim)
}, { requiredKeys: ["days"] })

/** Only rows that there are claim anything. */
const claimed = ({ claims = [], ...rest }: SpendingChange, rows: ReadonlyArray<string>): SpendingChange => ({
  ...rest,
  claims: claims.filter(({ row }) => row < rows.length)
})

const commits: fc.Arbitrary<Op> = fc.record({
  id: run,
  stale: fc.constantFrom(0, 0, 0, 0, 1, -1),
  rows: entries,
  blobs: some(blob),
  at: time,
  consumed: some(message),
  outbox: some(message.map(outboxRow)),
  opened: some(key),
  closed: some(key),
  unawaited: some(key),
  awaited: some(fc.record({ key, event: key, equality, position: fc.nat(4) })),
  together,
  leaves: fc.option(some(run), { freq: 3 }),
  spending: fc.option(spending, { freq: 1 }),
  outcome
}).map((
  {
    at,
    awaited,
    blobs,
    closed,
    consumed,
    id,
    leaves,
    opened,
    outbox,
    outcome,
    rows,
    spending,
    stale,
    together,
    unawaited
  }
) =>
  commit(id, Math.min(stale, 0), rows, {
    ...(together === undefined ? {} : { together }),
    epoch: Math.max(stale, 0),
    at,
    blobs,
    consumed,
    outbox,
    approvalsOpened: opened.map((key) => approval(id, key, { requestedAt: at })),
    approvalsClosed: closed,
    ...(spending === null ? {} : { spending: claimed(spending, rows) }),
    ...(leaves === null ? {} : { leaves: { except: leaves, row: stopRow } }),
    ...(awaited.length + unawaited.length === 0 ? {} : {
      awaits: {
        closed: unawaited,
        opened: awaited.map((wait) => ({ ...wait, event: `event-${wait.event}`, position: positionOf(wait.position) }))
      }
    }),
    ...outcome
  })
)

const asOp = <A>(arbitrary: fc.Arbitrary<A>, op: (value: A) => Op): fc.Arbitrary<Op> => arbitrary.map(op)

const intent = fc.oneof(
  { weight: 4, arbitrary: starts },
  { weight: 6, arbitrary: commits },
  {
    weight: 2,
    arbitrary: asOp(fc.record({ run, message }), ({ message, run }) => inbox(run, message))
  },
  {
    weight: 3,
    arbitrary: asOp(
      fc.record({
        run,
        key,
        message: fc.option(message),
        stale: fc.constantFrom(0, 0, 0, 1, -1),
        status: fc.constantFrom("open", "granted"),
        at: time,
        before: fc.option(time),
        from: fc.option(time),
        standing: fc.option(fc.record({ id: key, agent: run, rule: message }))
      }),
      ({ at, before, from, key, message, run, stale, standing, status }) =>
        answer(run, key, message ?? "none", stale, {
          status,
          now: () => at,
          before,
          from,
          ...(message === null ? { row: null } : {}),
          ...(standing === null ? {} : { standing: { ...standing, workspace: "", by: "ann", runId: run, key } })
        })
    )
  },
  { weight: 1, arbitrary: asOp(key, (id) => ({ op: "revoke", id })) },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({ id: key, parent: fc.option(key), createdAt: time, expiresAt: fc.option(time) }),
      ({ id, ...row }) => issue(id, row)
    )
  },
  { weight: 1, arbitrary: asOp(key, (id) => ({ op: "withdraw", id })) },
  { weight: 1, arbitrary: asOp(fc.record({ id: key, at: time }), (used) => ({ op: "used", ...used })) },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({ name: key, holder: owner, now: time, until: time, from: fc.option(key), to: key }),
      ({ from, to, ...bookmark }) => ({ op: "bookmark", ...bookmark, move: { from, to } })
    )
  },
  {
    weight: 3,
    arbitrary: asOp(
      fc.tuple(run, run, fc.option(message)),
      ([id, listener, from]) => leave(id, listener, from ?? undefined)
    )
  },
  {
    weight: 3,
    arbitrary: asOp(
      fc.record({
        owner,
        now: time,
        limit: fc.nat(3),
        programs: fc.option(fc.constantFrom([], ["purchase@1"], ["purchase@2", "purchase@1"])),
        kinds: fc.subarray(["contract", "recipe"]),
        without: some(fc.constantFrom("d", "e")),
        roots: fc.option(some(run), { freq: 2 })
      }),
      claim
    )
  },
  { weight: 2, arbitrary: asOp(fc.record({ owner, run }), (rest) => ({ op: "claimOne", ...rest })) },
  { weight: 1, arbitrary: asOp(fc.tuple(owner, time), ([id, at]) => heartbeat(id, at)) },
  { weight: 1, arbitrary: asOp(time, (now) => ({ op: "reap", now })) },
  { weight: 1, arbitrary: asOp(owner, (owner) => ({ op: "retire", owner })) },
  {
    weight: 2,
    arbitrary: asOp(
      fc.record({ run, reason: key, woken: fc.boolean(), stale: fc.constantFrom(0, 0, 0, 1) }),
      ({ stale, ...row }) => report(row, { epoch: stale })
    )
  },
  { weight: 1, arbitrary: asOp(some(message), (ids) => ({ op: "publish", rows: ids.map(outboxRow) })) },
  { weight: 1, arbitrary: asOp(some(message), (ids) => ({ op: "delivered", ids })) },
  {
    weight: 3,
    arbitrary: asOp(
      some(fc.record({ id: message, name: key, payload, at: time })),
      (rows) => events(...rows.map(({ at, id, name, payload }) => event(id, `event-${name}`, payload, at)))
    )
  },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({
        keptUntil: time,
        unaskedUntil: time,
        after: fc.constantFrom("", "event-k0"),
        names: fc.nat(2),
        limit: fc.nat(2)
      }),
      (rest) => ({ op: "sweep", ...rest })
    )
  },
  {
    weight: 2,
    arbitrary: asOp(
      fc.record({
        message,
        day: fc.constantFrom(0, 20_000),
        micros: fc.constantFrom(0, 3, Number.MAX_SAFE_INTEGER),
        tokens: fc.nat(2),
        workflow: fc.constantFrom("purchase", "else", "acme~purchase"),
        note: fc.option(key),
        reasons: fc.subarray(["timer", "signal"])
      }),
      ({ day, message, micros, note, reasons, tokens, workflow }) =>
        raise(message, day, micros, tokens, { note, workflow }, reasons)
    )
  },
  { weight: 3, arbitrary: scheduleOps },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({ openRuns: fc.option(fc.nat(2)), streams: fc.constant(null), by: key, at: time }),
      (row) => ({ op: "quota", tenant: "acme", row: { tenant: "acme", ...row } })
    )
  },
  { weight: 4, arbitrary: sourceHistory },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({ name: key, seen: fc.option(fc.integer({ min: 1, max: 2 }), { freq: 2 }), isOpen: fc.boolean() }),
      ({ isOpen, name, seen }) => endpoint(name, seen, { isOpen })
    )
  },
  {
    weight: 1,
    arbitrary: asOp(fc.tuple(run, fc.boolean()), ([id, isOpen]) => runEndpoint(id, null, isOpen))
  },
  { weight: 1, arbitrary: asOp(key, (name) => ({ op: "dropEndpoint", name })) },
  { weight: 3, arbitrary: asOp(run, (id) => remove(id)) },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({
        tenant: fc.option(fc.constant("acme")),
        workflow: fc.option(fc.constant("purchase")),
        status: fc.option(fc.constantFrom("completed", "failed")),
        row: fc.option(fc.record({ maxAgeMs: fc.option(time), maxCount: fc.option(fc.nat(2)), by: key, at: time }))
      }),
      ({ row, ...rule }) => ({ op: "retain", rule, row: row === null ? null : { ...rule, ...row } })
    )
  },
  {
    weight: 1,
    arbitrary: asOp(
      fc.record({ name: key, hash: message, kind: fc.constantFrom("program", "contract", "recipe") }),
      (row) => ({ op: "define", row: definition(row) })
    )
  }
)

const perhapsActed = Acts.perhapsActed(intent)
const transaction: fc.Arbitrary<Transaction> = fc.record({
  connection: fc.constantFrom(0 as const, 1 as const),
  fails: fc.integer({ min: 0, max: 5 }).map((roll) => roll === 0),
  intents: fc.array(perhapsActed, { minLength: 1, maxLength: 6 })
})
