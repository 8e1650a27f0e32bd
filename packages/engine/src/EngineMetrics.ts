/**
 * What the engine of a process does, as metrics of Effect: for Prometheus
 * (`text`), OTLP, and whoever else reads the registry. They count what
 * this process has committed, but for `fermata.runs`, which is the whole store's.
 *
 * No label has a value for each run, and of any label at most 200 values are
 * told apart: the others are `_other`.
 */
import * as GenAi from "@fermata/core/GenAi"
import type { EntryOf, JournalEntry } from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { Backend, StorageFailed } from "./Backend.ts"
import { Engine } from "./Engine.ts"
import type { Committed } from "./Extension.ts"
import { HostClock } from "./HostClock.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as Meters from "./internal/Meters.ts"
import { RecentMap } from "./internal/RecentMap.ts"
import { Store } from "./Store.ts"

/** Measures the engine while the layer lives. Twice for one engine is once. */
export const layer: Layer.Layer<never, never, Engine | HostClock> = Layer.effectDiscard(Effect.gen(function*() {
  const runtime = yield* CurrentRuntime.current
  const { elapsed, sleep } = yield* HostClock
  const { extensions, watch } = runtime
  if (watch.writes !== undefined) return
  const meters = Meters.make(yield* Effect.context<never>())
  const measured = new Measured(meters)
  watch.writes = () => {
    const begun = elapsed()
    return (ok) => {
      meters.count("fermata.store.commits", { outcome: ok ? "stored" : "failed" })
      meters.time("fermata.store.commit.duration", elapsed() - begun, {})
    }
  }
  watch.deposed = () => meters.count("fermata.lease.losses", {})
  yield* extensions.observe((committed) => measured.add(committed))
  yield* Effect.addFinalizer(() => Effect.sync(() => void (watch.writes = watch.deposed = undefined)))
  yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
    const begun = elapsed()
    yield* sleep(1_000)
    meters.time("fermata.event_loop.lag", Math.max(0, elapsed() - begun - 1_000), {})
  })))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.ignore(refresh(runtime.backend)), sleep(censusMs))))
}))

/** Counts the runs of the store by status, and those that are suspended by reason. It looks at every run, so not too often. */
export const refresh = (backend: Pick<Backend, "census">): Effect.Effect<void, StorageFailed> =>
  Effect.gen(function*() {
    const { byReason, byStatus } = yield* backend.census
    const meters = Meters.make(yield* Effect.context<never>())
    meters.set("fermata.runs", "status", byStatus)
    meters.set("fermata.runs.suspended", "reason", byReason)
  })

/** What `text` says, with the runs of the store counted anew, but no more often than every 5 s, however often and by whomever it is asked for. */
export const scraped: Effect.Effect<Effect.Effect<string, StorageFailed>, never, Store> = Effect.gen(function*() {
  const { backend } = yield* Store
  const counted = yield* Effect.cachedWithTTL(refresh(backend), scrapedMs)
  return Effect.andThen(counted, text)
})

/** Every metric of this process as Prometheus reads them: version 0.0.4 of its text. */
export const text: Effect.Effect<string> = PrometheusMetrics.format({ metricNameMapper: Meters.prometheusName })

