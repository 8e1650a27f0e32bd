/**
 * One run for people: how it stands, its steps, what it waits for, and the
 * commands that make it go on.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import * as DurableTime from "@fermata/core/DurableTime"
import { headline, routes } from "@fermata/core/QuestionText"
import * as RunSentence from "@fermata/core/RunSentence"
import { isFinal } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import * as Artifacts from "./Artifacts.ts"
import * as Commands from "./Commands.ts"
import { failedStep, linesOf } from "./ErrorChain.ts"
import { type Globals, readerOf } from "./Globals.ts"
import * as Money from "./Money.ts"
import { nextCommands, type Samples } from "./NextCommands.ts"
import { line, out, parts } from "./Output.ts"
import type { RunProcess } from "./Owners.ts"
import * as QuestionLines from "./QuestionLines.ts"
import * as Words from "./Words.ts"

/** Prints the run to stdout. `now` is the time of the reader. */
export const show = (view: RunView.RunView, options: Options): Effect.Effect<void> =>
  Effect.forEach(page(view, options), line, { discard: true })

/** What a page needs to know beside the run. */
export interface Options {
  readonly globals: Globals
  readonly now: number
  /** The process that has the run. */
  readonly process?: RunProcess | undefined
  readonly title?: string
  readonly labels?: Readonly<Record<string, string>>
  /** What would end its waits. */
  readonly samples?: Samples
}

