/** The schemas of a workflow, compiled once: how payloads and exits of its runs become text and are read back. */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import * as Handover from "./Handover.ts"
import { jsonCodec, outcomeCodec } from "./JsonCodec.ts"
import type { Registration } from "./run/RunHost.ts"

interface Codecs {
  readonly decodePayload: (json: unknown) => Effect.Effect<unknown, unknown>
  readonly encodePayload: (payload: unknown) => Effect.Effect<unknown, unknown>
  readonly encodeExit: Registration["encodeExit"]
  readonly decodeExit: (json: JournalEntry.ExitJson) => Effect.Effect<Exit.Exit<unknown, unknown>>
  /** Fails where the schemas do not read what is recorded. */
  readonly readExit: (json: JournalEntry.ExitJson) => Effect.Effect<unknown, unknown>
}

const codecsOf = new WeakMap<object, Codecs>()

/** The codecs of a workflow, compiled once. */
export const codecs = (workflow: Workflow.Any): Codecs => {
  const known = codecsOf.get(workflow)
  if (known !== undefined) return known
  const payload = jsonCodec(workflow.payloadSchema)
  const success = outcomeCodec(workflow.successSchema)
  const error = jsonCodec(workflow.errorSchema)
  const encodeError = Schema.encodeUnknownExit(error)
  const decodeError = Schema.decodeUnknownExit(error)
  const made: Codecs = {
    readExit: (json) => {
      const exit = ExitJson.fromJson(json)
      if (Exit.isSuccess(exit)) return success.decode(exit.value)
      const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
      return failed === undefined ? Effect.void : decodeError(failed.error)
    },
    decodePayload: Schema.decodeUnknownEffect(payload),
    encodePayload: Schema.encodeUnknownEffect(payload),
    encodeExit: (exit, by) => {
      if (Exit.isFailure(exit)) {
        return ExitJson.toJson(
          mapErrors(
            exit,
            (error) => Handover.guarded(encodeError, error),
            (encoded, error) => Exit.failCause(ExitJson.failure(encoded, error))
          )
        )
      }
      const handed = Handover.through("result", "outcome", success, exit.value, by)
      if (Result.isFailure(handed)) return ExitJson.toJson(Exit.die(handed.failure))
      const { stored } = handed.success
      return stored === undefined ? { _tag: "Success" } : { _tag: "Success", value: stored }
    },
    decodeExit: (json) =>
      Effect.sync(() => {
        const exit = ExitJson.fromJson(json)
        return Exit.isSuccess(exit)
          ? refused(success.decode(exit.value))
          : mapErrors(exit, decodeError)
      })
  }
  codecsOf.set(workflow, made)
  return made
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A value that its schema refuses is a defect of the program. */
const refused = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit)
    ? exit
    : Exit.die(exit.cause.reasons.map((reason) => "error" in reason ? reason.error : reason)[0])

const mapErrors = (
  exit: Exit.Failure<unknown, unknown>,
  map: (error: unknown) => Exit.Exit<unknown, unknown>,
  fail: (mapped: unknown, error: unknown) => Exit.Exit<unknown, unknown> = Exit.fail
): Exit.Exit<unknown, unknown> => {
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    const mapped = map(reason.error)
    return Exit.isSuccess(mapped) ? fail(mapped.value, reason.error) : refused(mapped)
  }
  return exit
}
