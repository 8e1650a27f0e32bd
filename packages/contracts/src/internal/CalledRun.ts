/**
 * What a `call` step records before it waits: the request for the run that it
 * starts, as the outcome of a step inside it. And what the end of that run is
 * for the step.
 */
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { StartRequest } from "@fermata/engine/StartRequest"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ContractFailed, StepFailure } from "../StepFailure.ts"

/** What the key of the inner step begins with: `sub[run]/start` is that of the step `sub`. */
export const within = (key: string): string => `${key}[run]/`
/** The name of the inner step. */
export const inner = "start"

/** The key of the step that this is the inner step of, if its key says so. */
export const callOf = (key: string): string | undefined => {
  const end = `[run]/${inner}`
  return key.endsWith(end) ? key.slice(0, -end.length) : undefined
}

/** The recorded request. What an operator has put in its place may be none. */
export const decode = (recorded: Schema.Json): Result.Result<StartRequest, StepFailure> =>
  Result.mapError(decodeRequest(recorded), () =>
    new StepFailure({
      reason: "call",
      message: "what is recorded of the run that it starts is no request for a run",
      retryable: false
    }))

/** The id of the run that was asked for, from what the inner step has recorded. */
export const idOf = (output: unknown): string | undefined =>
  Predicate.hasProperty(output, "id") && typeof output.id === "string" ? output.id : undefined

/** What the end of the run is for the step. */
export const outcomeOf = (
  { id, version, workflow }: StartRequest,
  exit: JournalEntry.ExitJson
): Result.Result<Schema.Json, StepFailure> => {
  if (exit._tag === "Success") return Result.succeed((exit.value ?? null) as Schema.Json)
  const cause: ReadonlyArray<unknown> = Array.isArray(exit.cause) ? exit.cause : [exit.cause]
  const error =
    cause.flatMap((reason) => Predicate.hasProperty(reason, "error") ? [reason.error as Schema.Json] : [])[0]
  const failed = Option.getOrUndefined(decodeFailed(error))
  const wasCancelled = cause.length > 0 && cause.every((reason) => Predicate.isTagged(reason, "Interrupt"))
  return Result.fail(
    new StepFailure({
      reason: failed?.reason ?? "call",
      message: failed?.message ??
        `workflow "${workflow}" ${version} ${wasCancelled ? "was cancelled" : `failed: ${FailureText.ofCause(cause)}`}`,
      retryable: false,
      data: { run: id, ...(error === undefined ? {} : { error: withoutTrace(error) }) },
      ...(failed?.trace === undefined ? {} : { trace: failed.trace })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeRequest = Schema.decodeUnknownResult(StartRequest)

const decodeFailed = Schema.decodeUnknownOption(ContractFailed)

/** Where it was thrown is for people alone, and expressions see the data of a failure. */
const withoutTrace = (error: Schema.Json): Schema.Json => {
  if (typeof error !== "object" || error === null || Array.isArray(error)) return error
  const { trace: _, ...told } = error as Schema.JsonObject
  return told
}
