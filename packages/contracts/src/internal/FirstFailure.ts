/** Failures of steps that only tell of another: of a step inside them, or of the run that they have called. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { StepFailure } from "../StepFailure.ts"

/** The failure of a step that is in another, as the one around it fails of it. */
export const around = (key: string, { data, message, reason, trace }: StepFailure): StepFailure =>
  new StepFailure({
    reason,
    message: sentence(key, message),
    retryable: false,
    data: { step: key, ...(data === undefined ? {} : { data }) },
    ...(trace === undefined ? {} : { trace })
  })

/** What a recorded cause tells of: the step inside, by its key, or the run that was called, by its id. Undefined where the step has failed by itself. */
export const toldBy = (cause: unknown): { readonly step: string } | { readonly child: string } | undefined => {
  const [reason] = Option.getOrElse(decode(cause), () => [])
  if (reason === undefined) return undefined
  const { data, message } = reason.error
  if (data.step !== undefined) return message.startsWith(sentence(data.step, "")) ? { step: data.step } : undefined
  return data.run === undefined ? undefined : { child: data.run }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sentence = (key: string, message: string): string => `step "${key}" failed: ${message}`

const decode = Schema.decodeUnknownOption(
  Schema.Array(Schema.Struct({
    error: Schema.Struct({
      _tag: Schema.tag("StepFailure"),
      message: Schema.String,
      data: Schema.Struct({ step: Schema.optionalKey(Schema.String), run: Schema.optionalKey(Schema.String) })
    })
  }))
)
