/**
 * The storage seam on SQLite: one file, which many processes may share.
 */
import { type Answers, type Backend, type Op, StorageFailed } from "@fermata/engine/Backend"
import type { ChunkBackend } from "@fermata/engine/Chunks"
import * as ReadOnlyBackend from "@fermata/engine/ReadOnlyBackend"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as JournalSql from "./internal/JournalSql.ts"
import * as Reads from "./internal/Reads.ts"
import { prepare } from "./internal/Rows.ts"
import * as WriteAheadLog from "./internal/WriteAheadLog.ts"
import * as Writes from "./internal/Writes.ts"
import * as Migrations from "./Migrations.ts"
import * as Sqlite from "./Sqlite.ts"
import * as SqliteChunks from "./SqliteChunks.ts"
import type { SqliteClient } from "./SqliteClient.ts"

/** A backend with the client that can take part in its transactions. */
export interface SqliteBackend extends Backend {
  /** For `HostSql`. */
  readonly sql: SqliteClient
  /** For `Chunks`. */
  readonly chunks: ChunkBackend
}

/**
 * Opens the database, creating and migrating it as needed, and closes it with the scope.
 *
 * Fails with `StorageFailed` for a file that is not a Fermata database or was
 * written by a newer version. While another process writes, an operation waits
 * without blocking the event loop; otherwise it completes synchronously.
 */
