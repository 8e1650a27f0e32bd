/**
 * What `fermata doctor` looks at, and what it makes of it.
 */
import type { Owner } from "@fermata/core/Owner"
import { type SuspendReason, suspendReasons } from "@fermata/core/RunStatus"
import { suspensions } from "@fermata/core/Suspension"
import * as TimeText from "@fermata/core/TimeText"
import { readWaits, type Wait } from "@fermata/core/Wait"
import type { RunRow } from "@fermata/engine/Backend"
import { HostClock } from "@fermata/engine/HostClock"
import { ownerOf } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import * as Watchdog from "@fermata/engine/Watchdog"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Seen from "@fermata/host-node/Seen"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { existsSync, statfsSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type CommandFailed, fromUnknown } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import type { Finding } from "./Finding.ts"
import type { Globals } from "./Globals.ts"
import * as McpAnswers from "./McpAnswers.ts"
import { nextCommands } from "./NextCommands.ts"
import { overdue, patienceMs } from "./Overdue.ts"
import { isGone, ownerName } from "./Owners.ts"
import * as ProviderKeys from "./ProviderKeys.ts"
import * as Words from "./Words.ts"

/** Looks at everything, or at the installation alone, and changes nothing. */
export const diagnose = (
  globals: Globals,
  setupAlone = false
): Effect.Effect<ReadonlyArray<Finding>, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const findings: Array<Finding> = [node()]
    const config = yield* Effect.result(Config.load(globals.config, [process.cwd()]))
    findings.push(
      Result.isFailure(config)
        ? { name: "configuration", level: "problem", message: config.failure.message }
        : {
          name: "configuration",
          level: "ok",
          message: config.success.file === undefined
            ? "none, so only contracts without tasks and models go on here"
            : fileLabel(config.success.file)
        }
    )
    if (Result.isSuccess(config)) {
      findings.push(...(yield* ProviderKeys.findings(config.success.config, globals.model)))
      findings.push(...(yield* McpAnswers.findings(config.success, globals.db)))
    }
    // Before the database, so that what others write meanwhile is no surprise.
    const note = Seen.read(globals.db)
    const missing = absent(globals)
    if (missing !== undefined) return [...findings, missing]
    const opened = yield* Effect.result(
      Layer.buildWithScope(NodeHost.layerStore({ db: globals.db, readOnly: "untouched" }), yield* Effect.scope)
    )
    if (Result.isFailure(opened)) {
      return [...findings, { name: "database", level: "problem", message: opened.failure.message }]
    }
    const file = database(globals)
    findings.push(...diskSpace(globals), file)
    if (file.level === "problem" || setupAlone) return findings
    const store = Context.get(opened.success, Store)
    const now = Context.get(opened.success, HostClock).now()
    const look = new Look(globals, store, now)
    const result = yield* Effect.result(
      Effect.map(
        Effect.all([look.wentBack(note), look.all(Result.isSuccess(config) ? config.success : undefined)]),
        (found) => found.flat()
      )
    )
    return Result.isSuccess(result)
      ? [...findings, ...result.success]
      : [...findings, { name: "store", level: "problem", message: fromUnknown(result.failure).message }]
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostRuns = 1_000
/** Of each kind of finding that is told run by run. */
const mostShown = 20
/** Open runs that are looked at one by one. */
const mostWatched = 10_000

const node = (): Finding => {
  const { node } = process.versions
  return Number.parseInt(node, 10) >= 24
    ? { name: "node", level: "ok", message: node }
    : { name: "node", level: "problem", message: `${node} is too old: Fermata needs Node 24 or newer` }
}

/** What is said where there is no database. */
const absent = ({ db, dbFrom }: Globals): Finding | undefined =>
  existsSync(db) ? undefined : dbFrom === "default"
    ? { name: "database", level: "info", message: `${db} is not there yet; the first run makes it` }
    : { name: "database", level: "problem", message: `there is no file ${db}` }

/** Less free space than this (bytes) is a finding: SQLite needs some to open a file at all. */
const leastSpace = 1 << 20

/** Whether the disk has space for what runs have to record. */
const diskSpace = ({ db }: Globals): ReadonlyArray<Finding> => {
  const { bavail, bsize } = statfsSync(dirname(resolve(db)))
  return bavail * bsize >= leastSpace ? [] : [{
    name: "disk",
    level: "problem",
    message: `the disk is full: it has ${
      Words.bytes(bavail * bsize)
    } left beside ${db}, so runs wait until there is room; free some space there`
  }]
}

