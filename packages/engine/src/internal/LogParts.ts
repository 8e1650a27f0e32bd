/** What a line of a log says, before anybody has written it in a form of its own. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as TraceIds from "@fermata/core/TraceIds"
import * as Context from "effect/Context"
import type * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { CurrentRun } from "./run/RunPort.ts"

/** What code has logged. */
export interface LogParts {
  /** Texts, and values of any kind, in their order. */
  readonly message: ReadonlyArray<unknown>
  /** What was said by names beside it, and by annotations; those of the engine under the names of `Place`. */
  readonly fields: ReadonlyArray<readonly [name: string, value: unknown]>
  /** The run and the step whose code logs; nothing outside of runs. */
  readonly place: Place
  /** The span in which it does; of a run without spans of its own, its trace. */
  readonly span: Partial<TraceIds.Traceparent>
}

/** Where code is that logs. */
export interface Place {
  readonly run?: string
  readonly workflow?: string
  readonly step?: string
}

/** Takes what was logged apart. */
export const of = ({ fiber: { context }, message }: Logger.Options<unknown>): LogParts => {
  const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  const place = placeOf(context)
  return {
    message: parts.filter((part) => !isFields(part)),
    fields: [...parts.filter(isFields), Context.get(context, References.CurrentLogAnnotations)]
      .flatMap((fields) => Object.entries(fields).map(([name, value]) => [names[name] ?? name, value] as const)),
    place,
    span: spanOf(context, place)
  }
}

/** A value of any kind as text, which need not be plain. */
export const textOf = (value: unknown): string => typeof value === "string" ? value : StoredJson.show(value, longest)

/** Whether a value is no object and no list. */
export const isPlain = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "boolean" || value === null || Number.isFinite(value)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const longest = 8_192

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Error)

/** What the engine's own lines call these. */
const names: Readonly<Record<string, keyof Place>> = { runId: "run", stepId: "step" }

const placeOf = (context: Context.Context<never>): Place => {
  const place = Context.get(context, CurrentRun)
  const row = place?.run.row
  return {
    ...(row === undefined ? {} : { run: row.id, workflow: row.workflow }),
    ...(place?.step === undefined ? {} : { step: place.step })
  }
}

const spanOf = (context: Context.Context<never>, { run }: Place): LogParts["span"] => {
  const span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
  if (span !== undefined && !(span instanceof Tracer.NativeSpan)) {
    const { sampled, spanId, traceId } = span
    return { traceId, spanId, sampled }
  }
  return run === undefined ? {} : { traceId: TraceIds.traceId(run) }
}
