/**
 * What `fermata doctor` looks at, and what it makes of it.
 */
import { type SuspendReason, suspendReasons, Wait } from "@fermata/core/RunStatus"
import type { OwnerRow, RunRow } from "@fermata/engine/Backend"
import { HostClock } from "@fermata/engine/HostClock"
import { Store } from "@fermata/engine/Store"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { existsSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { type CommandFailed, fromUnknown } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import { type Globals, repeated } from "./Globals.ts"
import * as Host from "./Host.ts"
import { nextCommands } from "./NextCommands.ts"
import { isGone, ownerName } from "./Owners.ts"
import * as Words from "./Words.ts"

export interface Finding {
  /** What was looked at. */
  readonly name: string
  /** `problem` needs an operator. */
  readonly level: "ok" | "info" | "problem"
  readonly message: string
  /** Commands that act on it. */
  readonly commands?: ReadonlyArray<string>
  readonly runs?: ReadonlyArray<string>
}

/** Looks at everything and changes nothing. */
export const examine = (globals: Globals): Effect.Effect<ReadonlyArray<Finding>, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const findings: Array<Finding> = [node()]
    const config = yield* Effect.result(Config.load(globals.config, [process.cwd()]))
    findings.push(
      Result.isFailure(config)
        ? { name: "configuration", level: "problem", message: config.failure.message }
        : { name: "configuration", level: "ok", message: config.success.file === undefined ? "none, so only contracts without tasks and models go on here" : fileLabel(config.success.file) }
    )
    const file = database(globals)
    findings.push(file)
    if (file.level !== "ok") return findings
    const opened = yield* Effect.result(Layer.buildWithScope(NodeHost.layerStore({ db: globals.db, readOnly: true }), yield* Effect.scope))
    if (Result.isFailure(opened)) return [...findings, { name: "store", level: "problem", message: opened.failure.message }]
    const store = Context.get(opened.success, Store)
    const now = Context.get(opened.success, HostClock).now()
    const look = new Look(globals, store, now)
    const result = yield* Effect.result(look.all(Result.isSuccess(config) ? config.success : undefined))
    return Result.isSuccess(result)
      ? [...findings, ...result.success]
      : [...findings, { name: "store", level: "problem", message: fromUnknown(result.failure).message }]
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whoever works on runs takes up a due one well within this time (ms). */
const patienceMs = 5_000
const mostRuns = 1_000

/** Reasons that ask for an operator; the others are how runs are meant to wait. */
const forOperators: ReadonlySet<SuspendReason> = new Set(["corrupt", "diverged", "recovery", "outcome-unknown", "budget", "operator"])

const decodeWaits = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Wait)))

const node = (): Finding => {
  const { node } = process.versions
  return Number.parseInt(node, 10) >= 24
    ? { name: "node", level: "ok", message: node }
    : { name: "node", level: "problem", message: `${node} is too old: Fermata needs Node 24 or newer` }
}

