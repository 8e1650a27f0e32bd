/** How a signal gets to a collector: who tells it, in which form, and how long it is waited for. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type { Settings } from "./OtlpSettings.ts"

/** How long what code tells is gathered. */
export const interval = Duration.seconds(1)
/** How long the end of the process waits for a collector. */
export const closing = Duration.seconds(2)

/** What sends a signal. */
export type Sending = OtlpExporter.Flusher | HttpClient.HttpClient | OtlpSerialization.OtlpSerialization

/** Sends a signal in the form that the environment asks for. */
export const layer = (settings: Settings): Layer.Layer<Sending> =>
  Layer.mergeAll(OtlpExporter.layerFlusher, client, serialization(settings))

/** The form that the environment asks for. */
export const serialization = ({ protocol }: Settings): Layer.Layer<OtlpSerialization.OtlpSerialization> =>
  protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf

/** Who tells: what the environment says of it, or `fermata`. */
export const resource: Effect.Effect<{ readonly serviceName: string } | undefined> = Effect.gen(function*() {
  const named = yield* Config.option(Config.String("OTEL_SERVICE_NAME"))
  const attributes = yield* Config.String("OTEL_RESOURCE_ATTRIBUTES").pipe(Config.withDefault(""))
  const isNamed = named._tag === "Some" || /(?:^|,)\s*service\.name\s*=/.test(attributes)
  return isNamed ? undefined : { serviceName: "fermata" }
}).pipe(Effect.orDie)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A collector that is silent so long is taken to be down. Longer, and what is to be told to it would pile up. */
const silence = Duration.seconds(5)

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
