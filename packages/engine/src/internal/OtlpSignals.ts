/** What `Otlp` loads where there is somebody to tell. */
import type { RunSpan, SpanAttributes } from "@fermata/core/RunSpan"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as EngineMetrics from "../EngineMetrics.ts"
import * as RunTraces from "../RunTraces.ts"
import type { Endpoint, Settings } from "./OtlpSettings.ts"

/** The tracer that tells the spans that code makes. */
export const tracer = (settings: Settings, { headers, url }: Endpoint): Layer.Layer<never> =>
  told(
    settings,
    (resource) => OtlpTracer.layer({ url, headers, resource, shutdownTimeout: closing, exportInterval: interval })
  )

/** The traces of runs and the metrics. */
export const layer = (settings: Settings) => {
  const { content, metrics, traces } = settings
  return Layer.merge(
    traces === undefined ?
      Layer.empty :
      Layer.unwrap(
        Effect.map(
          sender(settings, traces),
          (send) => RunTraces.layer({ send, content, closeMs: Duration.toMillis(closing) })
        )
      ),
    metrics === undefined ? Layer.empty : Layer.merge(
      EngineMetrics.layer,
      told(
        settings,
        (resource) =>
          OtlpMetrics.layer({ url: metrics.url, headers: metrics.headers, resource, shutdownTimeout: closing })
      )
    )
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long spans of code are gathered, and how long the end of the process waits for a collector. */
const interval = Duration.seconds(1)
const closing = Duration.seconds(2)
/** A collector that is silent so long is taken to be down. Longer, and what is to be told to it would pile up. */
const silence = Duration.seconds(5)

type Resource = NonNullable<Parameters<typeof OtlpTracer.layer>[0]["resource"]>

const serialization = ({ protocol }: Settings): Layer.Layer<OtlpSerialization.OtlpSerialization> =>
  protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf

/** Who tells: what the environment says of it, or `fermata`. */
const resourceOf = Effect.gen(function*() {
  const named = yield* Config.option(Config.String("OTEL_SERVICE_NAME"))
  const attributes = yield* Config.String("OTEL_RESOURCE_ATTRIBUTES").pipe(Config.withDefault(""))
  const isNamed = named._tag === "Some" || /(?:^|,)\s*service\.name\s*=/.test(attributes)
  return isNamed ? undefined : { serviceName: "fermata" }
}).pipe(Effect.orDie)

/** A collector that does not answer is a failure that is not tried again at once: what was to be told is dropped for a minute. */
const client = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    HttpClient.transformResponse((response) =>
      Effect.timeoutOrElse(response, {
        duration: silence,
        orElse: () => Effect.die(new Error("the collector is silent"))
      })
    )
  )
).pipe(Layer.provide(FetchHttpClient.layer))

const told = (
  settings: Settings,
  make: (
    resource: Resource | undefined
  ) => Layer.Layer<OtlpExporter.Flusher, never, HttpClient.HttpClient | OtlpSerialization.OtlpSerialization>
): Layer.Layer<never> =>
  Layer.unwrap(Effect.map(resourceOf, make)).pipe(
    Layer.provide(client),
    Layer.provide(serialization(settings))
  ) as Layer.Layer<never>

/** Posts the spans of runs. */
const sender = (settings: Settings, { headers, url }: Endpoint) =>
  Effect.gen(function*() {
    const resource = yield* Effect.flatMap(resourceOf, OtlpResource.fromConfig)
    const context = yield* Layer.build(Layer.merge(FetchHttpClient.layer, serialization(settings)))
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
