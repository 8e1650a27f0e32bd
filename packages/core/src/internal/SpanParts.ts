/** What the spans of a run are put together with. */
import type { RunSpan, SpanAttributes, SpanLink } from "../RunSpan.ts"
import * as StoredJson from "../StoredJson.ts"
import * as TraceIds from "../TraceIds.ts"

/** Where the spans of one run go, which says the rest of them. */
export interface Telling {
  readonly run: string
  readonly content: boolean
  readonly rootId: string
  readonly tell: (span: Omit<RunSpan, "traceId">) => void
}

/** The root of another run. */
export const link = (run: string, what: string): SpanLink => ({
  traceId: TraceIds.traceId(run),
  spanId: TraceIds.spanId(run, "root"),
  attributes: { "fermata.link": what, "fermata.run.id": run }
})

/** A value as text of bounded length; nothing where there is none. */
export const json = (name: string, value: unknown): SpanAttributes =>
  value === undefined ? {} : { [name]: StoredJson.show(value, mostContent) }

/** What a recorded cause is called: the tag or the name of its first error. */
export const errorType = (cause: unknown): string => {
  const first: unknown = Array.isArray(cause) ? cause[0] : cause
  if (typeof first !== "object" || first === null) return other
  const value: unknown = "error" in first ? first.error : "defect" in first ? first.defect : first
  if (typeof value !== "object" || value === null) return other
  if ("_tag" in value && typeof value._tag === "string") return value._tag
  return "name" in value && typeof value.name === "string" ? value.name : other
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostContent = 8_192
/** As the conventions call what has no name. */
const other = "_OTHER"
