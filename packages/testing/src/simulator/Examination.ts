/** What must hold when nothing is left to happen: the store against what was acknowledged, and against the promises. */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as Upcast from "@fermata/core/Upcast"
import { Wait } from "@fermata/core/Wait"
import * as EngineProbe from "@fermata/engine/EngineProbe"
import type { MemoryStore } from "@fermata/engine/MemoryBackend"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { tellsOf } from "./AnswerWitness.ts"
import * as JournalLaw from "./JournalLaw.ts"
import * as Limits from "./Limits.ts"
import * as MoneyWitness from "./MoneyWitness.ts"
import type { Lived } from "./Subject.ts"
import type { PromiseId } from "./Violation.ts"
import type { Witness } from "./Witness.ts"

/** Per run: where it ended, what it gave, the outcomes of its steps, and what it undid in which order. */
export interface End {
  readonly status: string
  readonly reason: string | null
  readonly end: unknown
  readonly outcomes: ReadonlyArray<readonly [key: string, outcome: unknown]>
  readonly undone: ReadonlyArray<string>
}
export type Ends = Readonly<Record<string, End>>

type Run = MemoryStore["runs"] extends Map<string, infer R> ? R : never

const decodeWaits = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Array(Wait)))

/** The promise that a run which stands like this has broken. */
const broken: Readonly<Record<string, PromiseId>> = { corrupt: "S14", diverged: "S9", recovery: "S13" }

export const examine = (
  store: MemoryStore,
  witness: Witness,
  { now, patient, secrets }: {
    /** ms since the epoch, by the clock of programs. */
    readonly now: number
    readonly secrets: ReadonlyArray<string>
    /** Whether nobody outside ends this wait. */
    readonly patient: (wait: Wait) => boolean
  }
): void => {
  const find = witness.find.bind(witness)
  for (const seen of witness.runs.values()) {
    const limits = witness.limits.get(seen.code)
    const past = limits === undefined ? undefined : Limits.overshoot(seen, limits, now)
    if (past !== undefined) find("S12", past)
  }
  for (const seen of witness.runs.values()) {
    const stored = store.runs.get(seen.id)
    if (stored === undefined) {
      find("S3", `run ${seen.id} was acknowledged, and is not in the store`)
      continue
    }
    const lost = seen.rows.findIndex((row, seq) => stored.entries[seq] !== row)
    if (lost >= 0) find("S3", `entry ${lost} of run ${seen.id} was acknowledged, and is not in the store as it was`)
    else if (stored.entries.length > seen.rows.length) find("S5", `run ${seen.id} has entries that nobody wrote`)
  }
  for (const seen of witness.runs.values()) {
    for (const problem of witness.money.problems(seen)) find("S3", problem)
  }
  for (const seen of witness.runs.values()) if (seen.ended) witness.wanted.ended(seen.id, seen.entries)
  for (const row of witness.inbox.values()) {
    const stored = store.runs.get(row.run)
    if (stored !== undefined && isFinal(stored.row.status as RunStatus)) continue
    if (stored?.inbox.includes(row.id) !== true && stored !== undefined) {
      find(
        row.kind === "signal" ? "S6" : "S3",
        `${row.kind} ${row.id} for run ${row.run} was acknowledged, and is lost`
      )
    }
  }
  for (const { id, key, run, status } of witness.questions.decisions.values()) {
    const stored = store.runs.get(run)
    const entries = stored === undefined ? [] : journal(stored).flatMap((entry) => entry ?? [])
    const found = RunView.approval(RunView.of(run, entries), key)?.status
    const isExplained = entries.some((entry) => entry._tag === "MessageRefused" && tellsOf(entry) === id)
    if (found !== status && !isExplained) {
      find("S16", `question "${key}" of run ${run} was said to be ${status}, and its journal has it ${found}`)
    }
  }
  for (const id of witness.outbox) if (!store.outbox.has(id)) find("S3", `message ${id} was acknowledged, and is lost`)
  for (const problem of MoneyWitness.differences(store, readable)) find("S3", problem)
  witness.events.examine(store)
  witness.artifacts.examine(store, witness.runs.values())
  for (const stored of store.runs.values()) examineRun(store, stored, find, patient)
  if (secrets.length === 0) return
  const everything = JSON.stringify([
    ...store.runs.values(),
    ...store.inbox.values(),
    ...store.early.values(),
    ...store.outbox.values(),
    ...store.approvals.values(),
    ...store.blobs.values(),
    ...store.findings.values(),
    ...store.events.rows.values()
  ])
  for (const secret of secrets) if (everything.includes(secret)) find("S15", "a secret is in the store")
}

