/**
 * Exits as plain JSON, the form in which outcomes stand in a journal.
 *
 * Values and typed errors must be JSON already (their schemas encode them);
 * this module only carries the shape of the exit and turns defects into JSON.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ExitJson } from "./JournalEntry.ts"
import * as StoredJson from "./StoredJson.ts"

const DefectJson = Schema.toCodecJson(Schema.Defect())
const encodeDefect = Schema.encodeUnknownExit(DefectJson)
const decodeDefect = Schema.decodeUnknownExit(DefectJson)

type ReasonJson =
  | { readonly _tag: "Fail"; readonly error: unknown }
  | { readonly _tag: "Die"; readonly defect: unknown }
  | { readonly _tag: "Interrupt" }

/** The recorded form of a cause. Typed errors must be JSON; a defect that is JSON already stays as it is. */
export const causeToJson = (cause: Cause.Cause<unknown>): ReadonlyArray<ReasonJson> =>
  cause.reasons.map((reason): ReasonJson => {
    if (Cause.isFailReason(reason)) return { _tag: "Fail", error: reason.error ?? null }
    if (Cause.isDieReason(reason)) {
      const json = encodeDefect(reason.defect)
      return { _tag: "Die", defect: Exit.isSuccess(json) ? json.value : String(reason.defect) }
    }
    return { _tag: "Interrupt" }
  })

/** The cause that `causeToJson` recorded, with defects left as JSON when `encoded`. Shapes that it never writes become a defect. */
export const causeFromJson = (json: unknown, encoded = false): Cause.Cause<unknown> => {
  if (!Array.isArray(json)) return Cause.die(json)
  return Cause.fromReasons(json.map((reason: unknown) => {
    if (Predicate.hasProperty(reason, "_tag")) {
      if (reason._tag === "Fail" && "error" in reason) return Cause.makeFailReason(reason.error)
      if (reason._tag === "Interrupt") return Cause.makeInterruptReason()
      if (reason._tag === "Die" && "defect" in reason) {
        if (encoded) return Cause.makeDieReason(reason.defect)
        const defect = decodeDefect(reason.defect)
        return Cause.makeDieReason(Exit.isSuccess(defect) ? defect.value : reason.defect)
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

/** One sentence for people about a recorded cause. */
export const causeMessage = (json: unknown): string => {
  const first = (Array.isArray(json) ? json : [json])[0] as ReasonJson | undefined
  if (first === undefined) return "failed without a reason"
  if (first._tag === "Interrupt") return "interrupted"
  const value = first._tag === "Fail" ? first.error : first._tag === "Die" ? first.defect : first
  if (typeof value === "string") return value
  if (Predicate.hasProperty(value, "message") && typeof value.message === "string" && value.message !== "") {
    return Predicate.hasProperty(value, "_tag") && typeof value._tag === "string"
      ? `${value._tag}: ${value.message}`
      : value.message
  }
  return StoredJson.show(value, 2_000)
}
