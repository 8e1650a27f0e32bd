/**
 * What is logged as lines of JSON, for whoever collects them: each says of which
 * run, step and trace it is, so that a line is found by them and they by it.
 *
 * ```json
 * {"time":"2026-03-01T12:30:00.000Z","level":"warn","message":"the shop is slow","run":"1f0c…","workflow":"purchase","step":"charge","traceId":"1f0c…","spanId":"7a…"}
 * ```
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as TimeText from "@fermata/core/TimeText"
import * as TraceIds from "@fermata/core/TraceIds"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { CurrentRun } from "./internal/run/RunPort.ts"

/** Formats what is logged as one line of JSON, without a line feed. */
export const json: Logger.Logger<unknown, string> = Logger.make(({ cause, date, fiber, logLevel, message }) => {
  const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  const texts = parts.filter((part) => !isFields(part)).map((part) => typeof part === "string" ? part : told(part))
  return lineOf(date.getTime(), logLevel.toLowerCase(), texts.join(" "), {
    ...placeOf(fiber.context),
    ...fieldsOf([...parts.filter(isFields), Context.get(fiber.context, References.CurrentLogAnnotations)]),
    ...(cause.reasons.length === 0 ? {} : { error: Cause.pretty(cause) })
  })
})

/** A line of JSON with these fields behind the usual ones, for what is told outside of an effect. `at` is ms since the epoch. */
export const lineOf = (
  at: number,
  level: string,
  message: string,
  fields: Readonly<Record<string, unknown>> = {}
): string => StoredJson.textOf({ time: TimeText.iso(at), level, message, ...fields })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const longest = 8_192

/** A value of any kind, which need not be plain. */
const told = (value: unknown): string => StoredJson.show(value, longest)

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Error)

/** Plain values as they are, and all others as text. What the line says already keeps its name. */
const fieldsOf = (all: ReadonlyArray<Readonly<Record<string, unknown>>>): Record<string, unknown> => {
  const fields: Record<string, unknown> = {}
  for (const one of all) {
    for (const [name, value] of Object.entries(one)) {
      const own = names[name] ?? name
      fields[reserved.has(own) ? `${own}_` : own] = isPlain(value) ? value : told(value)
    }
  }
  return fields
}

const isPlain = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "boolean" || value === null || Number.isFinite(value)

/** What the engine's own lines call these. */
const names: Readonly<Record<string, string>> = { runId: "run", stepId: "step" }
const reserved: ReadonlySet<string> = new Set(["time", "level", "message", "error", "traceId", "spanId"])

/** The run and the step whose code logs, and the span in which it does. */
const placeOf = (context: Context.Context<never>): Readonly<Record<string, unknown>> => {
  const place = Context.get(context, CurrentRun)
  const span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
  const row = place?.run.row
  return {
    ...(row === undefined ? {} : { run: row.id, workflow: row.workflow }),
    ...(place?.step === undefined ? {} : { step: place.step }),
    ...(span !== undefined && !(span instanceof Tracer.NativeSpan)
      ? { traceId: span.traceId, spanId: span.spanId }
      : row === undefined
      ? {}
      : { traceId: TraceIds.traceId(row.id) })
  }
}
