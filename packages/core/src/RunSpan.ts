/** What the trace of a run is made of. */
import type * as TraceIds from "./TraceIds.ts"

/** What a span says of itself. */
export type SpanValue = string | number | boolean | ReadonlyArray<string>
/** By the names of the conventions of OpenTelemetry, or `fermata.…`. */
export type SpanAttributes = Readonly<Record<string, SpanValue>>

/** A moment of a span. Times are ms since the epoch. */
export interface SpanEvent {
  readonly name: string
  readonly at: number
  readonly attributes?: SpanAttributes
}

/** A span of another trace, or another of this one, that it has to do with. */
export interface SpanLink extends TraceIds.SpanPlace {
  readonly attributes: SpanAttributes
}

/** A span that has ended. Times are ms since the epoch. */
export interface RunSpan extends TraceIds.SpanPlace {
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: "internal" | "client"
  readonly start: number
  readonly end: number
  readonly attributes: SpanAttributes
  readonly events: ReadonlyArray<SpanEvent>
  readonly links: ReadonlyArray<SpanLink>
  /** There where it failed: a sentence for people. */
  readonly error?: string
}

/** How a trace is told. */
export interface RunTraceOptions {
  /** Whether inputs, outputs and what models said are told too. Default false. */
  readonly content?: boolean | undefined
}
