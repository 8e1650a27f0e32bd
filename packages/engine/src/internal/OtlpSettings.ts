/** What the environment says of telemetry; see `Otlp`. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** A variable of the environment says something that cannot be done. A defect of the start. */
export class OtlpInvalid extends Schema.TaggedError<OtlpInvalid>()("OtlpInvalid", { problem: Schema.String }) {
  override get message(): string {
    return `The environment says of telemetry what cannot be: ${this.problem}`
  }
}

/** Where the signals go, and how. */
export interface Settings {
  readonly traces: Endpoint | undefined
  readonly metrics: Endpoint | undefined
  readonly protocol: "http/protobuf" | "http/json"
  /** Whether inputs, outputs and what models said are told too. */
  readonly content: boolean
}

/** Where one signal goes. Headers may be secrets. */
export interface Endpoint {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What the environment says; undefined where it asks for nothing. */
export const settings: Effect.Effect<Settings | undefined, OtlpInvalid> = Effect.gen(function*() {
  if (yield* Config.Boolean("OTEL_SDK_DISABLED").pipe(Config.withDefault(false))) return undefined
  const traces = yield* endpoint("TRACES")
  const metrics = yield* endpoint("METRICS")
  if (traces === undefined && metrics === undefined) return undefined
  const protocol = yield* Config.Literals(["http/protobuf", "http/json"], "OTEL_EXPORTER_OTLP_PROTOCOL").pipe(
    Config.withDefault("http/protobuf" as const)
  )
  return {
    traces,
    metrics,
    protocol,
    content: yield* Config.Boolean("FERMATA_OTEL_CONTENT").pipe(Config.withDefault(false))
  }
}).pipe(Effect.mapError((error) => new OtlpInvalid({ problem: error.message })))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const endpoint = Effect.fnUntraced(function*(signal: "TRACES" | "METRICS") {
  const exporters = yield* Config.String(`OTEL_${signal}_EXPORTER`).pipe(Config.withDefault("otlp"))
  if (!exporters.split(",").some((exporter) => exporter.trim().toLowerCase() === "otlp")) return undefined
  const own = yield* Config.option(Config.URL(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`))
  const all = yield* Config.option(Config.URL("OTEL_EXPORTER_OTLP_ENDPOINT"))
  const url = Option.isSome(own) ? own.value : Option.isSome(all) ? below(all.value, signal) : undefined
  if (url === undefined) return undefined
  const headers = (name: string) => Config.option(Config.Record(Schema.String, Schema.StringFromUriComponent, name))
  const ownHeaders = yield* headers(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`)
  const allHeaders = yield* headers("OTEL_EXPORTER_OTLP_HEADERS")
  return { url: url.toString(), headers: Option.getOrElse(Option.firstSomeOf([ownHeaders, allHeaders]), () => ({})) }
})

const below = (all: URL, signal: "TRACES" | "METRICS"): URL => {
  const url = new URL(all)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`
  return url
}