/** The file itself, looked at without writing to it. */
const database = ({ db, dbFrom }: Globals): Finding => {
  const name = "database"
  if (!existsSync(db)) {
    return dbFrom === "default"
      ? { name, level: "info", message: `${db} is not there yet; the first run makes it` }
      : { name, level: "problem", message: `there is no file ${db}` }
  }
  try {
    const connection = new DatabaseSync(db, { readOnly: true, timeout: 5_000 })
    try {
      const value = (pragma: string): unknown => Object.values(connection.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
      const check = value("quick_check(1)")
      if (check !== "ok") return { name, level: "problem", message: `${db} is damaged: ${String(check)}; restore it from a backup` }
      const wal = `${db}-wal`
      const walSize = existsSync(wal) ? statSync(wal).size : 0
      return {
        name,
        level: "ok",
        message: `${db}, version ${String(value("user_version"))}, ${Words.bytes(statSync(db).size)}, journal mode ${String(value("journal_mode"))} (log ${Words.bytes(walSize)}), intact`
      }
    } finally {
      connection.close()
    }
  } catch (cause) {
    return { name, level: "problem", message: `${db} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}` }
  }
}

class Look {
  private readonly globals: Globals
  private readonly store: Store["Service"]
  private readonly now: number

  constructor(globals: Globals, store: Store["Service"], now: number) {
    this.globals = globals
    this.store = store
    this.now = now
  }

  all(config: Config.Loaded | undefined) {
    return Effect.gen({ self: this }, function*() {
      const { byStatus, inbox, outbox } = yield* this.store.backend.census
      const owners = yield* this.store.backend.owners
      const counts = Object.entries(byStatus).filter(([, count]) => count > 0).map(([status, count]) => `${count} ${status}`)
      const findings: Array<Finding> = [
        { name: "runs", level: "ok", message: counts.length === 0 ? "none" : counts.join(", ") },
        ...this.processes(owners)
      ]
      if (inbox + outbox > 0) {
        findings.push({ name: "messages", level: "info", message: `${inbox} in inboxes, ${outbox} on their way; a worker hands them on` })
      }
      findings.push(...(yield* this.overdue(owners, config)))
      for (const reason of suspendReasons) findings.push(...(yield* this.suspended(reason)))
      return findings
    })
  }

  private processes(rows: ReadonlyArray<OwnerRow>): ReadonlyArray<Finding> {
    const owners = rows.map((row) => ({ ...row, info: infoOf(row) }))
    const dead = owners.filter((owner) => owner.expiresAt < this.now || isGone(owner))
    const workers = owners.filter((owner) => owner.worker && !dead.includes(owner))
    return [
      { name: "workers", level: "ok", message: workers.length === 0 ? "none is running" : workers.map(ownerName).join(", ") },
      ...(dead.length === 0 ? [] : [{
        name: "dead processes",
        level: "info" as const,
        message: `${dead.map((owner) =>
          `${ownerName(owner)}, lease ${owner.expiresAt < this.now ? "ended" : "ends"} ${Words.fromNow(owner.expiresAt, this.now)}`
        ).join("; ")}; a worker takes up what they left`,
        commands: [`fermata worker --until-idle${repeated(this.globals)}`]
      }])
    ]
  }

  /** Runs that should have been taken up, and by whom they could be. */
  private overdue(owners: ReadonlyArray<OwnerRow>, config: Config.Loaded | undefined) {
    return Effect.gen({ self: this }, function*() {
      const open = yield* this.store.backend.runs({ status: ["queued", "running", "suspended"], limit: mostRuns })
      const late = open.filter((run) =>
        run.owner === null && run.dueAt !== null && Math.max(run.dueAt, run.updatedAt) + patienceMs < this.now)
      if (late.length === 0) return []
      const served = late.some(({ kind }) => kind === "program") ? yield* this.servedBy(config) : new Set<string>()
      const isWorking = owners.some((owner) => owner.worker && owner.expiresAt >= this.now)
      const byDefinition = Map.groupBy(late, (run) => `${Words.definition(run)} ${run.status}`)
      return Array.from(byDefinition.values(), (runs): Finding => {
        const first = runs[0]!
        const definition = Words.definition(first)
        const here = first.kind === "contract" || served.has(definition)
        const what = `${Words.count(runs.length, `${first.status} run`)} of ${definition} ${runs.length === 1 ? "has" : "have"} been due for ${
          Words.duration(this.now - Math.min(...runs.map((run) => Math.max(run.dueAt!, run.createdAt))))
        }`
        const why = here
          ? isWorking ? "the workers that run do not take it up" : "no worker is running"
          : `nobody serves ${definition}: neither a live worker nor this configuration has that version`
        return {
          name: first.status === "suspended" ? "overdue timers" : "runs that nobody serves",
          level: "problem",
          message: `${what}; ${why}`,
          commands: here ? [`fermata worker${repeated(this.globals)}`] : [],
          runs: runs.map(({ id }) => id)
        }
      })
    })
  }

  /** The programs of the configuration. Asked only when it matters, since it starts them. */
  private servedBy(config: Config.Loaded | undefined): Effect.Effect<ReadonlySet<string>, CommandFailed> {
    if (config === undefined || (config.config.workflows ?? []).length === 0) return Effect.succeed(new Set())
    return Effect.scoped(Effect.gen({ self: this }, function*() {
      const host = yield* Host.open(this.globals, { command: "doctor", idle: true, config })
      yield* host.serve()
      return new Set(host.served())
    }))
  }

  private suspended(reason: SuspendReason) {
    return Effect.gen({ self: this }, function*() {
      const runs = yield* this.store.backend.runs({ status: ["suspended"], reason: [reason], limit: mostRuns })
      if (runs.length === 0) return []
      const isProblem = forOperators.has(reason)
      const count = `${Words.count(runs.length, "run")}${runs.length === mostRuns ? " or more" : ""}`
      if (!isProblem) return [{ name: `suspended (${reason})`, level: "info" as const, message: this.asMeant(reason, runs, count) }]
      return runs.slice(0, 20).map((run): Finding => {
        const waits = waitsOf(run)
        const detail = waits.find((wait) => wait.reason === reason)?.detail
        return {
          name: `suspended (${reason})`,
          level: "problem",
          message: `run ${run.id} of ${Words.definition(run)}${detail === undefined ? "" : `: ${detail}`}`,
          commands: [
            `fermata runs show ${run.id}${repeated(this.globals)}`,
            ...nextCommands({ runId: run.id, waits, repeated: repeated(this.globals), as: this.globals.usually })
          ],
          runs: [run.id]
        }
      })
    })
  }

  private asMeant(reason: SuspendReason, runs: ReadonlyArray<RunRow>, count: string): string {
    if (reason === "approval") return `${count}; fermata approvals ls${repeated(this.globals)} shows what is asked`
    if (reason !== "timer") return count
    const next = runs.flatMap((run) => run.dueAt === null ? [] : [run.dueAt])
    return next.length === 0 ? count : `${count}, the next goes on ${Words.fromNow(Math.min(...next), this.now)}`
  }
}

const waitsOf = (run: RunRow): ReadonlyArray<Wait> => run.waits === null ? [] : Option.getOrElse(decodeWaits(run.waits), () => [])

const infoOf = (row: OwnerRow): Readonly<Record<string, unknown>> => JSON.parse(row.info) as Readonly<Record<string, unknown>>
