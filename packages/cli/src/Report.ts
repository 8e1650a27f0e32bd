/**
 * How a followed run is reported: as one JSON document, or as its result on
 * stdout and a summary for people on stderr.
 */
import { isFinal } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as Effect from "effect/Effect"
import * as AgentAnswers from "./AgentAnswers.ts"
import { exitCodes } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import { debugging, failedStep, linesOf } from "./ErrorChain.ts"
import type { Followed } from "./Follow.ts"
import { type Globals, readerOf } from "./Globals.ts"
import * as Money from "./Money.ts"
import { nextCommands } from "./NextCommands.ts"
import type { Steps } from "./Outcomes.ts"
import { document, err, exitWith, note } from "./Output.ts"
import * as Words from "./Words.ts"

/** The exit code for a run that stands like this. */
export const exitCodeOf = (status: RunView.RunView["status"]): number =>
  status === "completed" ? exitCodes.completed : isFinal(status) ? exitCodes.failed : exitCodes.suspended

/** What `--json` prints about a run. */
export const toJson = (followed: Followed, { joined, otherInput }: Omit<ReportOptions, "globals">) => {
  const { steps: { executed, recovered, replayed, retried }, usage, view } = followed
  const answers = AgentAnswers.of(view)
  return {
    runId: view.id,
    joined,
    ...(otherInput === undefined ? {} : { otherInput }),
    ...(view.fork === undefined ? {} : { fork: view.fork }),
    status: view.status,
    ...(view.reason === undefined ? {} : { reason: view.reason }),
    ...(view.waits.length === 0 ? {} : { waits: view.waits }),
    ...("output" in view ? { output: view.output ?? null } : {}),
    ...(view.error === undefined ? {} : { error: view.error }),
    ...(answers === undefined ? { usage } : agentJson(answers)),
    ...(Spent.isZero(view.spent.total) ? {} : { spent: view.spent.total }),
    steps: { executed, replayed, ...(recovered > 0 ? { recovered } : {}), ...(retried > 0 ? { retried } : {}) }
  }
}

/** What a report is about. */
export interface ReportOptions {
  readonly globals: Globals
  /** Whether the run was there before the command. */
  readonly joined: boolean
  /** Whether it was started with another input than the command was given; for commands that start runs. */
  readonly otherInput?: boolean
}

/** Reports the run and sets the exit code. */
export const report = (followed: Followed, options: ReportOptions) =>
  Effect.gen(function*() {
    const { globals: { json } } = options
    const { view } = followed
    yield* exitWith(exitCodeOf(view.status))
    if (json) yield* document(toJson(followed, options))
    else if (view.status === "completed") {
      const answer = AgentAnswers.of(view)?.output
      yield* document(answer === undefined ? view.output ?? null : answer.value)
    }
    yield* tellPeople(followed, options)
  })

/** Says on stderr how the run stands, and how it goes on. */
export const tellPeople = ({ below, now, samples, steps, unserved, view }: Followed, { globals }: ReportOptions) =>
  Effect.gen(function*() {
    yield* note(summary(view, steps))
    const answers = AgentAnswers.of(view)
    if (answers !== undefined) yield* note(`  ${AgentAnswers.text(answers)}`)
    const spent = Money.spent(view.spent)
    if (spent !== undefined) yield* note(`  spent ${spent}`)
    if (unserved !== undefined) return yield* note(`  ${unserved}`)
    if (view.status === "failed" || view.status === "cancelled") {
      yield* note(`  ${view.stop?.reason ?? view.error?.message ?? "without a reason"}`)
      const step = view.stop === undefined ? failedStep(view) : undefined
      yield* note(`  in ${step === undefined ? "" : `step ${step.key} of `}${Words.definition(view)}`)
      if (debugging) { for (const text of linesOf(step?.error?.cause ?? view.error?.cause)) yield* note(`    ${text}`) }
      yield* note(`  see: ${Commands.seeWhatHappened(view.id)}`)
    }
    if (view.status !== "suspended") return
    const { approvals, id, waits, workflow } = view
    const own = { runId: id, workflow, waits, approvals, samples }
    const places = [{ ...own, waits: view.waits.filter(({ key }) => !below.has(key)) }, ...[...below.values()].flat()]
    const commands = places.flatMap((place) => nextCommands({ ...place, ...readerOf(globals) }))
    if (commands.length > 0) yield* note("  to go on:")
    for (const command of commands) yield* note(`    ${err.bold(command)}`)
    const until = Math.min(...view.waits.flatMap((wait) => wait.until ?? []))
    if (commands.length > 0 && Number.isFinite(until)) {
      yield* note(
        `  without that, it goes on ${Words.fromNow(until, now)} (${Words.time(until)})${
          globals.server === undefined ? `, while a worker runs: ${Commands.workUntilThen()}` : ""
        }`
      )
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const agentJson = ({ models, scripted, turns, usage }: AgentAnswers.Answers) => ({
  usage: { inputTokens: AgentAnswers.inputOf(usage), outputTokens: usage.output },
  agent: { turns, models, scripted }
})

const painted = (status: string): string =>
  status === "completed" ? err.green(status) : status === "suspended" ? err.yellow(status) : err.red(status)

const summary = (view: RunView.RunView, steps: Steps): string => {
  const { endedAt, requestedAt } = view.times
  const took = endedAt === undefined ? "" : ` in ${Words.duration(endedAt - requestedAt)}`
  return `run ${view.id} ${painted(view.status)}${view.reason === undefined ? "" : ` (${view.reason})`}${took}: ${
    stepsText(steps)
  }`
}

/** What became of the steps: which ran, which did not have to, and which ran more than once. */
export const stepsText = ({ executed, overtime, recovered, repeated, replayed, retried }: Steps): string =>
  [
    ...(executed > 0 || replayed === 0 ? [`${Words.count(executed, "step")} executed here`] : []),
    ...(replayed > 0 ? [`${Words.count(replayed, "step")} recorded before, not run again`] : []),
    ...(recovered > 0
      ? [`${Words.count(recovered, "body", "bodies")} ran again after ${recovered === 1 ? "the crash" : "crashes"}`]
      : []),
    ...(overtime > 0
      ? [`${Words.count(overtime, "body", "bodies")} ran again beside one that did not end in time`]
      : []),
    ...(retried > 0 ? [`${Words.count(retried, "failed attempt")} ${retried === 1 ? "was" : "were"} tried again`] : []),
    ...(repeated > 0 ? [`${Words.count(repeated, "step")} with MORE THAN ONE outcome`] : [])
  ].join("; ")
