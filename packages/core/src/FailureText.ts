/**
 * What people are told of a recorded failure: one sentence of bounded length.
 *
 * It reads what `ErrorJson` and `ExitJson` record and needs neither of them, so
 * that a page may use it.
 */
import * as StoredJson from "./StoredJson.ts"

/** One sentence about a recorded cause (see `ExitJson.causeToJson`). */
export const ofCause = (json: unknown): string => {
  const first: unknown = Array.isArray(json) ? json[0] : json
  if (first === undefined) return "failed without a reason"
  const tag = isRecord(first) ? first["_tag"] : undefined
  if (tag === "Interrupt") return "interrupted"
  const value = !isRecord(first) ? first : tag === "Fail" ? first["error"] : tag === "Die" ? first["defect"] : first
  if (typeof value === "string") return value
  if (isRecord(value)) {
    const { _tag, message } = value
    // An error says by itself what it is; other values say it by their tag.
    if (tag === "Die" && "name" in value && "message" in value) return ofError(value)
    if (typeof message === "string" && message !== "") return typeof _tag === "string" ? `${_tag}: ${message}` : message
  }
  return StoredJson.showRecorded(value, 2_000)
}

/** One sentence about a recorded error (see `ErrorJson.encode`): the message, and what it does not say of its causes. */
export const ofError = (json: unknown): string => {
  // Schemas tell the place of a mistake on a line of its own.
  const text = said(json, mostCauses).replaceAll(/\n\s+at (?=\[)/g, " at ")
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text
}

/** Whether a recorded error says only that something was thrown, and its cause says what. */
export const isWrapper = (json: unknown): boolean =>
  isRecord(json) && json["name"] === "UnknownError" && json["cause"] !== undefined &&
  typeof json["message"] === "string" && json["message"].startsWith("An error occurred in Effect.")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Causes that are followed, one behind the other. */
const mostCauses = 6
/** Characters of one sentence, and of a value that has no words for itself. */
const longest = 500
const longestValue = 1_000

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const said = (json: unknown, depth: number): string => {
  if (!isRecord(json) || typeof json["message"] !== "string") {
    return typeof json === "string" ? json : StoredJson.showRecorded(json, longestValue)
  }
  const { cause, errors, name } = json
  const message = json["message"]
  const more = depth === 0
    ? ""
    : cause !== undefined && cause !== null
    ? said(cause, depth - 1)
    : Array.isArray(errors)
    ? [...new Set(errors.slice(0, 3).map((one) => said(one, depth - 1)))].join("; ")
    : ""
  if (more !== "" && isWrapper(json)) return more
  if (message === "") {
    return more !== ""
      ? more
      : typeof name === "string"
      ? name
      : StoredJson.showRecorded(json, longestValue)
  }
  return more === "" || message.includes(more) ? message : `${message}: ${more}`
}
