/**
 * Exits as plain JSON, the form in which outcomes stand in a journal.
 *
 * Values and typed errors must be JSON already (their schemas encode them);
 * this module only carries the shape of the exit and turns defects into JSON.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as ErrorJson from "./ErrorJson.ts"
import type { ExitJson } from "./JournalEntry.ts"
import * as StoredJson from "./StoredJson.ts"

/** What a schema does not say of a typed error: where it was thrown and why. For people alone; see `ErrorJson.traceOf`. */
export class Trace extends Context.Service<Trace, unknown>()("@fermata/core/ExitJson/Trace") {}

type ReasonJson =
  | { readonly _tag: "Fail"; readonly error: unknown; readonly trace?: unknown }
  | { readonly _tag: "Die"; readonly defect: unknown }
  | { readonly _tag: "Interrupt" }

/** The recorded form of a cause. Typed errors must be JSON; a defect that is JSON already stays as it is. */
export const causeToJson = (cause: Cause.Cause<unknown>): ReadonlyArray<ReasonJson> =>
  cause.reasons.map((reason): ReasonJson => {
    if (Cause.isFailReason(reason)) {
      const trace = Context.getOrUndefined(Cause.reasonAnnotations(reason), Trace)
      return { _tag: "Fail", error: reason.error ?? null, ...(trace === undefined ? {} : { trace }) }
    }
    return Cause.isDieReason(reason) ? { _tag: "Die", defect: defectJson(reason.defect) } : { _tag: "Interrupt" }
  })

/** The cause of a typed error that its schema has encoded, with what it does not say. */
export const failure = (encoded: unknown, error: unknown): Cause.Cause<unknown> => {
  const trace = ErrorJson.traceOf(error)
  const reason = Cause.makeFailReason(encoded)
  return Cause.fromReasons([trace === undefined ? reason : reason.annotate(Context.make(Trace, trace))])
}

/** A recorded cause without where its errors were thrown, which no comparison counts. */
export const withoutPlaces = (json: unknown): unknown =>
  Array.isArray(json)
    ? json.map((reason: unknown) => {
      if (!Predicate.hasProperty(reason, "_tag")) return reason
      if (reason._tag === "Die" && "defect" in reason) {
        return { ...reason, defect: ErrorJson.withoutPlaces(reason.defect) }
      }
      if (reason._tag !== "Fail" || !("error" in reason)) {
        return reason
      }
      return { _tag: "Fail", error: withoutTrace(reason.error) }
    })
    : json

/** Errors of contracts carry their trace in their own form, since their steps hand it on. */
const withoutTrace = (error: unknown): unknown => {
  if (
    !Predicate.hasProperty(error, "trace") || !Predicate.hasProperty(error, "_tag") ||
    (error._tag !== "StepFailure" && error._tag !== "ContractFailed")
  ) return error
  const { trace: _trace, ...rest } = error
  return rest
}

/** A defect that is JSON already, and small, stays as it is. */
const defectJson = (defect: unknown): unknown => {
  if (!ErrorJson.isError(defect)) {
    const stored = StoredJson.of(defect)
    if (Result.isSuccess(stored) && stored.success.text.length <= ErrorJson.bounds.total) return stored.success.read()
  }
  return ErrorJson.encode(defect)
}

/** The cause that `causeToJson` recorded, with defects left as JSON when `encoded`. Shapes that it never writes become a defect. */
export const causeFromJson = (json: unknown, encoded = false): Cause.Cause<unknown> => {
  if (!Array.isArray(json)) return Cause.die(json)
  return Cause.fromReasons(json.map((reason: unknown) => {
    if (Predicate.hasProperty(reason, "_tag")) {
      if (reason._tag === "Fail" && "error" in reason) return Cause.makeFailReason(reason.error)
      if (reason._tag === "Interrupt") return Cause.makeInterruptReason()
      if (reason._tag === "Die" && "defect" in reason) {
        if (encoded) return Cause.makeDieReason(reason.defect)
        return Cause.makeDieReason(ErrorJson.decode(reason.defect))
      }
    }
    return Cause.makeDieReason(reason)
  }))
}

/** The recorded form of an exit whose value and errors are JSON. */
export const toJson = (exit: Exit.Exit<unknown, unknown>): ExitJson =>
  Exit.isSuccess(exit)
    ? exit.value === undefined ? { _tag: "Success" } : { _tag: "Success", value: exit.value }
    : { _tag: "Failure", cause: causeToJson(exit.cause) }

/** The exit that `toJson` recorded. A success without a value gives `undefined`. */
export const fromJson = (json: ExitJson, encoded = false): Exit.Exit<unknown, unknown> =>
  json._tag === "Success" ? Exit.succeed(json.value) : Exit.failCause(causeFromJson(json.cause, encoded))
