/**
 * Shows a run to people while it goes on: one line on stderr for everything that happens.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunSentence from "@fermata/core/RunSentence"
import * as RunSpending from "@fermata/core/RunSpending"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import * as Predicate from "effect/Predicate"
import * as AgentAnswers from "./AgentAnswers.ts"
import { err, noteNow, parts } from "./Output.ts"
import * as QuestionLines from "./QuestionLines.ts"
import * as Words from "./Words.ts"

type Entry = JournalEntry.JournalEntry

/**
 * The lines about these entries, in order. `before` are the outcomes that were
 * in the journal when the command began; they are told as one number.
 */
export class Watch {
  private readonly startedAt = new Map<string, number>()
  private readonly titles = new Map<string, string>()
  /** What was told of waits, as text. */
  private readonly shown = new Map<string, Wait>()
  private stands = ""
  private isAgent = false
  private readonly told: (text: string) => void
  private readonly from: number

  /** Entries before `from` are history. */
  constructor(from: number, told: (text: string) => void = noteNow) {
    this.from = from
    this.told = told
  }

  /** Tells what is new in this part of the journal. `now` is the time of the reader. */
  take(entries: ReadonlyArray<Entry>, view: RunView.RunView, now: number): void {
    const done = new Set(
      entries.flatMap((entry) =>
        entry._tag === "StepCompleted" || entry._tag === "StepFailed" ? [`${entry.key}#${entry.attempt}`] : []
      )
    )
    for (const entry of entries) {
      if (entry._tag === "StepRequested") {
        this.startedAt.set(entry.key, entry.at)
        if (entry.title !== undefined) this.titles.set(entry.key, entry.title)
      }
      if (AgentAnswers.isBeginning(entry)) this.isAgent = true
      if (entry._tag === "SignalReceived") this.over("signal", entry.name)
      if (entry.seq < this.from) continue
      const text = this.lineOf(entry, done)
      if (text !== undefined) this.told(text)
    }
    const stands = JSON.stringify([view.status, view.waits])
    if (stands !== this.stands && view.status === "suspended" && view.counts.entries > this.from) {
      this.tellWaits(view, now)
    }
    this.stands = stands
  }

  /** Tells what the run waits for, unless that was told. */
  tellWaits(view: RunView.RunView, now: number): void {
    const fresh = view.waits.filter((wait) => !this.shown.has(JSON.stringify(wait)))
    for (const wait of fresh) this.shown.set(JSON.stringify(wait), wait)
    if (fresh.length > 0) {
      const asked = fresh.flatMap(({ key, reason }) =>
        reason === "approval" ? view.approvals.filter((approval) => approval.key === key) : []
      )
      this.told(
        `  ${err.yellow("…")} waits ${fresh.map((wait) => RunSentence.waitOf(view, wait, now)).join("; ")}${
          asked.map((question) => parts(QuestionLines.ofView(question))).join("")
        }`
      )
    }
  }

  /** The run may wait for it again, and then that is news. */
  private over(reason: Wait["reason"], key: string): void {
    for (const [text, wait] of this.shown) {
      if (wait.reason !== reason || wait.key !== key) continue
      this.shown.delete(text)
      this.stands = ""
    }
  }

