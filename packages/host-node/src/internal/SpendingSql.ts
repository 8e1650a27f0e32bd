/** What runs have spent, as SQL: in their rows, and in the sums of days. */
import * as DayClaims from "@fermata/core/DayClaims"
import * as Spent from "@fermata/core/Spent"
import type { DayStanding } from "@fermata/core/SpentByDay"
import * as Tenant from "@fermata/core/Tenant"
import type {
  Answers,
  DayRaiseRow,
  InboxRow,
  RaiseOp,
  SpendingChange,
  SpendingFilter,
  SpendingRow
} from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** What commits change. To be called inside their transactions. */
export const changes = (db: DatabaseSync) => {
  const setSpent = prepare(db, "INSERT OR REPLACE INTO spent (run, micros, tokens) VALUES (?, ?, ?)")
  const add = prepare(
    db,
    `INSERT INTO spending (workflow, day, ${columns.join(", ")})
       SELECT ${spender}, ?2, ${columns.map((_, index) => bounded(`?${index + 3}`)).join(", ")}
       FROM runs WHERE key = ?1
     ON CONFLICT DO UPDATE SET ${
      columns.map((column, index) => `${column} = ${bounded(`${column} + ?${index + 3}`)}`).join(", ")
    }`
  )
  const ofRun = (days: string) =>
    prepare(
      db,
      `SELECT ${standing} FROM spending WHERE workflow = (SELECT ${spender} FROM runs WHERE key = ?) AND ${days}`
    )
  const standingOf = ofRun("day = ?")
  const laterThan = ofRun("day > ? ORDER BY day")

  return {
    /** What is stored, by what becomes of the claims. */
    settle: (key: number, rows: ReadonlyArray<string>, change: SpendingChange): DayClaims.Settled =>
      DayClaims.settle(rows, change, {
        standing: (day) => {
          const row = standingOf.get(key, day)
          return row === undefined ? undefined : toStanding(row)
        },
        later: (day) => laterThan.all(key, day).map(toStanding)
      }),
    change: (key: number, { days, spent }: Pick<SpendingChange, "days" | "spent">): void => {
      if (spent !== undefined) setSpent.run(key, spent.micros ?? 0, spent.tokens ?? 0)
      for (const { day, micros, reservedMicros, reservedTokens, tokens } of days) {
        add.run(key, day, micros, tokens, reservedMicros, reservedTokens)
      }
    }
  }
}

/** Raises of what may be spent on days. To be called inside their transactions; `inbox` puts a row into the inbox of a run. */
export const raises = (db: DatabaseSync, inbox: (row: InboxRow) => Answers["inbox"]) => {
  const keep = prepare(
    db,
    `INSERT INTO day_raises (id, workflow, day, micros, tokens, raised_by, note, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`
  )
  const add = prepare(
    db,
    `INSERT INTO spending (workflow, day, ${
      columns.join(", ")
    }, raised_micros, raised_tokens) VALUES (?1, ?2, 0, 0, 0, 0, ?3, ?4)
     ON CONFLICT DO UPDATE SET raised_micros = ${bounded("raised_micros + ?3")}, raised_tokens = ${
      bounded("raised_tokens + ?4")
    }`
  )
  const standingOf = prepare(db, `SELECT ${standing} FROM spending WHERE workflow = ? AND day = ?`)
  const running = prepare(db, "SELECT id FROM runs WHERE status = 'running' AND workflow = ? AND tenant IS ?")
  const waiting = prepare(
    db,
    "SELECT id FROM runs WHERE reason = ?2 AND status = 'suspended' AND workflow = ?1 AND tenant IS ?3"
  )
  const raisedOf = ({ day, workflow }: DayRaiseRow): Spent.Amount => {
    const row = standingOf.get(workflow, day)
    return row === undefined ? Spent.zero : toStanding(row).raised ?? Spent.zero
  }

  return ({ message, reasons, row }: RaiseOp): Answers["raise"] => {
    const { at, by, day, id, micros, note, tokens, workflow } = row
    if (keep.run(id, workflow, day, micros, tokens, by, note, at) === 0) {
      return { result: "duplicate", raised: raisedOf(row), told: [] }
    }
    add.run(workflow, day, micros, tokens)
    const tenant = Tenant.of(workflow) ?? null
    const local = Tenant.local(workflow)
    const told = [running.all(local, tenant), ...reasons.map((reason) => waiting.all(local, reason, tenant))]
      .flatMap((rows) => rows.map((found) => text(found, "id")))
      .filter((run) => inbox({ run, ...message, at }).result === "accepted")
      .toSorted()
    return { result: "accepted", raised: raisedOf(row), told }
  }
}

/** The sums of days. */
export const read = (db: DatabaseSync) => {
  const all = prepare(
    db,
    "SELECT * FROM spending WHERE day >= ? AND day <= ? ORDER BY workflow, day"
  )
  const ofOne = prepare(
    db,
    "SELECT * FROM spending WHERE day >= ? AND day <= ? AND workflow = ? ORDER BY day"
  )
  return (
    { since = Number.MIN_SAFE_INTEGER, until = Number.MAX_SAFE_INTEGER, workflow }: SpendingFilter
  ): ReadonlyArray<SpendingRow> =>
    (workflow === undefined ? all.all(since, until) : ofOne.all(since, until, workflow)).map((row) =>
      Object.assign(toStanding(row), { workflow: text(row, "workflow") })
    )
}

/** The raises of days, in order of arrival. */
export const readRaises = (db: DatabaseSync) => {
  const all = prepare(
    db,
    "SELECT * FROM day_raises WHERE day >= ?1 AND day <= ?2 AND workflow = coalesce(?3, workflow) ORDER BY arrival"
  )
  return (
    { since = Number.MIN_SAFE_INTEGER, until = Number.MAX_SAFE_INTEGER, workflow }: SpendingFilter
  ): ReadonlyArray<DayRaiseRow> =>
    all.all(since, until, workflow ?? null).map((row) => ({
      id: text(row, "id"),
      workflow: text(row, "workflow"),
      day: number(row, "day"),
      micros: number(row, "micros"),
      tokens: number(row, "tokens"),
      by: text(row, "raised_by"),
      note: textOrNull(row, "note"),
      at: number(row, "at")
    }))
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Of whose days a run spends: those of its workflow, in its tenant. */
const spender = "coalesce(runs.tenant || '~', '') || runs.workflow"

const columns = ["micros", "tokens", "reserved_micros", "reserved_tokens"]

const standing = ["day", ...columns, "raised_micros", "raised_tokens"].join(", ")

/** SQLite has integers that JavaScript has not. */
const bounded = (sum: string): string => `min(max(${sum}, 0), ${Number.MAX_SAFE_INTEGER})`

const toStanding = (row: Row): DayStanding => {
  const raised = Spent.make(number(row, "raised_micros"), number(row, "raised_tokens"))
  return {
    day: number(row, "day"),
    micros: number(row, "micros"),
    tokens: number(row, "tokens"),
    reservedMicros: number(row, "reserved_micros"),
    reservedTokens: number(row, "reserved_tokens"),
    ...(Spent.isZero(raised) ? {} : { raised })
  }
}
