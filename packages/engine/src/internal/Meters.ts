/** The metrics of Fermata: what there is, what it says, and how it is counted. */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** What is counted, by what, and in which unit. */
export const all = {
  "fermata.runs": { kind: "gauge", text: "Runs in the store, by status" },
  "fermata.runs.suspended": { kind: "gauge", text: "Suspended runs in the store, by the first reason" },
  "fermata.run.starts": { kind: "counter", text: "Runs that were started" },
  "fermata.run.ends": { kind: "counter", text: "Runs that ended, by status" },
  "fermata.run.suspensions": { kind: "counter", text: "Suspensions of runs, by the first reason" },
  "fermata.run.duration": { kind: "seconds", text: "From the start of a run to its end, waits included" },
  "fermata.step.attempts": { kind: "counter", text: "Attempts of steps that were begun" },
  "fermata.step.failures": { kind: "counter", text: "Attempts of steps that failed" },
  "fermata.step.recoveries": { kind: "counter", text: "Attempts that follow one whose process died" },
  "fermata.step.duration": { kind: "seconds", text: "From the request of an attempt to its outcome" },
  "fermata.lease.losses": { kind: "counter", text: "Runs that others have taken over from this process" },
  "fermata.tool.calls": { kind: "counter", text: "Calls of tools by agents" },
  "fermata.model.calls": { kind: "counter", text: "Model calls" },
  "fermata.model.tokens": { kind: "counter", text: "Tokens of model calls, as they count against budgets" },
  "fermata.model.cost.micros": { kind: "counter", text: "Cost of model calls in millionths of a dollar" },
  "fermata.spent.micros": { kind: "counter", text: "What steps have spent, in millionths of a dollar" },
  "fermata.spent.tokens": { kind: "counter", text: "Tokens that steps have spent" },
  "gen_ai.client.operation.duration": { kind: "seconds", text: "Duration of model calls" },
  "gen_ai.client.token.usage": { kind: "tokens", text: "Tokens of a model call, by type" },
  "fermata.store.commits": { kind: "counter", text: "Transactions of the store" },
  "fermata.store.commit.duration": { kind: "seconds", text: "Duration of transactions of the store" },
  "fermata.event_loop.lag": { kind: "seconds", text: "How late the event loop is" },
  "fermata.streams.open": { kind: "gauge", text: "Streams that clients have open" },
  "fermata.requests.open": { kind: "gauge", text: "Requests that are being answered" },
  "fermata.requests.refused": { kind: "counter", text: "Requests that were refused for want of room, by the limit" },
  "http.server.request.duration": { kind: "seconds", text: "From a request to the head of its response" }
} as const

/** The name of a metric. */
export type Name = keyof typeof all

type Labels = Readonly<Record<string, string>>

/** Counts in the registry of a context. */
export interface Meters {
  readonly count: (name: Name, labels: Labels, by?: number) => void
  /** ms, told in seconds. */
  readonly time: (name: Name, millis: number, labels: Labels) => void
  readonly measure: (name: Name, value: number, labels: Labels) => void
  /** A gauge for each value of the label; those that are not there any more are 0. */
  readonly set: (name: Name, label: string, values: Readonly<Record<string, number>>) => void
  /** A request was answered after this many ms. `route` is its pattern. */
  readonly request: (method: string, route: string, status: number, millis: number) => void
  /** So many streams are open. */
  readonly streams: (open: number) => void
  /** So many requests are being answered. */
  readonly requests: (open: number) => void
  /** A request was refused by this limit. */
  readonly refused: (limit: string) => void
}

/** Counts in the registry of this context. */
export const make = (context: Context.Context<never>): Meters => {
  const known = bounded(context)
  const update = (name: Name, value: number, labels: Labels) => known.metric(name, labels).updateUnsafe(value, context)
  return {
    count: (name, labels, by = 1) => update(name, by, labels),
    time: (name, millis, labels) => update(name, millis / 1_000, labels),
    measure: (name, value, labels) => update(name, value, labels),
    set: (name, label, values) => {
      for (const value of new Set([...known.seen(name, label), ...Object.keys(values)])) {
        update(name, values[value] ?? 0, { [label]: value })
      }
    },
    request: (method, route, status, millis) =>
      update("http.server.request.duration", millis / 1_000, {
        "http.request.method": methods.has(method) ? method : "_OTHER",
        "http.route": route,
        "http.response.status_code": String(status)
      }),
    streams: (open) => update("fermata.streams.open", open, {}),
    requests: (open) => update("fermata.requests.open", open, {}),
    refused: (limit) => update("fermata.requests.refused", 1, { limit })
  }
}

/** How a metric is called in the text of Prometheus. */
export const prometheusName = (id: string): string => {
  const kind = Object.hasOwn(all, id) ? all[id as Name].kind : undefined
  return kind === "counter" ? `${id}_total` : kind === "seconds" ? `${id}_seconds` : id
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Values of a label of a metric that are told apart. */
const mostValues = 200
const others = "_other"
/** Combinations of the labels of a metric that are told apart. One more is for all the others. */
const mostSeries = 2_000

const mapped = (labels: Labels): Labels => Object.fromEntries(Object.keys(labels).map((label) => [label, others]))

/** Seconds: from a step of memory to a run of days. */
const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400]
/** By the conventions for generative AI. */
const tokens = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304]

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

interface Known {
  readonly metric: (name: Name, labels: Labels) => Metric.Metric<number, unknown>
  readonly seen: (name: Name, label: string) => Iterable<string>
}

/** What was counted by a registry, so that its labels stay few whoever counts. */
const registries = new WeakMap<object, Known>()

const bounded = (context: Context.Context<never>): Known => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const before = registries.get(registry)
  if (before !== undefined) return before
  const values = new Map<string, Set<string>>()
  const metrics = new Map<string, Metric.Metric<number, unknown>>()
  const sizes = new Map<Name, number>()
  const valuesOf = (name: Name, label: string) => {
    const id = `${name} ${label}`
    const found = values.get(id) ?? new Set<string>()
    values.set(id, found)
    return found
  }
  const told = (name: Name, label: string, value: string): string => {
    const found = valuesOf(name, label)
    if (!found.has(value)) {
      if (value === others || found.size >= mostValues) return others
      found.add(value)
    }
    return value
  }
  const known: Known = {
    seen: (name, label) => valuesOf(name, label),
    metric: (name, labels) => {
      const attributes: Record<string, string> = {}
      let id: string = name
      for (const label in labels) {
        const value = told(name, label, labels[label]!)
        attributes[label] = value
        id += `\0${value}`
      }
      const found = metrics.get(id)
      if (found !== undefined) return found
      const size = (sizes.get(name) ?? 0) + 1
      // Two labels of a hundred values each would be ten thousand.
      if (size > mostSeries && Object.values(attributes).some((value) => value !== others)) {
        return known.metric(name, mapped(labels))
      }
      sizes.set(name, size)
      const made = makeMetric(name, attributes)
      metrics.set(id, made)
      return made
    }
  }
  registries.set(registry, known)
  return known
}

const makeMetric = (name: Name, attributes: Labels): Metric.Metric<number, unknown> => {
  const { kind, text } = all[name]
  const options = { description: text, attributes }
  switch (kind) {
    case "counter":
      return Metric.counter(name, { ...options, incremental: true })
    case "gauge":
      return Metric.gauge(name, options)
    case "seconds":
      return Metric.histogram(name, { ...options, attributes: { ...attributes, unit: "s" }, boundaries: seconds })
    case "tokens":
      return Metric.histogram(name, { ...options, attributes: { ...attributes, unit: "{token}" }, boundaries: tokens })
  }
}
