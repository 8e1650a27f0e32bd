/**
 * The questions of the storage seam, as SQL. Each answers from an index.
 */
import type { Census } from "@fermata/core/Owner"
import { type Backend, outboxKinds } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import * as AccessSql from "./AccessSql.ts"
import * as AuditSql from "./AuditSql.ts"
import * as ChangeSql from "./ChangeSql.ts"
import * as EndpointSql from "./EndpointSql.ts"
import * as EntrySql from "./EntrySql.ts"
import * as EventSql from "./EventSql.ts"
import * as RestoreSql from "./RestoreSql.ts"
import * as RetentionSql from "./RetentionSql.ts"
import {
  dueRuns,
  dueServed,
  number,
  numberOrNull,
  ownWorkflows,
  prepare,
  type Row,
  runColumns,
  text,
  toApproval,
  toDefinition,
  toFinding,
  toInbox,
  toOutbox,
  toOwner,
  toRun
} from "./Rows.ts"
import * as RunList from "./RunList.ts"
import * as ScheduleSql from "./ScheduleSql.ts"
import * as SourceSql from "./SourceSql.ts"
import * as SpendingSql from "./SpendingSql.ts"
import * as StandingSql from "./StandingSql.ts"
import * as TaskRows from "./TaskRows.ts"
import * as TenantSql from "./TenantSql.ts"

