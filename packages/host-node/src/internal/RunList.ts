/**
 * Lists of runs, the newest first, as SQL. Their keys are looked for in indexes
 * that have them in order, by one statement for each workflow and status, or
 * reason, that is wanted; only the rows that are listed are read.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as WellFormed from "@fermata/core/WellFormed"
import type { RunFilter, RunRow } from "@fermata/engine/Backend"
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { type LeanQuery, number, numberOrNull, prepare, prepareLean, runColumns, toRun } from "./Rows.ts"

export const make = (db: DatabaseSync): {
  readonly list: (filter: RunFilter) => ReadonlyArray<RunRow>
  readonly count: (filter: Omit<RunFilter, "limit">) => number
} => {
  const keyOf = prepare(db, "SELECT key FROM runs WHERE id = ?")
  const rowOf = prepare(db, `SELECT ${runColumns} FROM runs WHERE key = ?`)
  const firstSince = prepare(db, "SELECT min(key) AS key FROM runs INDEXED BY runs_created WHERE created_at >= ?")
  const lastUntil = prepare(db, "SELECT max(key) AS key FROM runs INDEXED BY runs_created WHERE created_at <= ?")
  const nextWorkflow = prepareLean(db, "SELECT min(workflow) FROM runs INDEXED BY runs_listed WHERE workflow > ?")
  const nextStatus = prepareLean(
    db,
    "SELECT min(status) FROM runs INDEXED BY runs_listed WHERE workflow = ? AND status > ?"
  )
  const nextWorkflowOf = prepareLean(
    db,
    "SELECT min(workflow) FROM runs INDEXED BY runs_tenant WHERE tenant = ? AND workflow > ?"
  )
  const nextStatusOf = prepareLean(
    db,
    "SELECT min(status) FROM runs INDEXED BY runs_tenant WHERE tenant = ? AND workflow = ? AND status > ?"
  )
  const known: Known = {
    workflows: (tenant) =>
      steps((last) => tenant === undefined ? nextWorkflow.get(last) : nextWorkflowOf.get(tenant, last)),
    statuses: (tenant, workflow) =>
      steps((last) => tenant === undefined ? nextStatus.get(workflow, last) : nextStatusOf.get(tenant, workflow, last))
  }
  const kept = new Map<string, LeanQuery>()
  const query = (sql: string): LeanQuery => {
    let prepared = kept.get(sql)
    if (prepared === undefined) kept.set(sql, prepared = prepareLean(db, sql))
    return prepared
  }

  /** Where the keys of the runs lie; undefined where there are none. */
  const bounds = ({ before, since, until }: Omit<RunFilter, "limit">) => {
    let above: number | undefined
    let below: number | undefined
    if (before !== undefined) {
      const row = keyOf.get(before)
      if (row === undefined) return undefined
      below = number(row, "key")
    }
    if (since !== undefined) {
      const key = numberOrNull(firstSince.get(since)!, "key")
      if (key === null) return undefined
      above = key - 1
    }
    if (until !== undefined) {
      const key = numberOrNull(lastUntil.get(until)!, "key")
      if (key === null) return undefined
      below = Math.min(below ?? Infinity, key + 1)
    }
    return { above, below }
  }

  /** The statements that find the runs together, without what is selected. */
  const statements = (filter: Omit<RunFilter, "limit">) => {
    const within = bounds(filter)
    if (within === undefined) return []
    return ways(filter, known).map(({ conditions, from, key }) => {
      const all: ReadonlyArray<Condition> = [
        ...conditions,
        ...between(key, within),
        ...filter.since === undefined ? [] : [["+created_at >= ?", filter.since] as const],
        ...filter.until === undefined ? [] : [["+created_at <= ?", filter.until] as const],
        ...filter.top === true ? [["+root IS NULL"] as const] : [],
        ...filter.endedUntil === undefined
          ? []
          : [["+status IN ('completed', 'failed', 'cancelled') AND +updated_at <= ?", filter.endedUntil] as const]
      ]
      const where = all.length === 0 ? "" : ` WHERE ${all.map(([sql]) => sql).join(" AND ")}`
      return { key, source: `${from}${where}`, values: all.flatMap(([, ...values]) => values) }
    })
  }

  return {
    list: (filter) => {
      const limit = Math.min(Math.max(0, filter.limit), Number.MAX_SAFE_INTEGER)
      const keys: Array<number> = []
      for (const { key, source, values } of statements(filter)) {
        const rows = query(`SELECT ${key} FROM ${source} ORDER BY ${key} DESC LIMIT ?`).all(...values, limit)
        for (const [found] of rows) keys.push(found as number)
      }
      return keys.sort((a, b) => b - a).slice(0, limit).flatMap((key) => {
        const row = rowOf.get(key)
        return row === undefined ? [] : [toRun(row)]
      })
    },
    count: (filter) => {
      let count = 0
      for (const { source, values } of statements(filter)) {
        count += query(`SELECT count(*) FROM ${source}`).get(...values)?.[0] as number
      }
      return count
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

type Condition = readonly [sql: string, ...values: ReadonlyArray<SQLInputValue>]

/** One statement of a list: its conditions, and the column that has the keys in order. */
interface Way {
  readonly from: string
  readonly key: string
  readonly conditions: ReadonlyArray<Condition>
}

/** What there is in the index, of a tenant where one is given, as it is stored. */
interface Known {
  readonly workflows: (tenant: string | undefined) => ReadonlyArray<string>
  readonly statuses: (tenant: string | undefined, workflow: string) => ReadonlyArray<string>
}

/** Steps from one value to the next in an index. */
const steps = (next: (last: string) => ReadonlyArray<unknown> | undefined): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let value = next("")?.[0]; typeof value === "string"; value = next(value)?.[0]) found.push(value)
  return found
}