/** The lines about a run. */
export const page = (
  view: RunView.RunView,
  { globals, labels, now, process, samples, title }: Options
): ReadonlyArray<string> => {
  const { endedAt, requestedAt } = view.times
  const commands = nextCommands({
    runId: view.id,
    workflow: view.workflow,
    waits: view.waits,
    approvals: view.approvals,
    ...readerOf(globals),
    ...(samples === undefined ? {} : { samples })
  })
  return [
    `${out.bold(`run ${view.id}`)}  ${Words.definition(view)}`,
    ...optional("title", title),
    ...optional("labels", labels && Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ")),
    field("status", `${painted(view)}${view.paused && view.reason !== "operator" ? " (paused)" : ""}`),
    ...(process === undefined
      ? []
      : [field(
        "process",
        process.alive
          ? process.name
          : `${out.red(`${process.name} is gone`)}; a worker goes on with it: ${out.bold(Commands.workForTheDead())}`
      )]),
    field(
      "started",
      `${Words.time(requestedAt)} (${Words.fromNow(requestedAt, now)})${view.by === undefined ? "" : ` by ${view.by}`}${
        view.trigger === undefined
          ? ""
          : view.trigger.schedule === undefined
          ? ` by event ${view.trigger.event} (${view.trigger.id})`
          : `, by schedule ${view.trigger.schedule.name} for ${Words.time(view.trigger.schedule.slot)}`
      }`
    ),
    ...(endedAt === undefined
      ? []
      : [field("ended", `${Words.time(endedAt)} after ${Words.duration(endedAt - requestedAt)}`)]),
    ...(view.parent === undefined ? [] : [field("parent", view.parent)]),
    ...(view.fork === undefined ? [] : [field(view.fork.retry === true ? "retry of" : "fork of", forkText(view.fork))]),
    field("given", json(view.payload)),
    ...("output" in view ? [field("result", json(view.output ?? null))] : []),
    ...(view.error === undefined
      ? []
      : [field("error", out.red(view.error.message)), ...whereText(view), ...chainText(view)]),
    ...optional("spent", Money.spent(view.spent)),
    ...optional("budget", Money.budget(view.budget)),
    ...(view.stop === undefined ? [] : [field("stopped", `by ${view.stop.by}: ${view.stop.reason}`)]),
    ...section(
      "steps",
      view.steps.flatMap((
        step
      ) => [
        stepLine(step, now),
        ...(step.status === "completed" ? [] : linesOf(step.error?.cause).map((text) => `    ${text}`))
      ])
    ),
    ...section(
      "approvals",
      view.approvals.map((approval) =>
        `${approval.status.padEnd(9)} ${approval.key}  ${headline(approval.prompt)}${
          approval.answers.map(({ always, by, choice, decision, edit, for: place, note }) =>
            `; ${decision} by ${by}${place === undefined ? "" : ` for ${place}`}${
              choice === undefined ? "" : ` with ${choice}`
            }${always === undefined ? "" : `, who let ${always} stand`}${
              edit === undefined ? "" : ` of other arguments (${ApprovalRule.differenceText(approval.args, edit)})`
            }${note === undefined ? "" : ` (${note})`}`
          ).join("")
        }${routes(approval, now).map((text) => `; ${text}`).join("")}${
          approval.status === "open" ? parts(QuestionLines.ofView(approval)) : ""
        }`
      )
    ),
    ...section(
      "children",
      view.children.map((child) =>
        `${child.status.padEnd(9)} ${child.child}  ${Words.definition(child)}${costOf(child)}`
      )
    ),
    ...section(
      "state",
      Object.values(view.state).map(({ name, revision, value }) => `${name} (revision ${revision}): ${json(value)}`)
    ),
    ...section("events", view.events.map(({ id, name }) => `${name}  ${id}`)),
    ...section("decisions", view.decisions.map(({ key, value }) => `${key}: ${json(value ?? null)}`)),
    ...section(
      "notes",
      [...view.notes.filter(({ kind }) => kind !== "usage"), ...view.refusals]
        .sort((a, b) => a.seq - b.seq).map(({ text }) => text)
    ),
    ...section("waits", view.waits.map((wait) => RunSentence.waitOf(view, wait, now))),
    ...section("to go on", isFinal(view.status) ? [] : commands.map((command) => out.bold(command)))
  ]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const forkText = ({ from, input, set, sharedEntries, step }: RunView.ForkView): string =>
  `${from}, of which it shares ${Words.count(sharedEntries, "entry", "entries")}${
    step === undefined ? "" : ` before step ${step}`
  }${input ? ", with another input" : ""}${set.length === 0 ? "" : `, with other outputs of ${set.join(", ")}`}`

/** The step in which the run failed; how, stands below that step. */
const whereText = (view: RunView.RunView): ReadonlyArray<string> => {
  const step = failedStep(view)
  return step === undefined ? [] : [field("", `in step ${step.key}`)]
}

const chainText = (view: RunView.RunView): ReadonlyArray<string> =>
  failedStep(view) === undefined ? linesOf(view.error?.cause).map((text) => field("", text)) : []

const field = (name: string, text: string): string => `  ${out.dim(name.padEnd(9))} ${text}`

const optional = (name: string, text: string | undefined): ReadonlyArray<string> =>
  text === undefined ? [] : [field(name, text)]

/** What a step or a child has cost, behind what else is said of it. */
const costOf = (of: Parameters<typeof Money.cost>[0]): string => {
  const text = Money.cost(of)
  return text === undefined ? "" : `  ${text}`
}

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [`${title}:`, ...lines.map((text) => `  ${text}`)]

/** A value as JSON in one line of bounded length. */
const json = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "null"
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text
}

const painted = ({ reason, status }: RunView.RunView): string => {
  const text = reason === undefined ? status : `${status} (${reason})`
  return status === "completed"
    ? out.green(text)
    : status === "suspended"
    ? out.yellow(text)
    : isFinal(status)
    ? out.red(text)
    : out.cyan(text)
}

const marks: { readonly [S in RunView.StepStatus]: string } = {
  completed: "✓",
  failed: "✗",
  running: "▸",
  requested: "·",
  backoff: "↺",
  abandoned: "-"
}

/** The first few by their names, and how many there are beside them. */
const keptText = (artifacts: NonNullable<RunView.StepView["artifacts"]>): string => {
  const more = artifacts.length - mostKept
  const named = artifacts.slice(0, mostKept).map(Artifacts.label).join(", ")
  return more > 0 ? `${named} and ${more} more` : named
}

const mostKept = 3

const stepLine = (step: RunView.StepView, now: number): string => {
  const took = step.endedAt === undefined ? "" : `  ${Words.duration(step.endedAt - step.requestedAt)}`
  const kept = step.artifacts === undefined ? "" : `  keeps ${keptText(step.artifacts)}`
  const attempts = step.attempts > 1 ? `  ${step.attempts} attempts` : ""
  const crashes = step.recoveries > 0 ? `  ${Words.count(step.recoveries, "crash", "crashes")}` : ""
  const settled = step.settledBy === undefined ? "" : `  settled by ${step.settledBy}`
  const probed = step.probed === true && step.status === "completed" ? "  found done by its probe" : ""
  const again = step.retryAt === undefined || step.status !== "backoff" ?
    ""
    : step.retryAt >= DurableTime.never
    ? "  never again by itself"
    : `  again ${Words.fromNow(step.retryAt, now)}`
  const error = step.error === undefined || step.status === "completed" ? "" : `  ${step.error.message}`
  const mark = marks[step.status]
  const painted = step.status === "completed"
    ? out.green(mark)
    : step.status === "failed"
    ? out.red(mark)
    : out.cyan(mark)
  const name = step.title === undefined ? step.key : `${step.title}  ${out.dim(step.key)}`
  return `${painted} ${name}${step.label === undefined ? "" : out.dim(` [${step.label}]`)}${
    step.status === "completed" || step.status === "failed" ? "" : `  ${step.status}`
  }${took}${costOf(step)}${kept}${attempts}${crashes}${settled}${probed}${again}${error}`
}
