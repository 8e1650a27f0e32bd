/**
 * Telemetry by OTLP over HTTP, as the environment says by the variables of
 * OpenTelemetry. Without `OTEL_EXPORTER_OTLP_ENDPOINT`, or an endpoint or an
 * exporter of a signal, nothing of it is loaded.
 *
 * | variable | says |
 * |---|---|
 * | `OTEL_EXPORTER_OTLP_ENDPOINT` | where: `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended |
 * | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_METRICS_…`, `…_LOGS_…` | where one signal goes, as it is |
 * | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`, percent-encoded |
 * | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf` (default) or `http/json` |
 * | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp` or `none`; without it, `otlp` where an endpoint is known. One that is asked for by name without an endpoint goes to `http://localhost:4318` |
 * | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which traces are told: `parentbased_always_on` (default), `parentbased_traceidratio`, `parentbased_always_off`, `traceidratio`, `always_on`, `always_off`; the share for a ratio, from 0 to 1 |
 * | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who: `fermata` when nothing says so |
 * | `OTEL_SDK_DISABLED` | `true`: nothing at all |
 * | `FERMATA_OTEL_CONTENT` | `true`: inputs, outputs and what models said too, and the objects and lists that code logs |
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Engine } from "./Engine.ts"
import type { HostClock } from "./HostClock.ts"
import { settings } from "./internal/OtlpSettings.ts"

/**
 * The spans that code makes by itself are told: give it to the layer of an
 * engine, and `layer` what stands on it.
 */
export const layerTracer: Layer.Layer<never> = Layer.unwrap(Effect.gen(function*() {
  const given = yield* Effect.orDie(settings)
  if (given?.traces === undefined) return Layer.empty
  const signals = yield* loaded
  return signals.tracer(given, given.traces)
}))

/**
 * What code logs is told too, each line with its run, step, trace and span: give
 * it to the layer of an engine, beside `layerTracer`.
 */
export const layerLogger: Layer.Layer<never> = Layer.unwrap(Effect.gen(function*() {
  const given = yield* Effect.orDie(settings)
  if (given?.logs === undefined) return Layer.empty
  const signals = yield* loaded
  return signals.logger(given, given.logs)
}))

/** The traces of runs and the metrics of this process are told. */
export const layer: Layer.Layer<never, never, Engine | HostClock> = Layer.unwrap(Effect.gen(function*() {
  const given = yield* Effect.orDie(settings)
  if (given === undefined) return Layer.empty
  const signals = yield* loaded
  return signals.layer(given)
}))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const loaded = Effect.promise(() => import("./internal/OtlpSignals.ts"))
