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
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import * as LogParts from "./internal/LogParts.ts"

/** Formats what is logged as one line of JSON, without a line feed. */
export const json: Logger.Logger<unknown, string> = Logger.make((options) => {
  const { cause, date, logLevel } = options
  const { fields, message, place, span: { spanId, traceId } } = LogParts.of(options)
  return lineOf(date.getTime(), logLevel.toLowerCase(), message.map(LogParts.textOf).join(" "), {
    ...place,
    ...(traceId === undefined ? {} : { traceId }),
    ...(spanId === undefined ? {} : { spanId }),
    ...fieldsOf(fields),
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

/** Plain values as they are, and all others as text. What the line says already keeps its name. */
const fieldsOf = (all: LogParts.LogParts["fields"]): Record<string, unknown> =>
  Object.fromEntries(all.map(([name, value]) => [
    reserved.has(name) ? `${name}_` : name,
    LogParts.isPlain(value) ? value : LogParts.textOf(value)
  ]))

const reserved: ReadonlySet<string> = new Set(["time", "level", "message", "error", "traceId", "spanId"])
