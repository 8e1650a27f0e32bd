/**
 * Why something failed, for people: what was thrown, where, and what caused it.
 */
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as RunView from "@fermata/core/RunView"
import * as Predicate from "effect/Predicate"

/** Whether `FERMATA_DEBUG` asks for all that is known. */
export const debugging = (process.env["FERMATA_DEBUG"] ?? "") !== ""

/** The lines about a recorded cause, below the sentence that is said of it; none where that says all. */
export const linesOf = (cause: unknown): ReadonlyArray<string> =>
  (Array.isArray(cause) ? cause : [cause]).flatMap((reason: unknown) => {
    if (Predicate.hasProperty(reason, "defect")) return chain(reason.defect, "")
    if (!Predicate.hasProperty(reason, "error")) return []
    // Errors of contracts carry what was thrown themselves.
    const { error } = reason
    const trace = Predicate.hasProperty(error, "trace")
      ? error.trace
      : Predicate.hasProperty(reason, "trace")
      ? reason.trace
      : undefined
    return Predicate.hasProperty(trace, "message") ? chain(trace, "") : inside(trace)
  })

/** The lines about an error that is at hand. */
export const linesOfError = (error: unknown): ReadonlyArray<string> => chain(ErrorJson.encode(error), "")

/** The step whose failure ended the run, where it was one. */
export const failedStep = (view: RunView.RunView): RunView.StepView | undefined =>
  view.steps.findLast(({ error, status }) =>
    status === "failed" && error !== undefined && view.error?.message.includes(bare(error.message)) === true
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const frames = debugging ? ErrorJson.bounds.frames : 3
const levels = debugging ? ErrorJson.bounds.causes : 4

/** A message without the tag that stands before it. */
const bare = (message: string): string => message.replace(/^\w+: /, "")

/** An error with its place, its causes and the errors of an aggregate. What only wraps another is passed over. */
const chain = (json: unknown, lead: string, level = levels): ReadonlyArray<string> => {
  if (
    FailureText.isWrapper(json) && Predicate.hasProperty(json, "cause") && Predicate.hasProperty(json.cause, "message")
  ) return chain(json.cause, lead, level)
  if (!Predicate.hasProperty(json, "message") || typeof json.message !== "string") {
    return lead === ""
      ? []
      : [`${lead}${text(json)}`]
  }
  const { message } = json
  const name = Predicate.hasProperty(json, "name") && typeof json.name === "string" ? json.name : "Error"
  const fields = Object.entries(json).filter(([field]) => !told.has(field))
  const shown = fields.slice(0, debugging ? fields.length : 6).map(([field, value]) => `${field} ${text(value)}`)
  return [
    `${lead}${name}${message === "" ? "" : `: ${message}`}${shown.length === 0 ? "" : `  (${shown.join(", ")})`}`,
    ...inside(json, level)
  ]
}

const told: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors", "_tag"])

const inside = (json: unknown, level = levels): ReadonlyArray<string> => {
  const stack: ReadonlyArray<unknown> = Predicate.hasProperty(json, "stack") && Array.isArray(json.stack)
    ? json.stack
    : []
  const errors: ReadonlyArray<unknown> = Predicate.hasProperty(json, "errors") && Array.isArray(json.errors)
    ? json.errors
    : []
  const cause = Predicate.hasProperty(json, "cause") ? json.cause : undefined
  return [
    ...stack.slice(0, frames).map((frame) => `  at ${String(frame)}`),
    ...(level <= 1 ? [] : [
      ...(cause === undefined || cause === null ? [] : chain(cause, "caused by ", level - 1)),
      ...errors.slice(0, debugging ? errors.length : 3).flatMap((error) =>
        chain(error, "one of them: ", level - 1).map((line) => `  ${line}`)
      )
    ])
  ]
}

/** A value in one short line. */
const text = (value: unknown): string => {
  const json = typeof value === "string" && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value) ?? "nothing"
  const most = debugging ? 1_000 : 80
  return json.length > most ? `${json.slice(0, most)}… (${json.length} characters)` : json
}
