/** What `Otlp` loads where there is somebody to tell. */
import type { RunSpan, SpanAttributes } from "@fermata/core/RunSpan"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Tracer from "effect/Tracer"
import * as EngineMetrics from "../EngineMetrics.ts"
import * as RunTraces from "../RunTraces.ts"
import { CurrentSampler } from "../Sampler.ts"
import * as OtlpLogs from "./OtlpLogs.ts"
import * as OtlpSending from "./OtlpSending.ts"
import type { Endpoint, Settings } from "./OtlpSettings.ts"
import * as SampledTracer from "./SampledTracer.ts"

/** The tracer that tells the spans that code makes, and the sampler that decides which. */
export const tracer = (settings: Settings, { headers, url }: Endpoint): Layer.Layer<never> =>
  Layer.merge(
    Layer.effect(
      Tracer.Tracer,
      Effect.gen(function*() {
        const resource = yield* OtlpSending.resource
        const own = yield* OtlpTracer.make({
          url,
          headers,
          resource,
          shutdownTimeout: OtlpSending.closing,
          exportInterval: OtlpSending.interval
        })
        return SampledTracer.make(own, settings.sampler)
      })
    ).pipe(Layer.provide(OtlpSending.layer(settings))),
    Layer.succeed(CurrentSampler, settings.sampler)
  )

/** The logger that tells what code logs, beside those that there are. */
export const logger = (settings: Settings, endpoint: Endpoint): Layer.Layer<never> =>
  Logger.layer([OtlpLogs.make(endpoint, settings.content)], { mergeWithExisting: true }).pipe(
    Layer.provide(OtlpSending.layer(settings))
  )

/** The traces of runs and the metrics. */
export const layer = (settings: Settings) => {
  const { content, metrics, sampler, traces } = settings
  return Layer.merge(
    traces === undefined ?
      Layer.empty :
      Layer.unwrap(
        Effect.map(
          sender(settings, traces),
          (send) => RunTraces.layer({ send, content, sampler, closeMs: Duration.toMillis(OtlpSending.closing) })
        )
      ),
    metrics === undefined ? Layer.empty : Layer.merge(
      EngineMetrics.layer,
      Layer.unwrap(Effect.map(OtlpSending.resource, (resource) =>
        OtlpMetrics.layer({
          url: metrics.url,
          headers: metrics.headers,
          resource,
          shutdownTimeout: OtlpSending.closing
        }))).pipe(Layer.provide(OtlpSending.layer(settings)))
    )
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Posts the spans of runs. */
const sender = (settings: Settings, { headers, url }: Endpoint) =>
  Effect.gen(function*() {
    const resource = yield* Effect.flatMap(OtlpSending.resource, OtlpResource.fromConfig)
    const context = yield* Layer.build(Layer.merge(FetchHttpClient.layer, OtlpSending.serialization(settings)))
    return (spans: ReadonlyArray<RunSpan>) =>
      Effect.gen(function*() {
        const http = yield* HttpClient.HttpClient
        const { traces } = yield* OtlpSerialization.OtlpSerialization
        const body = traces({
          resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "fermata" }, spans: spans.map(toOtlp) }] }]
        })
        const response = yield* http.execute(
          HttpClientRequest.post(url, { headers }).pipe(HttpClientRequest.setBody(body))
        )
        yield* Effect.ignore(response.arrayBuffer)
        if (response.status >= 300) {
          return yield* new RunTraces.SpansRefused({
            problem: `${origin(url)} answered ${response.status}`,
            // By the specification of OTLP; an address or a key that is wrong may be put right.
            retryable: response.status !== 400 && response.status !== 413
          })
        }
      }).pipe(
        Effect.catchTag(
          "HttpClientError",
          ({ reason }) =>
            Effect.fail(new RunTraces.SpansRefused({ problem: `${origin(url)}: ${reason._tag}`, retryable: true }))
        ),
        Effect.provideContext(context)
      )
  })

/** Addresses may hold keys behind their origin. */
const origin = (url: string): string => new URL(url).origin

type OtlpSpan = Parameters<OtlpSerialization.OtlpSerialization["Service"]["traces"]>[0]["resourceSpans"][number][
  "scopeSpans"
][number]["spans"][number]

const toOtlp = (span: RunSpan): OtlpSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentId,
  name: span.name,
  kind: span.kind === "client" ? 3 : 1,
  startTimeUnixNano: nanos(span.start),
  endTimeUnixNano: nanos(span.end),
  attributes: attributesOf(span.attributes),
  droppedAttributesCount: 0,
  events: span.events.map(({ at, attributes = {}, name }) => ({
    name,
    timeUnixNano: nanos(at),
    attributes: attributesOf(attributes),
    droppedAttributesCount: 0
  })),
  droppedEventsCount: 0,
  status: span.error === undefined ? { code: 0 } : { code: 2, message: span.error },
  links: span.links.map(({ attributes, spanId, traceId }) => ({
    traceId,
    spanId,
    attributes: attributesOf(attributes),
    droppedAttributesCount: 0
  })),
  droppedLinksCount: 0
})

const attributesOf = (attributes: SpanAttributes) => OtlpResource.entriesToAttributes(Object.entries(attributes))

const nanos = (millis: number): string => String(BigInt(Math.round(millis * 1_000)) * 1_000n)
