/**
 * How a command ends when it cannot do what was asked: a sentence for people,
 * an exit code, and the same as JSON for programs.
 */
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"

/** Exit codes of the command. */
export const exitCodes = { completed: 0, failed: 1, refused: 2, suspended: 3 } as const

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

const hints: Readonly<Record<string, string>> = {
  RunNotFound: "fermata runs ls shows the runs of this database; --db names another one",
  RunAmbiguous: "fermata runs ls shows whole ids",
  RunClosed: "fermata runs show RUN tells how it ended",
  StepNotRequested: "fermata runs show RUN shows its steps",
  ApprovalNotOpen: "fermata approvals ls shows what can be answered",
  NotAllowed: "answer as one of them with --as NAME",
  WorkflowNotFound: "fermata contracts add FILE registers a contract; workflows written as programs come from fermata.config.ts"
}

const codesThatFail: ReadonlySet<string> = new Set(["StorageFailed", "EntryCorrupt"])

/** Any error of a command as a `CommandFailed`. Typed errors of the engine are refusals, except where the store is at fault. */
export const fromUnknown = (error: unknown): CommandFailed => {
  if (error instanceof CommandFailed) return error
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" && error instanceof Error) {
    const { _tag: code, cause: _cause, message: _message, name: _name, stack: _stack, ...fields } = { ...error } as Record<string, unknown> & { _tag: string }
    const hint = hints[code]
    const { details, message } = lines(error.message)
    const isOpening = code === "StorageFailed" && Predicate.hasProperty(error, "operation") && error.operation === "open its database"
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
    message: lines(error instanceof Error ? error.message || error.name : String(error)).message,
    details: ["set FERMATA_DEBUG=1 to see where it happened"]
  })
}

/** A message of several lines as a sentence, and the items of its list. */
const lines = (text: string): { readonly message: string; readonly details: ReadonlyArray<string> } => {
  const all = text.split("\n").map((line) => line.trim())
  const isItem = (line: string): boolean => line.startsWith("- ")
  return { message: all.filter((line) => !isItem(line)).join(" "), details: all.filter(isItem) }
}
