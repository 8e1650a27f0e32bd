/**
 * The operations of the storage seam, as SQL. Each must be called inside a
 * write transaction.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as AuditChain from "@fermata/engine/AuditChain"
import type {
  AnswerOp,
  Answers,
  CommitOp,
  Handlers,
  Known,
  Op,
  OutboxRow,
  RunRow,
  StartOp,
  Together
} from "@fermata/engine/Backend"
import * as ImportRuns from "@fermata/engine/ImportRuns"
import * as TaskTables from "@fermata/engine/TaskTables"
import type { DatabaseSync } from "node:sqlite"
import * as AccessSql from "./AccessSql.ts"
import * as AuditSql from "./AuditSql.ts"
import * as BookmarkSql from "./BookmarkSql.ts"
import * as ChangeSql from "./ChangeSql.ts"
import * as DefinitionSql from "./DefinitionSql.ts"
import * as EndpointSql from "./EndpointSql.ts"
import * as EntryLines from "./EntryLines.ts"
import * as EventSql from "./EventSql.ts"
import * as FindingSql from "./FindingSql.ts"
import * as InboxSql from "./InboxSql.ts"
import * as KnownRuns from "./KnownRuns.ts"
import * as Listeners from "./Listeners.ts"
import * as OwnerSql from "./OwnerSql.ts"
import * as RestoreSql from "./RestoreSql.ts"
import * as RetentionSql from "./RetentionSql.ts"
import { isOver, number, prepare, prepareLean, runColumns, text, toRun } from "./Rows.ts"
import * as ScheduleSql from "./ScheduleSql.ts"
import * as ShortWaits from "./ShortWaits.ts"
import * as SourceSql from "./SourceSql.ts"
import * as SpendingSql from "./SpendingSql.ts"
import * as StandingSql from "./StandingSql.ts"
import * as TaskSql from "./TaskSql.ts"
import * as TenantSql from "./TenantSql.ts"
import * as TenantTables from "./TenantTables.ts"

/** `call` calls a part of a commit that is made inside the transaction. */
export const make = (db: DatabaseSync, call: (together: Together) => ReturnType<Together>) => {
  const runs = KnownRuns.make(db)
  const { keyOf, keys, lengthOf, lengths, placeRows } = runs
  const findRun = prepare(db, `SELECT ${runColumns} FROM runs WHERE key = ?`)
  const head = prepareLean(db, "SELECT epoch, status, takeovers, inbox_count FROM runs WHERE key = ?")
  const append = prepare(db, "INSERT INTO journal (run, last, entries) VALUES (?, ?, ?)", true)
  /** Appends where nothing stands in the way: inside a transaction, and as a transaction by itself. */
  const ownedRow =
    "INSERT INTO journal (run, last, entries) SELECT ?1, ?2, ?3 FROM runs WHERE key = ?1 AND epoch = ?4 AND takeovers = 0"
  const appendOwned = prepare(db, ownedRow, true)
  const appendFenced = prepare(db, `${ownedRow} AND (SELECT max(arrival) FROM journal) = ?5`, true)
  const keep = prepare(db, "INSERT INTO blobs (hash, data) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING")
  const send = prepare(
    db,
    "INSERT INTO outbox (id, kind, payload) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
  )
  const delivered = prepare(db, "DELETE FROM outbox WHERE id = ?")

  const insertRun = prepare(
    db,
    // No key is given twice, also where the run that had it is deleted.
    `INSERT INTO runs (key, id, workflow, version, kind, definition, root, parent, status, owner, due_at, epoch, created_at, updated_at, keeper, title, labels)
     VALUES ((SELECT max(coalesce((SELECT max(key) FROM runs), 0), last_run) + 1 FROM store), ?1, ?2, ?3, ?4, ?5, nullif(?6, ?1), ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14, ?15)
     ON CONFLICT (id) DO NOTHING RETURNING key, EXISTS (SELECT 1 FROM early WHERE run = ?1) AS early,
       EXISTS (SELECT 1 FROM runs AS asker CROSS JOIN doubts ON doubts.run = asker.key WHERE asker.id = ?16) AS doubted`
  )
  const label = prepare(db, "INSERT INTO run_labels (name, value, run) VALUES (?, ?, ?)")
  const events = EventSql.changes(db)
  const spending = SpendingSql.changes(db)
  const standingRules = StandingSql.changes(db)
  const access = AccessSql.changes(db)
  const tenants = TenantSql.changes(db)
  const records = AuditSql.records(db)
  const doubts = RestoreSql.changes(db)
  const mark = ChangeSql.mark(db)

  const setStatus = prepare(db, "UPDATE runs SET status = ?, reason = ?, waits = ?, updated_at = ? WHERE key = ?")
  const setInboxCount = prepare(db, "UPDATE runs SET inbox_count = ? WHERE key = ?")
  const setTakeovers = prepare(db, "UPDATE runs SET takeovers = ? WHERE key = ?")
  const release = prepare(
    db,
    "UPDATE runs SET owner = NULL, due_at = ?, takeovers = 0, updated_at = ? WHERE key = ?"
  )
  const finish = prepare(db, "UPDATE runs SET owner = NULL, due_at = NULL WHERE key = ?")
  const end = prepare(db, "UPDATE runs SET ended = ?, updated_at = ? WHERE key = ?")
  /** The three in one. */
  const endWith = prepare(
    db,
    "UPDATE runs SET status = ?, reason = ?, waits = ?, owner = NULL, due_at = NULL, inbox_count = 0, ended = ?, updated_at = ? WHERE key = ?"
  )
  /** The same of a run that stands as is expected, which nobody need look at before. */
  const setStatusOwned = prepareLean(
    db,
    `UPDATE runs SET status = ?, reason = ?, waits = ?, updated_at = ?, takeovers = 0 WHERE key = ? AND epoch = ?
     RETURNING inbox_count`
  )
  const endOwned = prepareLean(
    db,
    `UPDATE runs SET status = ?, reason = ?, waits = ?, owner = NULL, due_at = NULL, ended = ?, updated_at = ?, takeovers = 0
     WHERE key = ? AND epoch = ? AND inbox_count = 0 RETURNING inbox_count`
  )
  const ofOpenRuns = ["approvals", "subscriptions", "event_waits", "listeners", "findings"]
  const leftovers = ofOpenRuns.map((table) => prepare(db, `DELETE FROM ${table} WHERE run = ?`))
  /** Whether each of these has anything of the run: most runs leave nothing, and to ask once costs less than to delete five times. */
  const leaves = prepareLean(
    db,
    `SELECT ${ofOpenRuns.map((table) => `EXISTS (SELECT 1 FROM ${table} WHERE run = ?1)`).join(", ")},
     EXISTS (SELECT 1 FROM tasks WHERE waiter_run = ?2 AND waiter_run IS NOT NULL AND ended_at IS NULL)`
  )

  const inboxIds = prepare(db, "SELECT id FROM inbox WHERE run = ?")
  const consume = prepare(db, "DELETE FROM inbox WHERE run = ? AND id = ?")
  const openApproval = prepare(
    db,
    `INSERT OR IGNORE INTO approvals (run, key, workflow, prompt, approvers, question, requested_at, deadline, answers, version, status)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const closeApproval = prepare(db, "DELETE FROM approvals WHERE run = ? AND key = ?")
  const versionOf = prepare(db, "SELECT version FROM approvals WHERE run = ? AND key = ?")
  const change = prepare(
    db,
    "UPDATE approvals SET answers = ?, status = ?, version = version + 1 WHERE run = ? AND key = ?"
  )
  const inboxes = InboxSql.make(db)
  const { put: inbox } = inboxes

  const appendAll = (key: number, first: number, rows: ReadonlyArray<string>, workflow?: string) => {
    for (let from = 0; from < rows.length; from += mostInRow) {
      const part = rows.length <= mostInRow ? rows : rows.slice(from, from + mostInRow)
      runs.arrived = append.insert(key, first + from + part.length - 1, EntryLines.encode(part, workflow))
    }
    runs.setLength(key, first + rows.length)
  }

  /** How many of them were not there. */
  const sendAll = (rows: ReadonlyArray<OutboxRow>): number => {
    let added = 0
    for (const row of rows) added += send.run(row.id, row.kind, row.payload)
    return added
  }

  const join = (key: number, op: StartOp): Answers["start"] => {
    listeners.join(key, op)
    return { started: false, run: toRun(findRun.get(key)!) }
  }

  const refusalOf = (op: StartOp): Answers["start"] | undefined => {
    const { from, isLimited, run } = op
    if ((from === undefined && isLimited !== true) || keyOf(run.id) !== undefined) return undefined
    if (from !== undefined && keyOf(from) === undefined) return { ...TenantSql.notStarted(op), gone: true }
    return isLimited === true ? tenants.refused(op) : undefined
  }

  const start = (op: StartOp): Answers["start"] => {
    const { run } = op
    const known = keys.get(run.id)
    if (known !== undefined) return join(known, op)
    const refused = refusalOf(op)
    if (refused !== undefined) return refused
    const final = isOver(run.status)
    const owner = final ? null : run.owner
    const row: RunRow = {
      ...run,
      owner,
      dueAt: final || owner !== null ? null : run.dueAt,
      reason: null,
      waits: null,
      length: op.rows.length,
      epoch: owner === null ? 0 : 1,
      takeovers: 0,
      updatedAt: run.createdAt
    }
    const inserted = insertRun.get(
      row.id,
      row.workflow,
      row.version,
      row.kind,
      row.definition,
      row.root,
      row.parent,
      row.status,
      row.owner,
      row.dueAt,
      row.epoch,
      row.createdAt,
      op.listener,
      row.title ?? null,
      row.labels === undefined ? null : StoredJson.textOf(row.labels),
      op.askedBy ?? null
    )
    if (inserted === undefined) return join(keyOf(run.id)!, op)
    const key = number(inserted, "key")
    for (const [name, value] of Object.entries(row.labels ?? {})) label.run(name, value, key)
    appendAll(key, 0, op.rows, EntryLines.workflowOf(run))
    for (const blob of op.blobs) keep.run(blob.hash, blob.data)
    for (const { event, paths } of op.subscriptions) events.subscribe(key, event, paths, op.since)
    if (op.listener !== null) listeners.add(key, op.listener)
    runs.setKey(run.id, key)
    const isDoubted = number(inserted, "doubted") === 1
    if (isDoubted) doubts.inherit(key, op.askedBy!)
    if (number(inserted, "early") === 0 && !isDoubted) return { started: true, run: row }
    const told = number(inserted, "early") !== 0 && inboxes.putEarly(run.id)
    const now = toRun(findRun.get(key)!)
    return told ? { started: true, run: now, told } : { started: true, run: now }
  }

  /** A commit of entries alone, in one statement. False when it has done nothing and needs more than that. */
  const appendOnly = (op: CommitOp, alone: boolean): boolean => {
    const count = op.rows.length
    if (count === 0 || count > mostInRow || runs.unplaced >= KnownRuns.batch || !isOfEntriesAlone(op)) return false
    const key = keys.get(op.run)
    if (key === undefined || lengths.get(key) !== op.expected) return false
    const length = op.expected + count
    const text = EntryLines.encode(op.rows)
    const arrival = alone
      ? appendFenced.insert(key, length - 1, text, op.epoch, runs.arrived)
      : appendOwned.insert(key, length - 1, text, op.epoch)
    if (arrival === 0) return false
    runs.arrived = arrival
    runs.setLength(key, length)
    return true
  }

  /** Changes the row of the run, where the commit is as most are and may be made. What is in the inbox of the run; undefined where it has done nothing. */
  const changeOwned = (op: CommitOp, key: number, waits: string | null): number | undefined => {
    const { at, ended, epoch, status } = op
    if (
      status === undefined || op.rows.length === 0 || op.release !== undefined || op.together !== undefined ||
      isOver(status.status) !== (ended !== undefined) || lengthOf(key) !== op.expected
    ) return undefined
    const row = ended === undefined
      ? setStatusOwned.get(status.status, status.reason, waits, at, key, epoch)
      : op.consumed.length > 0
      ? undefined
      : endOwned.get(status.status, status.reason, waits, ended.payload, at, key, epoch)
    return row?.[0] as number | undefined
  }

  const commit = (op: CommitOp): Answers["commit"] => {
    if (appendOnly(op, false)) return { ok: true }
    const key = keyOf(op.run)
    if (key === undefined) return { ok: false, epoch: 0, length: 0 }
    const waits = op.status === undefined ? null : ShortWaits.shorten(op.status.reason, op.status.waits)
    const inboxOfOwned = changeOwned(op, key, waits)
    const isChanged = inboxOfOwned !== undefined
    const row = isChanged ? [op.epoch, op.status!.status, 0, inboxOfOwned] as const : head.get(key) as Head | undefined
    if (row === undefined) return { ok: false, epoch: 0, length: 0 }
    const [epoch, status, takeovers, inboxBefore] = row
    const length = lengthOf(key)
    if (epoch !== op.epoch || length !== op.expected) return { ok: false, epoch, length }
    if (op.ended !== undefined && inboxBefore > 0 && unseen(key, op.consumed)) {
      return { ok: false, epoch, length, unseen: true }
    }

    const added = op.together === undefined ? nothing : call(op.together)
    if (added === null) return { ok: false, epoch, length, undone: true }
    const given = added === nothing ? op.rows : [...op.rows, ...added.rows]
    const spent = op.spending ?? added.spending
    const settled = spent === undefined ? undefined : spending.settle(key, given, spent)
    const rows = settled === undefined ? given : settled.rows

    appendAll(key, length, rows)
    for (const blob of op.blobs) keep.run(blob.hash, blob.data)
    for (const blob of added.blobs) keep.run(blob.hash, blob.data)
    sendAll(op.outbox)
    sendAll(added.outbox)
    let inboxCount = inboxBefore
    for (const id of op.consumed) inboxCount -= consume.run(key, id)
    for (const open of op.approvalsOpened) {
      openApproval.run(
        key,
        open.key,
        open.workflow,
        open.prompt,
        open.approvers,
        open.question,
        open.requestedAt,
        open.deadline,
        open.answers,
        open.version,
        open.status
      )
    }
    for (const closed of op.approvalsClosed) closeApproval.run(key, closed)
    if (op.awaits !== undefined) events.change(key, op.awaits)

    if (op.status !== undefined && rows.length === 0) mark(key, op, op.status, waits)
    const endsNow = op.ended !== undefined && op.status !== undefined && op.release === undefined
    if (isChanged) {
      // Nothing more of its row.
    } else if (endsNow) {
      endWith.run(op.status.status, op.status.reason, waits, op.ended.payload, op.at, key)
    } else if (op.status !== undefined) {
      setStatus.run(op.status.status, op.status.reason, waits, op.at, key)
    }
    if (op.release !== undefined) {
      release.run(inboxCount > 0 && op.release.quiet !== true ? 0 : op.release.dueAt, op.at, key)
    } else if (rows.length > 0 && takeovers !== 0) setTakeovers.run(0, key)
    const final = op.ended !== undefined || isOver(op.status === undefined ? status : op.status.status)
    if (op.certain === true) doubts.settle(key)
    if (final && !endsNow) finish.run(key)
    let listening: ReadonlyArray<string> = []
    let isSent = false
    if (op.ended !== undefined) {
      const left = leaves.get(key, op.run)!
      if (left[ofOpenRuns.length] === 1) TaskTables.abandon(tasks, op.run, op.at)
      if (left[ofOpenRuns.indexOf("listeners")] === 1) listening = listeners.of(key)
      for (const [index, leftover] of leftovers.entries()) if (left[index] === 1) leftover.run(key)
      if (!endsNow) end.run(op.ended.payload, op.at, key)
      for (const listener of listening) listeners.tell(listener, op.run, op.ended.payload, op.at)
      isSent = listening.some((listener) => TaskTables.taskOfListener(listener) !== undefined)
    }
    const left = op.ended === undefined ? inboxCount : 0
    if (left !== inboxBefore && !endsNow) setInboxCount.run(left, key)
    if (op.leaves !== undefined) {
      listeners.leaveAll(op.run, op.leaves, op.at)
      TaskTables.abandon(tasks, op.run, op.at)
    }
    if (settled !== undefined) spending.change(key, { ...spent, ...settled })
    return {
      ok: true,
      ...(listening.length > 0 ? { told: true } : {}),
      ...(isSent ? { sent: true } : {}),
      ...(settled === undefined || settled.refused.length === 0 ? {} : { refused: settled.refused })
    }
  }

  const unseen = (key: number, consumed: ReadonlyArray<string>): boolean =>
    inboxIds.all(key).some((row) => !consumed.includes(text(row, "id")))

  const answer = (op: AnswerOp): Answers["answer"] => {
    const { answers, before, from, key, now, row, run, status, version } = op
    const at = now()
    const found = inboxes.stand(run)
    if (found === undefined) return { result: "unknown", at }
    if (isOver(text(found, "status"))) return { result: "closed", at }
    const of = number(found, "key")
    const question = versionOf.get(of, key)
    if (question === undefined) return { result: "unknown", at }
    if (number(question, "version") !== version) return { result: "stale", at }
    if ((before !== null && at >= before) || (from !== null && at < from)) return { result: "untimely", at }
    if (row !== null && inbox({ row: { ...row, run, at } }).result !== "accepted") return { result: "duplicate", at }
    change.run(answers, status, of, key)
    if (op.standing !== undefined) standingRules.add({ ...op.standing, at })
    return { result: "accepted", at }
  }

  const tasks = TaskSql.tables(db, (row) => void sendAll([row]))
  const listeners = Listeners.make(db, keyOf, inbox, (row) => void sendAll([row]))
  const owners = OwnerSql.make(db, keyOf)
  const { definition, register } = DefinitionSql.changes(db)
  const retention = RetentionSql.changes(db, {
    placeAll: () => placeRows(1),
    append: () => runs.arrived = append.insert(0, -1, ""),
    forget: runs.drop
  })

  const handlers: Handlers = {
    ...access,
    ...owners,
    ...TaskTables.handlers(tasks),
    start,
    commit,
    leave: listeners.leave,
    listen: listeners.listen,
    inbox,
    answer,
    revoke: (op) => ({ revoked: standingRules.remove(op.id) }),
    quota: tenants.set,
    ...EndpointSql.changes(db),
    report: FindingSql.report(db, keyOf),
    publish: (op) => ({ added: sendAll(op.rows) }),
    delivered: (op) => {
      for (const id of op.ids) delivered.run(id)
      return {}
    },
    define: ({ row }) => register(row),
    events: (op) => events.keep(op, (row) => void inbox({ row })),
    sweep: events.sweep,
    raise: SpendingSql.raises(db, (row) => inbox({ row })),
    bookmark: BookmarkSql.take(db),
    restore: doubts.restore,
    ...SourceSql.changes(db, sendAll),
    ...ScheduleSql.changes(db, sendAll),
    import: (op) =>
      ImportRuns.apply({ isThere: (run) => keyOf(run) !== undefined, definition, define: register, start, commit }, op),
    ...retention.handlers,
    forget: TenantTables.forget(db)
  }
  const applyOne = (op: Op): Answers[keyof Answers] => {
    const handler = handlers[op.op] as ((op: Op) => Answers[keyof Answers]) | undefined
    if (handler === undefined) throw new TypeError(`unknown operation ${(op as { readonly op: string }).op}`)
    return handler(op)
  }

  return {
    /** A transaction of its own. */
    appendAlone: (op: CommitOp) => appendOnly(op, true),
    catchUp: runs.catchUp,
    /** To be called at the end of each transaction. */
    finish: () => {
      retention.finish()
      placeRows()
    },
    apply: (op: Op): Answers[keyof Answers] | Known => {
      const act = AuditChain.actOf(op)
      return act === undefined ? applyOne(op) : AuditChain.apply(records, op, act, () => applyOne(op))
    },
    /** To be called when the transaction was rolled back: nothing of it is there. */
    forget: () => {
      retention.forget()
      runs.forget()
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Entries in one row of the journal: of a larger row it would be slow to read a part. */
const mostInRow = 100

/** `epoch`, `status`, `takeovers` and `inbox_count`. The table is strict. */
type Head = readonly [number, string, number, number]

const isOfEntriesAlone = (op: CommitOp): boolean =>
  op.blobs.length + op.outbox.length + op.consumed.length + op.approvalsOpened.length + op.approvalsClosed.length ===
    0 &&
  op.certain === undefined && op.status === undefined && op.awaits === undefined && op.release === undefined &&
  op.ended === undefined &&
  op.together === undefined && op.leaves === undefined && op.spending === undefined

const nothing: ReturnType<Together> = { rows: [], blobs: [], outbox: [] }