  private lineOf(entry: Entry, done: ReadonlySet<string>): string | undefined {
    switch (entry._tag) {
      case "StepRequested": {
        if (entry.probe === true) return `  ${err.yellow("?")} ${this.step(entry)}  was cut short; its probe is asked`
        if (entry.recovery !== undefined && entry.recovery > 0) {
          return `  ${err.yellow("↻")} ${this.step(entry)}  again after a crash (${entry.onCrash})`
        }
        // A step that is over already gets its end alone.
        if (done.has(`${entry.key}#${entry.attempt}`)) return undefined
        return `  ${err.cyan("▸")} ${this.step(entry)}${entry.attempt > 1 ? `  attempt ${entry.attempt}` : ""}`
      }
      case "ProbeFailed":
        return `  ${err.yellow("!")} ${this.step(entry)}  its probe failed: ${FailureText.ofCause(entry.cause)}`
      case "StepCompleted":
        if (entry.probed === true) {
          return `  ${err.green("✓")} ${this.step(entry)}  was done already, as its probe has found`
        }
        return entry.settledBy === undefined
          ? `  ${err.green("✓")} ${this.step(entry)}  ${err.dim(`${this.took(entry)}${costOf(entry)}`)}${
            this.saidIn(entry.output)
          }`
          : `  ${err.green("✓")} ${this.step(entry)}  settled as done by ${entry.settledBy}`
      case "StepFailed": {
        const why = FailureText.ofCause(entry.cause)
        if (entry.settledBy !== undefined) {
          return `  ${err.red("✗")} ${this.step(entry)}  settled as failed by ${entry.settledBy}: ${why}`
        }
        if (entry.retryAt !== undefined) {
          return `  ${err.yellow("↺")} ${this.step(entry)}  attempt ${entry.attempt} failed${costOf(entry)}: ${why}; ${
            entry.retryAt >= DurableTime.never
              ? "never again by itself"
              : `again in ${Words.duration(entry.retryAt - entry.at)}`
          }`
        }
        return `  ${err.red("✗")} ${this.step(entry)}  ${err.dim(`${this.took(entry)}${costOf(entry)}`)}  ${why}`
      }
      case "ApprovalAnswered":
        return entry.decision === "timeout"
          ? `  ${err.yellow("•")} ${entry.key}  nobody answered in time`
          : `  ${entry.decision === "approve" ? err.green("✓") : err.red("✗")} ${entry.key}  ${
            entry.decision === "approve" ? "approved" : "denied"
          } by ${entry.by}${entry.for === undefined ? "" : ` for ${entry.for}`}${
            entry.open === true && entry.edit !== undefined ? ", with other arguments" : ""
          }${entry.open === true ? ", which does not decide it yet" : ""}${
            entry.note === undefined ? "" : `: ${entry.note}`
          }`
      case "ApprovalDelegated":
        return `  ${err.yellow("→")} ${entry.key}  handed on to ${entry.to} by ${entry.by}${
          entry.for === entry.by ? "" : `, for ${entry.for}`
        }${entry.note === undefined ? "" : `: ${entry.note}`}`
      case "ApprovalEscalated":
        return `  ${err.yellow("↑")} ${entry.key}  escalated to ${entry.to.join(", ")}`
      case "ApprovalReminded":
        return `  ${err.yellow("•")} ${entry.key}  ${entry.to.join(", ")} reminded`
      case "SignalReceived":
        if (entry.name === RunSpending.budgetSignal) {
          return `  ${err.green("✓")} ${raisedBy(entry.payload)}${entry.by === undefined ? "" : `, says ${entry.by}`}${
            noteOf(entry.payload)
          }`
        }
        return `  ${err.green("✓")} signal ${entry.name}${entry.by === undefined ? "" : ` from ${entry.by}`}`
      case "EventEmitted":
        return `  ${err.cyan("»")} event ${entry.name}`
      case "Decided":
        // What an agent decides is told by what it does.
        return this.isAgent
          ? undefined
          : `  ${err.cyan("◇")} ${entry.key}  decided: ${StoredJson.show(entry.value ?? null)}`
      case "ChildStarted":
        return `  ${err.cyan("▸")} child run ${entry.child}  ${entry.workflow}@${entry.version}`
      case "ChildFinished":
        return `  ${entry.exit._tag === "Success" ? err.green("✓") : err.red("✗")} child run ${entry.child}${
          costOf(entry)
        }`
      case "StopRequested":
        return `  ${err.red("■")} asked to stop by ${entry.by}: ${entry.reason}`
      case "PauseRequested":
        return `  ${err.yellow("‖")} paused by ${entry.by}`
      case "RunResumed":
        return entry.by === undefined ? undefined : `  ${err.green("▶")} resumed by ${entry.by}`
      case "UnwindStarted":
        return `  ${err.yellow("!")} has failed, and undoes what it did`
      case "BodyLetGo":
      case "MessageRefused":
        return `  ${err.yellow("!")} ${entry.text}`
      case "Note":
        // What a model used is told in the report.
        if (entry.kind === "usage") return undefined
        return `  ${err.yellow("!")} ${entry.text}`
      default:
        return undefined
    }
  }

  private saidIn(output: unknown): string {
    const said = AgentAnswers.lineOf(output)
    return said === undefined ? "" : `  ${said}`
  }

  /** The title of a step and behind it the key, by which commands name it. */
  private step({ key }: { readonly key: string }): string {
    const title = this.titles.get(key)
    return title === undefined ? key : `${title}  ${err.dim(key)}`
  }

  private took(entry: Entry & { readonly key: string }): string {
    const started = this.startedAt.get(entry.key)
    return started === undefined ? "" : Words.duration(entry.at - started)
  }
}

/** What it has cost, behind what else is said. */
const costOf = ({ spent }: Pick<Spent.Cost, "spent">): string => spent === undefined ? "" : `, ${Spent.text(spent)}`

/** What was raised, and by how much. */
const raisedBy = (payload: unknown): string => {
  const ofDay = RunSpending.dayRaiseOf(payload)
  return ofDay === undefined
    ? `budget raised by ${Spent.text(RunSpending.raiseOf(payload))}`
    : `budget of ${SpentByDay.textOf(ofDay.day)} (UTC) raised by ${Spent.text(ofDay.amount)} for all runs`
}

/** Why a budget was raised, as whoever did so says. */
const noteOf = (payload: unknown): string =>
  Predicate.hasProperty(payload, "note") && Predicate.isString(payload.note) ? `: ${payload.note}` : ""

/** What has happened in this part of a journal, a line for each thing. */
export const linesOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const watch = new Watch(0, (text) => void lines.push(text))
  watch.take(entries, RunView.of("", entries), 0)
  return lines
}
