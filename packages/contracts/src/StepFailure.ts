/**
 * Why a step of a contract failed, and why a run of one did.
 */
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as Permission from "@fermata/core/Permission"
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Contract } from "./Contract.ts"

/** What went wrong: no permission, an expression, the task, the model, a service, the time, an event that cannot be published, an output that is not as it must be, a run that cannot be started or failed without one of these, or something else. */
export const Reason = Schema.Literals([
  "denied",
  "expression",
  "task",
  "model",
  "http",
  "timeout",
  "event",
  "output",
  "call",
  "unexpected"
])
export type Reason = typeof Reason.Type

const fields = {
  reason: Reason,
  /** A sentence for people. A field, so that it stands in the journal. */
  message: Schema.String,
  data: Schema.optionalKey(Schema.Json),
  /** What was thrown, as `ErrorJson` tells it. For people alone: expressions do not see it. */
  trace: Schema.optionalKey(Schema.Json)
}

/** A step of a contract failed. Steps that come by its `onError` see it as `steps.<id>.error`. */
export class StepFailure extends Schema.TaggedError<StepFailure>()("StepFailure", {
  ...fields,
  /** Whether the step's retry policy may repeat it. */
  retryable: Schema.Boolean,
  /** How long (ms) whoever was asked wants to be left alone, where the retry policy repeats it. */
  retryAfterMs: Schema.optionalKey(Schema.Int)
}) {
  /** What expressions see. */
  get json(): Schema.JsonObject {
    return { reason: this.reason, message: this.message, ...(this.data === undefined ? {} : { data: this.data }) }
  }

  static readonly denied = (decision: Extract<Permission.Decision, { readonly decision: "deny" }>): StepFailure =>
    new StepFailure({ reason: "denied", message: decision.reason, retryable: false })

  /** The failure that a cause amounts to. */
  static readonly ofCause = (cause: Cause.Cause<unknown>): StepFailure => {
    const error = Cause.findError(cause)
    if (Result.isSuccess(error) && error.success instanceof StepFailure) return error.success
    const thrown = Cause.squash(cause)
    const named = Predicate.hasProperty(thrown, "_tag")
      ? thrown._tag
      : Predicate.hasProperty(thrown, "name")
      ? thrown.name
      : undefined
    const trace = ErrorJson.encode(thrown) as Schema.Json
    return new StepFailure({
      reason: named === "StepTimedOut" ? "timeout" : "unexpected",
      message: FailureText.ofError(trace),
      retryable: false,
      ...(thrown instanceof Error ? { trace } : {})
    })
  }
}

/** A run of a contract failed: a step did, and had no `onError`. */
export class ContractFailed extends Schema.TaggedError<ContractFailed>()("ContractFailed", {
  contract: Schema.String,
  version: Schema.String,
  step: Schema.String,
  ...fields
}) {
  static readonly of = (
    contract: Contract,
    step: string,
    { data, message, reason, trace }: StepFailure,
    what = `Step "${step}"`
  ): ContractFailed =>
    new ContractFailed({
      contract: contract.id,
      version: contract.version,
      step,
      reason,
      message: `${what} of contract "${contract.id}" ${contract.version} failed: ${message}`,
      ...(data === undefined ? {} : { data }),
      ...(trace === undefined ? {} : { trace })
    })
}
