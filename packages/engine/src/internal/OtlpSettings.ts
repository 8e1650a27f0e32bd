/** What the environment says of telemetry; see `Otlp`. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { all, type Sampler } from "../Sampler.ts"

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
  readonly logs: Endpoint | undefined
  readonly protocol: "http/protobuf" | "http/json"
  /** Which traces are told. */
  readonly sampler: Sampler
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
  const logs = yield* endpoint("LOGS")
  if (traces === undefined && metrics === undefined && logs === undefined) return undefined
  const protocol = yield* Config.Literals(["http/protobuf", "http/json"], "OTEL_EXPORTER_OTLP_PROTOCOL").pipe(
    Config.withDefault("http/protobuf" as const)
  )
  return {
    traces,
    metrics,
    logs,
    protocol,
    sampler: traces === undefined ? all : yield* sampler,
    content: yield* Config.Boolean("FERMATA_OTEL_CONTENT").pipe(Config.withDefault(false))
  }
}).pipe(Effect.mapError((error) => error instanceof OtlpInvalid ? error : new OtlpInvalid({ problem: error.message })))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Signal = "TRACES" | "METRICS" | "LOGS"

/** Where a collector listens, for a signal that is asked for by name and of which nothing says where it goes. */
const usual = "http://localhost:4318"

/** A variable that is set to nothing is not set. */
const said = (name: string) =>
  Effect.map(
    Config.option(Config.String(name)),
    (found) => Option.filter(Option.map(found, (text) => text.trim()), (text) => text !== "")
  )

const endpoint = Effect.fnUntraced(function*(signal: Signal) {
  const named = yield* said(`OTEL_${signal}_EXPORTER`)
  const exporters = Option.getOrElse(named, () => "otlp")
  if (!exporters.split(",").some((exporter) => exporter.trim().toLowerCase() === "otlp")) return undefined
  const own = yield* Config.option(Config.URL(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`))
  const all = yield* Config.option(Config.URL("OTEL_EXPORTER_OTLP_ENDPOINT"))
  const url = Option.isSome(own)
    ? own.value
    : Option.isSome(all)
    ? below(all.value, signal)
    : Option.isSome(named)
    ? below(new URL(usual), signal)
    : undefined
  if (url === undefined) return undefined
  const headers = (name: string) => Config.option(Config.Record(Schema.String, Schema.StringFromUriComponent, name))
  const ownHeaders = yield* headers(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`)
  const allHeaders = yield* headers("OTEL_EXPORTER_OTLP_HEADERS")
  return { url: url.toString(), headers: Option.getOrElse(Option.firstSomeOf([ownHeaders, allHeaders]), () => ({})) }
})

const below = (all: URL, signal: Signal): URL => {
  const url = new URL(all)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`
  return url
}

/** The samplers of the specification that need nobody else, by their names. */
const samplers: Readonly<Record<string, { readonly parentBased: boolean; readonly ratio: number | "argument" }>> = {
  always_on: { parentBased: false, ratio: 1 },
  always_off: { parentBased: false, ratio: 0 },
  traceidratio: { parentBased: false, ratio: "argument" },
  parentbased_always_on: { parentBased: true, ratio: 1 },
  parentbased_always_off: { parentBased: true, ratio: 0 },
  parentbased_traceidratio: { parentBased: true, ratio: "argument" }
}

const sampler = Effect.gen(function*() {
  const name = Option.getOrElse(yield* said("OTEL_TRACES_SAMPLER"), () => "parentbased_always_on")
  const found = Object.hasOwn(samplers, name) ? samplers[name]! : undefined
  if (found === undefined) {
    return yield* new OtlpInvalid({
      problem: `OTEL_TRACES_SAMPLER is "${name}"; there is ${Object.keys(samplers).join(", ")}`
    })
  }
  const { parentBased, ratio } = found
  return { parentBased, ratio: ratio === "argument" ? yield* share : ratio } satisfies Sampler
})

const share = Effect.gen(function*() {
  const text = Option.getOrElse(yield* said("OTEL_TRACES_SAMPLER_ARG"), () => "1")
  const ratio = Number(text)
  if (ratio >= 0 && ratio <= 1) return ratio
  return yield* new OtlpInvalid({
    problem: `OTEL_TRACES_SAMPLER_ARG is "${text}"; it is the share of traces that is told, from 0 to 1, such as 0.1`
  })
})