const examineRun = (
  store: MemoryStore,
  stored: Run,
  find: Witness["find"],
  patient: (wait: Wait) => boolean
): void => {
  const { row } = stored
  const entries = journal(stored)
  const bad = entries.findIndex((entry) => entry === undefined)
  if (bad >= 0) {
    if (row.reason !== "corrupt") find("S14", `entry ${bad} of run ${row.id} cannot be read`)
    return
  }
  const problem = JournalLaw.violation(EngineProbe.journals, entries as ReadonlyArray<JournalEntry.JournalEntry>)
  if (problem !== undefined) find("S9", `the journal of run ${row.id}: ${problem}`)
  const view = RunView.of(row.id, entries as ReadonlyArray<JournalEntry.JournalEntry>)
  const final = isFinal(row.status as RunStatus)
  if (final !== isFinal(view.status) || (final && view.status !== row.status)) {
    find("S14", `run ${row.id} is said to be ${row.status}, and its journal says ${view.status}`)
  }
  const stop = entries.find((entry) => entry?._tag === "StopRequested")
  const end = entries.at(-1)
  if (
    stop?._tag === "StopRequested" && end?._tag === "RunCancelled" && (stop.by !== end.by || stop.reason !== end.reason)
  ) {
    find("S8", `run ${row.id} was cancelled by ${stop.by} (${stop.reason}), and says by ${end.by} (${end.reason})`)
  }
  if (final) {
    if (row.owner !== null || row.dueAt !== null || stored.inbox.length > 0 || stored.approvals.length > 0) {
      find("S7", `run ${row.id} has ended, and is still to be woken`)
    }
    return
  }
  const promise = row.reason === null ? undefined : broken[row.reason]
  if (promise !== undefined) return find(promise, `run ${row.id} is suspended as ${row.reason}: ${row.waits}`)
  if (row.status !== "suspended") return find("S4", `run ${row.id} is ${row.status}, and nobody goes on with it`)
  if (stored.inbox.length > 0) {
    return find("S4", `run ${row.id} has ${stored.inbox.length} rows in its inbox that nobody takes`)
  }
  const waits = row.waits === null ? Exit.succeed([]) : decodeWaits(row.waits)
  if (Exit.isFailure(waits) || waits.value.length === 0) {
    return find("S7", `run ${row.id} is suspended, and waits for nothing`)
  }
  if (waits.value.some((wait) => patient(wait) && forSomebody(wait))) return
  for (const wait of waits.value) {
    const child = wait.reason === "child" ? store.runs.get(wait.key)?.row : undefined
    if (wait.reason === "child" && child !== undefined && !isFinal(child.status as RunStatus)) return
    if (wait.reason === "child") {
      return find(
        "S11",
        `run ${row.id} waits for child ${wait.key}, which ${child === undefined ? "does not exist" : "has ended"}`
      )
    }
  }
  find(
    "S7",
    `run ${row.id} waits for ${
      waits.value.map(({ key, reason }) => `${reason} "${key}"`).join(", ")
    }, and nothing comes of it`
  )
}

const forSomebody = (wait: Wait): boolean =>
  wait.until !== undefined || ["signal", "approval", "operator", "outcome-unknown", "budget"].includes(wait.reason)

/** The runs as their journals tell them. */
export const lived = (store: MemoryStore): ReadonlyArray<Lived> =>
  Array.from(store.runs.values(), (run) => {
    const { id, workflow } = run.row
    const entries = readable(run)
    return { id, workflow, entries, view: RunView.of(id, entries) }
  })

/** The journals of all runs, without the places of errors in the program. */
export const journals = (store: MemoryStore): string => {
  const lines: Array<string> = []
  for (const [id, { entries, row }] of [...store.runs].sort(([a], [b]) => a < b ? -1 : 1)) {
    lines.push(`${id} ${row.status} ${row.reason} ${row.waits}`)
    for (const entry of entries) {
      lines.push(
        places.test(entry)
          ? JSON.stringify(JSON.parse(entry, (key, value) => key === "stack" || key === "trace" ? undefined : value))
          : entry
      )
    }
  }
  return lines.join("\n")
}

const places = /"(stack|trace)"/

/** Where every run stands. */
export const ends = (store: MemoryStore): Ends => {
  const found: Record<string, End> = {}
  for (const [id, stored] of [...store.runs].sort(([a], [b]) => a < b ? -1 : 1)) {
    const entries = journal(stored)
    const failed = entries.findIndex((entry) => entry?._tag === "UnwindStarted")
    found[id] = {
      status: stored.row.status,
      reason: stored.row.reason,
      end: endOf(entries.at(-1)),
      outcomes: outcomes(entries),
      undone: failed < 0
        ? []
        : [...new Set(entries.slice(failed).flatMap((entry) => entry?._tag === "StepRequested" ? [entry.key] : []))]
    }
  }
  return found
}

const journal = ({ entries, row }: Run): ReadonlyArray<JournalEntry.JournalEntry | undefined> =>
  entries.map((text, seq) => {
    const read = Upcast.read(row.id, seq, text)
    return Exit.isSuccess(read) ? read.value : undefined
  })

/** What comes before the first entry that cannot be read. */
const readable = (run: Run): ReadonlyArray<JournalEntry.JournalEntry> => {
  const entries = journal(run)
  const bad = entries.indexOf(undefined)
  return (bad < 0 ? entries : entries.slice(0, bad)) as ReadonlyArray<JournalEntry.JournalEntry>
}

const endOf = (entry: JournalEntry.JournalEntry | undefined): unknown => {
  switch (entry?._tag) {
    case "RunCompleted":
      return entry.output ?? null
    case "RunFailed":
    case "RunCancelled":
      return ExitJson.withoutPlaces(entry.cause)
    default:
      return null
  }
}

const outcomes = (
  entries: ReadonlyArray<JournalEntry.JournalEntry | undefined>
): ReadonlyArray<readonly [string, unknown]> => {
  const found = new Map<string, unknown>()
  for (const entry of entries) {
    if (entry?._tag === "StepCompleted") found.set(entry.key, entry.output ?? null)
    else if (entry?._tag === "StepFailed" && entry.retryAt === undefined && entry.parked !== true) {
      found.set(entry.key, ExitJson.withoutPlaces(entry.cause))
    }
  }
  return [...found].sort(([a], [b]) => a < b ? -1 : 1)
}