export const make = (options: Sqlite.Options): Effect.Effect<SqliteBackend, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const untouched = options.readOnly === "untouched"
    const { attempt, db, file } = yield* untouched ? Sqlite.openForReading(options) : Sqlite.open(options)
    const { call, client } = yield* JournalSql.make(db, { filename: file, synchronous: options.synchronous })
    const writes = Writes.make(db, call)
    const reads = Reads.make(db)
    const log = new WriteAheadLog.WriteAheadLog(db, file, options.maxLogBytes ?? WriteAheadLog.defaultLimit)
    const begin = prepare(db, "BEGIN IMMEDIATE")
    const commit = prepare(db, "COMMIT")

    const schemaVersion = prepare(db, "PRAGMA user_version")
    const outrunNow = () => Migrations.outrun(Number(schemaVersion.get()?.["user_version"]))
    /** It is said once that this process leaves all runs to newer ones. */
    let isTold = false
    /** Why, as of the last time that this process would have taken one up. */
    let outrun: string | null = null
    const sayOutrun = Effect.suspend(() => {
      if (outrun === null || isTold) return Effect.void
      isTold = true
      return Effect.logWarning(`no further run is taken up here: ${outrun}`)
    })

    const transact = (ops: ReadonlyArray<Op>) => {
      const [first] = ops
      if (first === undefined) return []
      log.guard()
      // One statement is a transaction by itself.
      if (ops.length === 1 && first.op === "commit" && writes.appendAlone(first)) return [{ ok: true } as const]
      begin.run()
      try {
        writes.catchUp()
        if (ops.some(takesUp)) outrun = outrunNow()
        const answers = ops.map((op) => outrun === null ? writes.apply(op) : leftToNewer(op, writes.apply))
        writes.finish()
        commit.run()
        if (ops.some((op, index) => isDeleted(op, answers[index]!))) log.cut()
        return answers
      } catch (cause) {
        if (db.isTransaction) db.exec("ROLLBACK")
        writes.forget()
        throw cause
      }
    }
    const read = <A>(work: () => A) => attempt("read", work)

    const backend: Backend = {
      supports: { shared: true, together: true, writes: options.readOnly === undefined || options.readOnly === false },
      write: (ops) => {
        const written = Effect.catch(attempt("write", () => transact(ops) as never), (failure) => {
          // What a newer build has changed is no fault of the database.
          const problem = outrunNow()
          return Effect.fail(
            problem === null ? failure : new StorageFailed({ ...failure, problem: `${problem} (${file})` })
          )
        })
        return !isTold && ops.some(takesUp) ? Effect.tap(written, () => sayOutrun) : written
      },
      run: (id) => read(() => reads.run(id)),
      runs: (filter) => read(() => reads.runs(filter)),
      runCount: (filter) => read(() => reads.runCount(filter)),
      runIds: (prefix, limit) => read(() => reads.runIds(prefix, limit)),
      entries: (run, from, limit) => read(() => reads.entries(run, from, limit)),
      changes: (after, limit) => read(() => reads.changes(after, limit)),
      position: read(reads.position),
      restores: read(reads.restores),
      blob: (hash) => read(() => reads.blob(hash)),
      inboxOf: (owner, limit) => read(() => reads.inboxOf(owner, limit)),
      inbox: (run) => read(() => reads.inbox(run)),
      outbox: (limit, events) => read(() => reads.outbox(limit, events)),
      approval: (run, key) => read(() => reads.approval(run, key)),
      approvals: (run, limit, tenant) => read(() => reads.approvals(run, limit, tenant)),
      standing: (filter) => read(() => reads.standing(filter)),
      accessToken: (id) => read(() => reads.accessToken(id)),
      accessTokens: (limit, after, tenant) => read(() => reads.accessTokens(limit, after, tenant)),
      quota: (tenant) => read(() => reads.quota(tenant)),
      tenants: (name) => read(() => reads.tenants(name)),
      censusOf: (tenant) => read(() => reads.censusOf(tenant)),
      endpoint: (name) => read(() => reads.endpoint(name)),
      endpoints: (filter) => read(() => reads.endpoints(filter)),
      anyRunEndpoint: read(reads.anyRunEndpoint),
      audit: (filter) => read(() => reads.audit(filter)),
      auditChain: (after, limit) => read(() => reads.auditChain(after, limit)),
      request: (caller, key) => read(() => reads.request(caller, key)),
      events: (filter) => read(() => reads.events(filter)),
      oldestEvent: read(reads.oldestEvent),
      eventWaits: (event) => read(() => reads.eventWaits(event)),
      awaited: (wait, after, limit) => read(() => reads.awaited(wait, after, limit)),
      sensors: (filter) => read(() => reads.sensors(filter)),
      sensor: (tenant, dedupe) => read(() => reads.sensor(tenant, dedupe)),
      oldestSensor: read(reads.oldestSensor),
      source: (name) => read(() => reads.source(name)),
      sources: (tenant) => read(() => reads.sources(tenant)),
      task: (id) => read(() => reads.task(id)),
      tasks: (filter) => read(() => reads.tasks(filter)),
      taskAttempts: (task) => read(() => reads.taskAttempts(task)),
      taskStanding: (id, most) => read(() => reads.taskStanding(id, most)),
      oldestEndedTask: read(reads.oldestEndedTask),
      stopping: (owner) => read(() => reads.stopping(owner)),
      queue: (name) => read(() => reads.queue(name)),
      queues: (tenant) => read(() => reads.queues(tenant)),
      definitions: read(reads.definitions),
      definition: (name, version) => read(() => reads.definition(name, version)),
      definitionByHash: (hash) => read(() => reads.definitionByHash(hash)),
      owners: read(reads.owners),
      nextDue: (after, roots) => read(() => reads.nextDue(after, roots)),
      due: (after, until, limit) => read(() => reads.due(after, until, limit)),
      stranded: (limit, before) => read(() => reads.stranded(limit, before)),
      findings: (limit) => read(() => reads.findings(limit)),
      retention: read(reads.retention),
      endedGroups: (after, limit) => read(() => reads.endedGroups(after, limit)),
      ended: (filter, limit, skip) => read(() => reads.ended(filter, limit, skip)),
      uncleared: read(reads.uncleared),
      census: read(reads.census),
      spending: (filter) => read(() => reads.spending(filter)),
      schedule: (name) => read(() => reads.schedule(name)),
      schedules: (filter) => read(() => reads.schedules(filter)),
      dueSchedules: (limit, after) => read(() => reads.dueSchedules(limit, after)),
      firings: (schedule, limit, before) => read(() => reads.firings(schedule, limit, before)),
      dayRaises: (filter) => read(() => reads.dayRaises(filter)),
      version: read(reads.version)
    }
    const chunks = SqliteChunks.make({ attempt, db }, { guard: () => log.guard(), readOnly: untouched })
    return { ...(untouched ? ReadOnlyBackend.make(backend) : backend), sql: client, chunks }
  })

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Whether something was deleted to its last row. */
const isDeleted = ({ op }: Op, answer: object): boolean =>
  (op === "clear" || op === "forget") && "left" in answer && answer.left === false

/** Whether a process would have a run or a task by this: one that is due, or one that it starts. */
const takesUp = (op: Op): boolean =>
  op.op === "claim" || op.op === "claimOne" || op.op === "lease" || (op.op === "start" && op.run.owner !== null)

/** What a process does in a database that a newer build has migrated: it takes up nothing, since it might not read what it finds there. */
const leftToNewer = <A>(
  op: Op,
  apply: (op: Op) => A
): A | Answers["claim"] | Answers["claimOne"] | Answers["lease"] => {
  switch (op.op) {
    case "claim":
      return { runs: [] }
    case "claimOne":
      return { run: null }
    case "lease":
      return { tasks: [], next: null }
    case "start":
      return apply({ ...op, run: { ...op.run, owner: null } })
    default:
      return apply(op)
  }
}