/** Counts what a server is asked, and refuses, and what it has open, beside what the engine does. */
export const meters: Effect.Effect<Pick<Meters.Meters, "refused" | "request" | "requests" | "streams">> = Effect.map(
  Effect.context<never>(),
  Meters.make
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const censusMs = 30_000
const scrapedMs = 5_000
/** Attempts under way that are known here. Of others the duration is not told. */
const mostOpen = 10_000

interface OpenStep {
  readonly entry: EntryOf<"StepRequested">
  usage: unknown
}

/** What commits say. */
class Measured {
  private readonly meters: Meters.Meters
  private readonly open = new RecentMap<string, OpenStep>(mostOpen)

  constructor(meters: Meters.Meters) {
    this.meters = meters
  }

  readonly add = ({ entries, run, unrecorded }: Committed): void => {
    for (const entry of entries) this.entry(run, entry)
    for (const { reason } of unrecorded?.waits.slice(0, 1) ?? []) {
      this.meters.count("fermata.run.suspensions", { workflow: run.workflow, reason })
    }
  }

  private entry({ createdAt, id, workflow }: Committed["run"], entry: JournalEntry): void {
    const { meters } = this
    switch (entry._tag) {
      case "RunRequested":
        return meters.count("fermata.run.starts", { workflow })
      case "RunSuspended":
        return meters.count("fermata.run.suspensions", { workflow, reason: entry.waits[0]?.reason ?? "none" })
      case "RunCompleted":
      case "RunFailed":
      case "RunCancelled": {
        const status = entry._tag.slice("Run".length).toLowerCase()
        meters.count("fermata.run.ends", { workflow, status })
        return meters.time("fermata.run.duration", entry.at - createdAt, { workflow, status })
      }
      case "StepRequested":
        this.open.set(`${id} ${entry.key}`, { entry, usage: undefined })
        meters.count("fermata.step.attempts", { workflow, step: entry.name })
        if (entry.recovery !== undefined) meters.count("fermata.step.recoveries", { workflow, step: entry.name })
        return
      case "Note": {
        const step = entry.kind === "usage" ? this.open.get(`${id} ${entry.text}`) : undefined
        if (step !== undefined) step.usage = entry.data
        return
      }
      case "StepCompleted":
      case "StepFailed":
        return this.ended(id, workflow, entry)
      default:
    }
  }

  private ended(run: string, workflow: string, entry: EntryOf<"StepCompleted" | "StepFailed">): void {
    const { meters } = this
    const { micros = 0, tokens = 0 } = entry.spent ?? {}
    if (micros > 0) meters.count("fermata.spent.micros", { workflow }, micros)
    if (tokens > 0) meters.count("fermata.spent.tokens", { workflow }, tokens)
    const id = `${run} ${entry.key}`
    const step = this.open.get(id)
    if (step === undefined) return
    this.open.delete(id)
    const isFailure = entry._tag === "StepFailed"
    const named = { workflow, step: step.entry.name }
    if (isFailure) meters.count("fermata.step.failures", named)
    const duration = entry.at - step.entry.at
    meters.time("fermata.step.duration", duration, { ...named, outcome: isFailure ? "failed" : "completed" })
    const output = entry._tag === "StepFailed" ? undefined : entry.output
    const said = GenAi.outcome(step, output, false)
    const operation = said["gen_ai.operation.name"]
    if (operation === "execute_tool") {
      const hasFailed = isFailure || GenAi.problem(step, output).error !== undefined
      meters.count("fermata.tool.calls", { tool: step.entry.name, outcome: hasFailed ? "failed" : "completed" })
    } else if (operation === "chat") this.called(said, duration, tokens, micros)
  }

  /** A model was asked: by the names of the conventions, which know no cost. */
  private called(said: ReturnType<typeof GenAi.outcome>, duration: number, tokens: number, micros: number): void {
    const { meters } = this
    const model = {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": String(said["gen_ai.provider.name"] ?? "_OTHER"),
      "gen_ai.request.model": String(said["gen_ai.request.model"] ?? "_OTHER")
    }
    meters.time("gen_ai.client.operation.duration", duration, model)
    meters.count("fermata.model.calls", { model: model["gen_ai.request.model"] })
    if (micros > 0) meters.count("fermata.model.cost.micros", { model: model["gen_ai.request.model"] }, micros)
    for (const type of ["input", "output"] as const) {
      const used = said[`gen_ai.usage.${type}_tokens`]
      if (typeof used === "number") {
        meters.measure("gen_ai.client.token.usage", used, { ...model, "gen_ai.token.type": type })
      }
    }
    if (tokens > 0) meters.count("fermata.model.tokens", { model: model["gen_ai.request.model"] }, tokens)
  }
}