/** The file itself, looked at without writing to it. */
const database = ({ db }: Globals): Finding => {
  const name = "database"
  try {
    const connection = new DatabaseSync(db, { readOnly: true, timeout: 5_000 })
    try {
      const value = (pragma: string): unknown => Object.values(connection.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
      const check = value("quick_check(1)")
      if (check !== "ok") {
        return { name, level: "problem", message: `${db} is damaged: ${String(check)}; restore it from a backup` }
      }
      const wal = `${db}-wal`
      const walSize = existsSync(wal) ? statSync(wal).size : 0
      return {
        name,
        level: "ok",
        message: `${db}, version ${String(value("user_version"))}, ${Words.bytes(statSync(db).size)}, journal mode ${
          String(value("journal_mode"))
        } (log ${Words.bytes(walSize)}), intact`
      }
    } finally {
      connection.close()
    }
  } catch (cause) {
    // It was opened before, so it was from a copy: SQLite can make nothing beside it.
    return {
      name,
      level: "info",
      message: `${db} can only be looked at by way of a copy (${
        cause instanceof Error ? cause.message : String(cause)
      }): nothing can be written beside it`
    }
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
      const { backend } = this.store
      const owners = yield* Effect.forEach(
        yield* backend.owners,
        (row) => Effect.map(backend.runCount({ owner: row.id }), (runs) => ownerOf(row, this.now, runs))
      )
      const counts = Object.entries(byStatus).filter(([, count]) => count > 0).map(([status, count]) =>
        `${count} ${status}`
      )
      const findings: Array<Finding> = [
        { name: "runs", level: "ok", message: counts.length === 0 ? "none" : counts.join(", ") },
        ...(yield* this.processes(owners))
      ]
      if (inbox + outbox > 0) {
        findings.push({
          name: "messages",
          level: "info",
          message: `${inbox} in inboxes, ${outbox} on their way; a worker hands them on`
        })
      }
      findings.push(...(yield* overdue({ globals: this.globals, store: this.store, now: this.now, owners, config })))
      findings.push(...(yield* this.watched()))
      findings.push(...(yield* this.doubted()))
      for (const reason of suspendReasons) findings.push(...(yield* this.suspended(reason)))
      return findings
    })
  }

  /** Whether the file is an older one than the one of which the note tells. */
  wentBack(note: Seen.Note | undefined) {
    return Effect.map(this.store.backend.position, (position): ReadonlyArray<Finding> => {
      const back = Seen.wentBack(note, { position, at: this.now })
      return back === undefined ? [] : [{
        name: "older",
        level: "problem",
        message: `${
          Seen.sentence(this.globals.db, back)
        }; stop every process, and say that it was put back, before anything works on it`,
        commands: [Commands.sayRestored()]
      }]
    })
  }

  private processes(owners: ReadonlyArray<Owner>) {
    return Effect.gen({ self: this }, function*() {
      const dead = owners.filter((owner) => !owner.alive || isGone(owner))
      const workers = owners.filter((owner) => owner.worker && !dead.includes(owner))
      const findings: Array<Finding> = [
        {
          name: "workers",
          level: "ok",
          message: workers.length === 0 ? "none is running" : workers.map(ownerName).join(", ")
        }
      ]
      if ((yield* this.store.backend.census).owned === 0 && dead.length === 0) return findings
      const open = yield* this.store.backend.runs({ status: ["queued", "running", "suspended"], limit: mostWatched })
      const lost = open.filter((run) => run.owner !== null && !owners.some(({ id }) => id === run.owner))
      const left = dead.map((owner) => {
        const count = open.filter((run) => run.owner === owner.id).length
        return `${ownerName(owner)}, lease ${owner.alive ? "ends" : "ended"} ${
          Words.fromNow(owner.expiresAt, this.now)
        }, left ${Words.count(count, "run")}`
      })
      if (lost.length > 0) left.push(`a process that is not known any more left ${Words.count(lost.length, "run")}`)
      if (left.length === 0) return findings
      findings.push({
        name: "dead processes",
        level: "info",
        message: `${left.join("; ")}; a worker takes up what they left`,
        commands: [Commands.workOnWhatIsLeft()]
      })
      return findings
    })
  }

  /** What would not go on by itself, and what the watchdog did about such runs. */
  private watched() {
    return Effect.gen({ self: this }, function*() {
      const { backend } = this.store
      const recorded = yield* backend.findings(mostRuns)
      const broken = (yield* Watchdog.survey(backend, this.now, mostWatched)).filter(({ run }) =>
        run.updatedAt + patienceMs < this.now
      )
      const woken = recorded.filter((finding) => finding.woken && !broken.some(({ run }) => run.id === finding.run))
      const findings = broken.slice(0, mostShown).map(({ problem, run, wakes }): Finding => ({
        name: "watchdog",
        level: "problem",
        message: `run ${run.id} of ${Words.definition(run)} does not go on by itself: ${problem}; ${
          wakes && !recorded.some((finding) => finding.run === run.id)
            ? "a worker makes it due again within a minute"
            : "it needs an operator"
        }`,
        commands: [wakes ? Commands.workOnWhatIsStuck() : Commands.seeWhatIsStuck(run.id)],
        runs: [run.id]
      }))
      if (broken.length > mostShown) {
        const left = broken.slice(mostShown).map(({ run }) => run.id)
        findings.push({
          name: "watchdog",
          level: "problem",
          message: `${Words.count(left.length, "more run")} that ${left.length === 1 ? "does" : "do"} not go on`,
          runs: left
        })
      }
      const last = woken[0]
      if (last !== undefined) {
        findings.push({
          name: "watchdog",
          level: "info",
          message: `a worker made ${
            Words.count(new Set(woken.map(({ run }) => run)).size, "open run")
          } due again that would not have gone on; the last, ${
            Words.fromNow(last.at, this.now)
          }, was ${last.run}: ${last.problem}`,
          runs: [...new Set(woken.map(({ run }) => run))]
        })
      }
      return findings
    })
  }

  /** Runs of which nobody knows what they have done since a backup. Those that wait for somebody are told with their steps. */
  private doubted() {
    return Effect.gen({ self: this }, function*() {
      const latest = (yield* this.store.backend.restores).at(-1)
      if (latest === undefined) return []
      const runs = yield* this.store.backend.runs({ restored: true, limit: mostRuns })
      const name = "restored"
      const was = `the database was put back by ${latest.by} ${Words.fromNow(latest.to, this.now)} from a backup of ${
        TimeText.time(latest.from)
      }`
      if (runs.length === 0) return [{ name, level: "info" as const, message: `${was}; no open run is in doubt` }]
      return [{
        name,
        level: "info" as const,
        message: `${was}; nobody knows what ${Words.count(runs.length, "open run")}${
          runs.length === mostRuns ? " or more" : ""
        } did since`,
        commands: [Commands.seeInDoubt()]
      }]
    })
  }

  private suspended(reason: SuspendReason) {
    return Effect.gen({ self: this }, function*() {
      const runs = yield* this.store.backend.runs({ status: ["suspended"], reason: [reason], limit: mostRuns })
      if (runs.length === 0) return []
      const isProblem = suspensions[reason].endedBy === "operator"
      const count = `${Words.count(runs.length, "run")}${runs.length === mostRuns ? " or more" : ""}`
      if (!isProblem) {
        return [{ name: `suspended (${reason})`, level: "info" as const, message: this.asMeant(reason, runs, count) }]
      }
      const shown = runs.slice(0, mostShown).map((run): Finding => {
        const waits = waitsOf(run)
        const detail = waits.find((wait) => wait.reason === reason)?.detail
        return {
          name: `suspended (${reason})`,
          level: "problem",
          message: `run ${run.id} of ${Words.definition(run)}${detail === undefined ? "" : `: ${detail}`}`,
          commands: [
            Commands.seeSuspended(run.id),
            ...nextCommands({ runId: run.id, workflow: run.workflow, waits, as: this.globals.usually })
          ],
          runs: [run.id]
        }
      })
      if (runs.length <= mostShown) return shown
      return [...shown, {
        name: `suspended (${reason})`,
        level: "problem" as const,
        message: `${count} in all; the newest ${mostShown} are shown`,
        commands: [Commands.seeAllSuspended(reason)]
      }]
    })
  }

  private asMeant(reason: SuspendReason, runs: ReadonlyArray<RunRow>, count: string): string {
    if (reason === "approval") return `${count}; to see what is asked: ${Commands.seeWhatIsAsked()}`
    if (reason !== "timer") return count
    const next = runs.flatMap((run) => run.dueAt === null ? [] : [run.dueAt])
    return next.length === 0 ? count : `${count}, the next goes on ${Words.fromNow(Math.min(...next), this.now)}`
  }
}

const waitsOf = (run: RunRow): ReadonlyArray<Wait> => Option.getOrElse(readWaits(run.waits), () => [])
