/**
 * What code logs, as log records of OTLP. A record is made where it is logged,
 * kept in memory, and sent by a fiber of its own: whoever logs waits for nobody.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type * as Scope from "effect/Scope"
import * as LogParts from "./LogParts.ts"
import * as OtlpSending from "./OtlpSending.ts"
import type { Endpoint } from "./OtlpSettings.ts"

/** The logger that tells them, to this endpoint, as long as its scope lives. */
export const make = Effect.fnUntraced(function*(
  { headers, url }: Endpoint,
  content: boolean
): Effect.fn.Return<Logger.Logger<unknown, void>, never, OtlpSending.Sending | Scope.Scope> {
  const resource = yield* Effect.flatMap(OtlpSending.resource, OtlpResource.fromConfig)
  const { logs } = yield* OtlpSerialization.OtlpSerialization
  const clock = yield* Clock.Clock
  const { push } = yield* OtlpExporter.make({
    label: "fermata",
    url,
    headers,
    exportInterval: OtlpSending.interval,
    maxBatchSize: 1_000,
    body: (logRecords: Array<LogRecord>) => [
      logs({ resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "fermata" }, logRecords }] }] }),
      Effect.void
    ],
    shutdownTimeout: OtlpSending.closing
  })
  return Logger.make((options) => push(recordOf(options, clock.currentTimeNanosUnsafe(), content)))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Logs = Parameters<OtlpSerialization.OtlpSerialization["Service"]["logs"]>[0]
type LogRecord = NonNullable<Logs["resourceLogs"][number]["scopeLogs"][number]["logRecords"]>[number]

const recordOf = (options: Logger.Options<unknown>, observed: bigint, content: boolean): LogRecord => {
  const { fields, message, place, span: { sampled, spanId, traceId } } = LogParts.of(options)
  const attributes: Record<string, unknown> = {}
  for (const [name, value] of [...Object.entries(place), ...fields]) {
    if (LogParts.isPlain(value)) attributes[names[name] ?? name] = value
    else if (content) attributes[names[name] ?? name] = LogParts.textOf(value)
  }
  const [error] = Cause.prettyErrors(options.cause)
  return {
    timeUnixNano: `${BigInt(options.date.getTime()) * 1_000_000n}`,
    observedTimeUnixNano: `${observed}`,
    severityNumber: severities[options.logLevel] ?? 0,
    severityText: options.logLevel,
    body: { stringValue: message.map((part) => isText(part) || content ? LogParts.textOf(part) : "…").join(" ") },
    attributes: OtlpResource.entriesToAttributes(Object.entries({
      ...attributes,
      ...(error === undefined ? {} : {
        "exception.type": error.name,
        "exception.message": error.message,
        "exception.stacktrace": Cause.pretty(options.cause)
      })
    })),
    droppedAttributesCount: 0,
    ...(traceId === undefined ? {} : { traceId: traceId.padStart(32, "0") }),
    ...(spanId === undefined ? {} : { spanId, flags: sampled === true ? 1 : 0 })
  }
}

/** As the spans of runs call them. */
const names: Readonly<Record<string, string>> = {
  run: "fermata.run.id",
  workflow: "fermata.workflow",
  step: "fermata.step.key"
}

/** An object or a list is content, as it may be what a step was given. What went wrong is told, as spans tell it. */
const isText = (part: unknown): boolean => LogParts.isPlain(part) || part instanceof Error || typeof part === "bigint"

/** By the data model of OpenTelemetry. */
const severities: Readonly<Partial<Record<LogLevel.LogLevel, Exclude<LogRecord["severityNumber"], undefined>>>> = {
  Trace: 1,
  Debug: 5,
  Info: 9,
  Warn: 13,
  Error: 17,
  Fatal: 21
}
