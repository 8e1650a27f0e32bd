/**
 * What runs are about, for lists: a few words that tell runs of one workflow
 * apart.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import type * as Workflow from "effect/workflow/Workflow"
import * as Identity from "./Identity.ts"
import { Title } from "./WorkflowAnnotations.ts"

/** Longest title, in characters. */
export const longest = 80

/** The text as a title: one line, and not too long. Undefined where nothing is left. */
export const of = (text: string): string | undefined => {
  const line = text.slice(0, longest * 4).replaceAll(/\s+/g, " ").trim()
  if (line === "") return undefined
  return line.length <= longest ? line : `${line.slice(0, longest - 1).trimEnd()}…`
}

/** What a workflow says of a run with this payload: by its annotation, or by its key. */
export const ofWorkflow = (workflow: Workflow.Any, payload: unknown): string | undefined => {
  const annotated = Context.get(workflow.annotations, Title)
  return (annotated === undefined ? undefined : tried(() => annotated(payload as never))) ??
    tried(() => Identity.idempotencyKey(workflow, payload))
}

/** The first text among the values of a payload that is short enough. */
export const ofPayload = (payload: unknown): string | undefined => {
  const text = StoredJson.textOf(payload)
  for (const [token] of text.slice(0, mostLooked).matchAll(texts).take(mostTexts)) {
    if (token.endsWith(":")) continue
    const value: unknown = JSON.parse(token)
    if (typeof value === "string" && value.length <= longest && value.trim() !== "") return of(value)
  }
  return undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A title is worth no run that does not start. */
const tried = (make: () => string): string | undefined => {
  try {
    return of(make())
  } catch {
    return undefined
  }
}

/** Texts of a JSON document, in order; behind the name of a field stands a colon. */
const texts = /"(?:[^"\\]|\\.)*":?/g

/** How many characters and texts of a payload are looked at. */
const mostLooked = 4_000
const mostTexts = 100
