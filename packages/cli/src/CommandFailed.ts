/**
 * How a command ends when it cannot do what was asked: a sentence for people,
 * an exit code, and the same as JSON for programs.
 */
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as FailureText from "@fermata/core/FailureText"
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
import * as Commands from "./Commands.ts"

/** Exit codes of the command. */
export const exitCodes = { completed: 0, failed: 1, refused: 2, suspended: 3, busy: 4 } as const

/** What they mean, for people. */
export const exitCodeTexts: Readonly<Record<number, string>> = {
  [exitCodes.completed]: "the run completed, or what was asked for is done",
  [exitCodes.failed]:
    "the run failed or was cancelled; doctor found a problem; audit verify found a line that is not as it was written; upgrade check or replay found code that does not fit; something went wrong",
  [exitCodes.refused]: "bad usage, invalid input, or refused, also by a server that has enough to do: nothing was done",
  [exitCodes.suspended]: "the run is suspended, or nobody serves it: somebody else must act",
  [exitCodes.busy]: "run-once: another process does a round of work, and nothing was done here"
}

/** The command did not do what was asked. `details` are lines that follow the sentence. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly exitCode: number
  /** What kind of failure it is, for programs. */
  readonly code: string
  readonly message: string
  readonly details?: ReadonlyArray<string>
  /** More fields of the error in its JSON form. */
  readonly fields?: Readonly<Record<string, unknown>>
}> {}

/** Bad usage, invalid input, or something that is not allowed: nothing was done. */
export const refused = (code: string, message: string, details: ReadonlyArray<string> = []): CommandFailed =>
  new CommandFailed({ exitCode: exitCodes.refused, code, message, details })

/** Something went wrong on the way. */
export const failed = (code: string, message: string, details: ReadonlyArray<string> = []): CommandFailed =>
  new CommandFailed({ exitCode: exitCodes.failed, code, message, details })

/** What helps, by the tag of an error and the run that it is about. */
const hints: Readonly<Record<string, (runId: string) => string>> = {
  RunNotFound: () => `see the runs that there are: ${Commands.seeRuns()}`,
  RunAmbiguous: () => `see whole ids: ${Commands.seeWholeIds()}`,
  SignalReserved: (runId) => `with what it may spend more: ${Commands.raise(runId, "usd")}`,
  RunClosed: (runId) => `see how it ended: ${Commands.seeHowItEnded(runId)}`,
  StepNotRequested: (runId) => `see its steps: ${Commands.seeItsSteps(runId)}`,
  ArtifactNotFound: (runId) => `see what it keeps: ${Commands.seeWhatIsKept(runId)}`,
  ArtifactAmbiguous: (runId) => `see what it keeps: ${Commands.seeWhatIsKept(runId)}`,
  ApprovalNotOpen: () => `see what can be answered: ${Commands.seeWhatCanBeAnswered()}`,
  RuleNotFound: () => `see what stands: ${Commands.seeWhatStands()}`,
  RuleAmbiguous: () => `see what stands: ${Commands.seeWhatStands()}`,
  AccessTokenNotFound: () => `see what there is: ${Commands.seeTokens()}`,
  AccessTokenAmbiguous: () => `see what there is: ${Commands.seeTokens()}`,
  NotAllowed: () => "answer as one of them with --as NAME",
  WorkflowNotFound: () =>
    `workflows written as programs come from fermata.config.ts; see the contracts that are registered: ${Commands.seeContracts()}`
}

const codesThatFail: ReadonlySet<string> = new Set(["StorageFailed", "EntryCorrupt", "ArtifactDamaged", "LoginFailed"])

/** Any error of a command as a `CommandFailed`. Typed errors of the engine are refusals, except where the store is at fault. */
export const fromUnknown = (error: unknown): CommandFailed => {
  if (error instanceof CommandFailed) return error
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" && error instanceof Error) {
    const { _tag: code, cause: _cause, message: _message, name: _name, stack: _stack, ...fields } = { ...error } as
      & Record<string, unknown>
      & { _tag: string }
    const hint = hints[code]?.(String(fields["runId"] ?? ""))
    const { details, message } = sentence(error)
    const isOpening = code === "StorageFailed" && Predicate.hasProperty(error, "operation") &&
      error.operation === "open its database"
    return new CommandFailed({
      exitCode: codesThatFail.has(code) && !isOpening ? exitCodes.failed : exitCodes.refused,
      code,
      message,
      details: [...details, ...(hint === undefined ? [] : [hint])],
      fields
    })
  }
  return new CommandFailed({
    exitCode: exitCodes.failed,
    code: "Unexpected",
    message: folded(error instanceof Error ? FailureText.ofError(ErrorJson.encode(error)) : String(error)),
    details: ["set FERMATA_DEBUG=1 to see where it happened"]
  })
}

/** The message of an error as one line, and behind it the problems that it lists, if it does. */
const sentence = (error: Error): { readonly message: string; readonly details: ReadonlyArray<string> } => {
  const problems: ReadonlyArray<unknown> = Predicate.hasProperty(error, "problems") && Array.isArray(error.problems)
    ? error.problems
    : []
  const details = problems.flatMap((problem) =>
    Predicate.hasProperty(problem, "message") ? [`- ${String(problem.message)}`] : []
  )
  const list = details.map((detail) => `\n${detail}`).join("")
  return list !== "" && error.message.endsWith(list)
    ? { message: folded(error.message.slice(0, -list.length)), details: details.map(folded) }
    : { message: folded(error.message), details: [] }
}

/** Schemas tell the place of a mistake on a line of its own. Whatever else is of several lines is data, and is shown as such. */
const folded = (text: string): string => text.replaceAll(/\n\s+at (?=\[)/g, " at ").trim()