export const make = (db: DatabaseSync) => {
  const version = prepare(db, "PRAGMA data_version")
  const run = prepare(db, `SELECT ${runColumns} FROM runs WHERE id = ?`)
  const runIds = prepare(
    db,
    "SELECT id FROM runs WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id LIMIT ?2"
  )
  const entries = EntrySql.read(db)
  const blob = prepare(db, "SELECT data FROM blobs WHERE hash = ?")
  const inboxOf = prepare(
    db,
    `SELECT runs.id AS run, inbox.id, inbox.kind, payload, at FROM runs INDEXED BY runs_with_inbox
     CROSS JOIN inbox ON inbox.run = runs.key
     WHERE owner = ? AND inbox_count > 0 ORDER BY arrival LIMIT ?`
  )
  const inbox = prepare(
    db,
    `SELECT runs.id AS run, inbox.id, inbox.kind, payload, at FROM runs CROSS JOIN inbox ON inbox.run = runs.key
     WHERE runs.id = ? ORDER BY arrival`
  )
  const outbox = prepare(
    db,
    `SELECT id, kind, payload FROM outbox WHERE kind IN (${kinds(outboxKinds)}) ORDER BY arrival LIMIT ?`
  )
  const messages = prepare(
    db,
    `SELECT id, kind, payload FROM outbox WHERE kind IN (${
      kinds(outboxKinds.filter((kind) => kind !== "event"))
    }) ORDER BY arrival LIMIT ?`
  )
  const approvalColumns =
    "runs.id AS run, approvals.key, approvals.workflow, prompt, approvers, question, requested_at, deadline, answers, approvals.version, approvals.status"
  const approvals = prepare(
    db,
    `SELECT ${approvalColumns} FROM approvals JOIN runs ON runs.key = run ORDER BY requested_at, arrival LIMIT ?`
  )
  const approvalsIn = prepare(
    db,
    `SELECT ${approvalColumns} FROM approvals JOIN runs ON runs.key = run
     WHERE runs.tenant = ? ORDER BY requested_at, arrival LIMIT ?`
  )
  const approval = prepare(
    db,
    `SELECT ${approvalColumns} FROM runs CROSS JOIN approvals ON run = runs.key WHERE runs.id = ? AND approvals.key = ?`
  )
  const approvalsOf = prepare(
    db,
    `SELECT ${approvalColumns} FROM runs CROSS JOIN approvals ON run = runs.key
     WHERE runs.id = ? ORDER BY requested_at, arrival LIMIT ?`
  )
  const definitions = prepare(db, "SELECT * FROM definitions ORDER BY name, version")
  const definition = prepare(db, "SELECT * FROM definitions WHERE name = ? AND version = ?")
  const definitionByHash = prepare(db, "SELECT * FROM definitions WHERE hash = ? ORDER BY name, version LIMIT 1")
  const owners = prepare(db, "SELECT * FROM owners ORDER BY id")
  const nextDue = prepare(
    db,
    `${dueServed} SELECT min((
       SELECT min(due_at) FROM runs INDEXED BY runs_due_served WHERE runs.served = due.served AND due_at > ?1
     )) AS due_at FROM due WHERE served IS NOT NULL`
  )
  const nextDueTop = prepare(db, "SELECT due_at FROM runs WHERE id = ? AND root IS NULL AND due_at > ?")
  const nextDueBelow = prepare(db, "SELECT min(due_at) AS due_at FROM runs WHERE root = ? AND due_at > ?")
  const due = prepare(
    db,
    `${dueServed} SELECT ${runColumns} FROM ${dueRuns} WHERE due_at > ? AND due_at <= ? ORDER BY due_at, key LIMIT ?`
  )
  const stranded = prepare(
    db,
    `SELECT ${runColumns} FROM runs INDEXED BY runs_stranded WHERE owner IS NULL AND status IN ('queued', 'running', 'suspended') AND due_at IS NOT 0
     AND (inbox_count > 0 OR (status <> 'suspended' AND due_at IS NULL) OR (status = 'suspended'
       AND (reason IS NULL OR waits IS NULL OR waits = '[]' OR (reason = 'timer' AND due_at IS NULL))))
     AND key < ? ORDER BY key DESC LIMIT ?`
  )
  const keyOf = prepare(db, "SELECT key FROM runs WHERE id = ?")
  const ofRun = prepare(db, "SELECT key, workflow, version FROM runs WHERE id = ?")
  const findings = prepare(
    db,
    `SELECT runs.id AS run, findings.reason, problem, length, woken, at FROM findings JOIN runs ON runs.key = run
     ORDER BY arrival DESC LIMIT ?`
  )
  const byStatus = prepare(
    db,
    // Counted in the order of the index, which is three times as fast as by status alone.
    `SELECT status, sum(count) AS count FROM (
       SELECT status, count(*) AS count FROM runs INDEXED BY runs_listed WHERE workflow NOT IN (${ownWorkflows})
       GROUP BY workflow, status
     ) GROUP BY status`
  )
  const byReason = prepare(
    db,
    `SELECT reason, count(*) AS count FROM runs WHERE status = 'suspended' AND reason IS NOT NULL AND workflow NOT IN (${ownWorkflows})
     GROUP BY reason`
  )
  const counts = prepare(
    db,
    `SELECT (SELECT count(*) FROM runs WHERE owner IS NOT NULL) AS owned,
            (SELECT count(*) FROM inbox) AS inbox, (SELECT count(*) FROM outbox) AS outbox`
  )
  const { count, list } = RunList.make(db)
  const spending = SpendingSql.read(db)
  const standing = StandingSql.read(db)
  const dayRaises = SpendingSql.readRaises(db)

  return {
    version: (): number => number(version.get()!, "data_version"),
    run: (id: string) => orNull(run.get(id), toRun),
    runs: list,
    runCount: count,
    runIds: (prefix: string, limit: number) => runIds.all(prefix, atMost(limit)).map((row) => text(row, "id")),
    entries: (id: string, from: number, limit: number) => {
      const row = ofRun.get(id)
      if (row === undefined) return []
      return entries(row, from, limit)
    },
    ...ChangeSql.reads(db),
    blob: (hash: string) => orNull(blob.get(hash), (row) => text(row, "data")),
    inboxOf: (owner: string, limit: number) => inboxOf.all(owner, atMost(limit)).map(toInbox),
    inbox: (id: string) => inbox.all(id).map(toInbox),
    outbox: (limit: number, events: boolean) => (events ? outbox : messages).all(atMost(limit)).map(toOutbox),
    approval: (id: string, key: string) => orNull(approval.get(id, key), toApproval),
    approvals: (id: string | null, limit: number, tenant?: string) =>
      (id !== null
        ? approvalsOf.all(id, atMost(limit))
        : tenant === undefined
        ? approvals.all(atMost(limit))
        : approvalsIn.all(tenant, atMost(limit))).map(toApproval),
    ...AccessSql.reads(db),
    ...TaskRows.reads(db),
    ...TenantSql.reads(db),
    ...EndpointSql.reads(db),
    ...RetentionSql.reads(db),
    ...AuditSql.reads(db),
    ...EventSql.reads(db),
    ...SourceSql.reads(db),
    ...ScheduleSql.reads(db),
    definitions: () => definitions.all().map(toDefinition),
    definition: (name: string, version: string) => orNull(definition.get(name, version), toDefinition),
    definitionByHash: (hash: string) => orNull(definitionByHash.get(hash), toDefinition),
    owners: () => owners.all().map(toOwner),
    nextDue: (after: number, roots: ReadonlyArray<string> | null): number | null => {
      const due = roots === null
        ? [nextDue.get(after)]
        : roots.flatMap((root) => [nextDueTop.get(root, after), nextDueBelow.get(root, after)])
      return due.reduce<number | null>((earliest, row) => {
        const at = row === undefined ? null : numberOrNull(row, "due_at")
        return at === null || (earliest !== null && earliest <= at) ? earliest : at
      }, null)
    },
    due: (after: number, until: number, limit: number) => due.all(after, until, atMost(limit)).map(toRun),
    stranded: (limit: number, before?: string) => {
      const row = before === undefined ? undefined : keyOf.get(before)
      if (before !== undefined && row === undefined) return []
      return stranded.all(row === undefined ? Number.MAX_SAFE_INTEGER : number(row, "key"), atMost(limit)).map(toRun)
    },
    findings: (limit: number) => findings.all(atMost(limit)).map(toFinding),
    census: (): Census => {
      const count = counts.get()!
      return {
        byStatus: Object.fromEntries(byStatus.all().map((row) => [text(row, "status"), number(row, "count")])),
        byReason: Object.fromEntries(byReason.all().map((row) => [text(row, "reason"), number(row, "count")])),
        owned: number(count, "owned"),
        inbox: number(count, "inbox"),
        outbox: number(count, "outbox")
      }
    },
    restores: RestoreSql.read(db),
    spending,
    standing,
    dayRaises
  } satisfies { readonly [Name in Exclude<keyof Backend, "supports" | "write">]: unknown }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** As the list of an IN. */
const kinds = (names: ReadonlyArray<string>): string => names.map((name) => `'${name}'`).join(", ")

const orNull = <A>(row: Row | undefined, decode: (row: Row) => A): A | null => row === undefined ? null : decode(row)

/** SQLite takes a negative limit for none at all, and knows no infinite one. */
const atMost = (limit: number): number => Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER)