const between = (
  key: string,
  { above, below }: { readonly above: number | undefined; readonly below: number | undefined }
): ReadonlyArray<Condition> => [
  ...above === undefined ? [] : [[`${key} > ?`, above] as const],
  ...below === undefined ? [] : [[`${key} < ?`, below] as const]
]

/** The statements that find the runs together, each by the narrowest index. A plus keeps a condition from choosing another. */
const ways = (filter: Omit<RunFilter, "limit">, known: Known): ReadonlyArray<Way> => {
  const { parent, prefix = "", root } = filter
  const without = (filter.without ?? []).map(WellFormed.encode)
  const workflow = filter.workflow === undefined ? undefined : WellFormed.encode(filter.workflow)
  const statuses = filter.status === undefined ? undefined : [...new Set(filter.status)]
  const reasons = filter.reason === undefined ? undefined : [...new Set(filter.reason)]
  const labels = Object.entries(filter.labels ?? {}).map(([name, value]) =>
    [WellFormed.encode(name), WellFormed.encode(value)] as const
  )
  const others: ReadonlyArray<Condition> = [
    ...statuses === undefined ? [] : [oneOf("+status", statuses)],
    ...workflow === undefined ? [] : [["+workflow = ?", workflow] as const],
    ...filter.restored === true ? [[isDoubted] as const] : [],
    ...filter.tenant === undefined ? [] : [["+tenant = ?", filter.tenant] as const],
    ...without.length === 0 ? [] : [[`NOT ${oneOf("+workflow", without)[0]}`, oneOf("", without)[1]!] as const]
  ]
  const because: ReadonlyArray<Condition> = reasons === undefined ? [] : [oneOf("+reason", reasons)]
  const labelled = labels.map(([name, value]): Condition => [
    "EXISTS (SELECT 1 FROM run_labels WHERE name = ? AND value = ? AND run = runs.key)",
    name,
    value
  ])
  const { tenant } = filter
  const ofTenant: ReadonlyArray<Condition> = tenant === undefined ? [] : [["tenant = ?", tenant]]
  const narrow: ReadonlyArray<Condition> = [
    ...filter.owner === undefined ? [] : [["runs.owner = ?", filter.owner] as const],
    ...root === undefined ? [] : [[ofRoot, WellFormed.encode(root)] as const],
    ...parent === undefined ? [] : [[`${root === undefined ? "" : "+"}parent = ?`, WellFormed.encode(parent)] as const],
    ...prefix === "" ? [] : [[ofPrefix, WellFormed.encode(prefix)] as const]
  ]
  if (narrow.length > 0) {
    return [{ from: "runs", key: "runs.key", conditions: [...narrow, ...others, ...because, ...labelled] }]
  }
  const [label] = labels
  if (label !== undefined) {
    return [{
      from: "run_labels CROSS JOIN runs ON runs.key = run_labels.run",
      key: "run_labels.run",
      conditions: [["name = ? AND value = ?", ...label], ...others, ...because, ...labelled.slice(1)]
    }]
  }
  if (filter.restored === true) {
    return [{
      from: "doubts CROSS JOIN runs ON runs.key = doubts.run",
      key: "doubts.run",
      conditions: [...others, ...because]
    }]
  }
  if (reasons !== undefined) {
    return reasons.map((reason): Way => ({
      from: `runs INDEXED BY ${tenant === undefined ? "runs_reason" : "runs_tenant_reason"}`,
      key: "runs.key",
      conditions: [...ofTenant, ["reason = ?", reason], ...others]
    }))
  }
  if (tenant === undefined && workflow === undefined && statuses === undefined) {
    return [{ from: "runs", key: "runs.key", conditions: others }]
  }
  const workflows = workflow === undefined ? known.workflows(tenant) : [workflow]
  return workflows.filter((name) => !without.includes(name)).flatMap((name) =>
    (statuses ?? known.statuses(tenant, name)).map((status): Way => ({
      from: `runs INDEXED BY ${tenant === undefined ? "runs_listed" : "runs_tenant"}`,
      key: "runs.key",
      conditions: [...ofTenant, ["workflow = ? AND status = ?", name, status]]
    }))
  )
}

const oneOf = (column: string, values: ReadonlyArray<string>): Condition => [
  `${column} IN (SELECT value FROM json_each(?))`,
  StoredJson.textOf(values)
]

/** The run is open, and in doubt since the database was put back. */
const isDoubted =
  "+status IN ('queued', 'running', 'suspended') AND EXISTS (SELECT 1 FROM doubts WHERE doubts.run = runs.key)"

const ofPrefix = `runs.key IN (WITH prefix (text) AS (VALUES (?))
  SELECT key FROM prefix CROSS JOIN runs ON id >= text AND id < text || char(0x10ffff))`

const ofRoot = `runs.key IN (WITH root (id) AS (VALUES (?))
  SELECT key FROM runs, root WHERE runs.root = root.id
  UNION ALL SELECT key FROM runs, root WHERE runs.id = root.id AND runs.root IS NULL)`
