/** What the parts of a step come to where their failures are collected. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { StepFailure } from "../../StepFailure.ts"

/** As it is with `fail`; with `collect` an object that tells a result from a failure. */
export const collected = <R>(
  onFailure: "fail" | "collect",
  part: Effect.Effect<Schema.Json, StepFailure, R>
): Effect.Effect<Schema.Json, StepFailure, R> =>
  onFailure === "fail"
    ? part
    : Effect.match(part, { onSuccess: (output) => ({ output }), onFailure: ({ json }) => ({ error: json }) })
