/**
 * An agent with everything: tools, a keyed payment, a question whose arguments a
 * person edits, a subagent with a question of its own, a budget of the run and one
 * of the day, both of which are reached and raised, compaction and a second model.
 * The books of its provider, its bank and its disk are held against the journals
 * at the end of each life, call by call.
 */
import { Agent, AgentTool } from "@fermata/agent"
import { type Model, ModelFailed, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import * as RunSpending from "@fermata/core/RunSpending"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import type * as Simulator from "@fermata/testing/Simulator"
import { Effect, Layer, Schema, Stream } from "effect"
import { type Response, Tool, Toolkit } from "effect/ai"

/** Tokens. */
const daily = 1_500
const budget = 2_500
const edited = "/edited"

const text = { success: Schema.String }
const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Pay = Tool.make("Pay", { parameters: Schema.Struct({ cents: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "read" }))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), ...text })

const bossKit = Toolkit.make(Look, Pay, Write)
const helperKit = Toolkit.make(Write)
const handlers = {
  Look: ({ n }: { readonly n: number }) => Effect.as(does(`look ${n}`), `saw ${n} `.repeat(40)),
  Pay: () => Effect.as(does("pay"), "paid"),
  Write: ({ path }: { readonly path: string }) =>
    Effect.as(Effect.andThen(does(`write ${path}`), Effect.yieldNow), `written ${path}`)
}

const Helper = Agent.make("helper", {
  instructions: "helper",
  model: "m",
  toolkit: helperKit,
  limits: { maxTokens: 500 }
})
const Boss = Agent.make("boss", {
  instructions: "boss",
  model: ["broken", "m"],
  toolkit: bossKit,
  agents: [Helper],
  budget: { tokens: budget },
  dailyBudget: { tokens: daily },
  limits: { maxTokens: 500, raisedMaxTokens: 500 },
  compaction: { strategy: "summarise", contextLimit: 500, keepLast: 2 }
})

/** What the world outside has in its books, in one life, by the idempotency keys that it was given. */
const books = {
  /** What the provider has billed: tokens, and millionths of a dollar. */
  billed: new Map<string, { calls: number; tokens: number; micros: number }>(),
  /** What tools did. */
  did: new Map<string, Array<string>>()
}

/** How often things came about in all lives: without them, the laws would say nothing of them. */
export const seen = {
  answers: 0,
  recovered: 0,
  summaries: 0,
  fallbacks: 0,
  edits: 0,
  raised: 0,
  raisedDays: 0,
  refused: 0,
  /** Calls in flight at a crash for which the day had no room then, and which were made under their keys later. */
  keptKeys: 0
}

const does = (what: string) =>
  Effect.map(AgentTool.call, ({ idempotencyKey }) => {
    books.did.set(idempotencyKey, [...books.did.get(idempotencyKey) ?? [], what])
  })

const said = (text: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" }
]
const wants = (id: string, name: string, params: unknown): Response.StreamPartEncoded => ({
  type: "tool-call",
  id,
  name,
  params
})
const end = (reason: Response.FinishReason): Response.StreamPartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: {}, outputTokens: {} }
})

/** Tokens of a question: about four characters each, as with real models. */
const tokensOf = ({ prompt }: ModelRequest): number => Math.ceil(JSON.stringify(prompt.content).length / 4)

/** What the model says follows from what it is told. */
const says = ({ prompt, tools }: ModelRequest): ReadonlyArray<Response.StreamPartEncoded> => {
  const told = JSON.stringify(prompt.content)
  if (tools.length === 0) seen.summaries++
  if (tools.length === 0) return [...said("They looked, saw 1, and it was paid."), end("stop")]
  if (told.includes("\"helper\",\"options\"") || JSON.stringify(prompt.content[0]).includes("helper")) {
    return told.includes("written")
      ? [...said("helped"), end("stop")]
      : [wants("h", "Write", { path: "/h" }), end("tool-calls")]
  }
  if (!told.includes("saw 1")) {
    return [...said("look"), wants("a", "Look", { n: 1 }), wants("b", "Look", { n: 2 }), end("tool-calls")]
  }
  if (!told.includes("paid")) {
    return [wants("a", "Pay", { cents: 5 }), wants("d", "helper", { prompt: "x" }), end("tool-calls")]
  }
  return told.includes("written")
    ? [...said("final"), end("stop")]
    : [wants("e", "Write", { path: "/x" }), end("tool-calls")]
}

const model = (name: string, stream: Model["stream"]): Model => ({
  name,
  provider: "scripted",
  contextWindow: 1_000,
  maxOutput: 1_000,
  price: { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 },
  stream
})

const works = model("m", (request) =>
  Stream.suspend(() => {
    const parts = says(request)
    const input = tokensOf(request)
    const before = books.billed.get(request.idempotencyKey) ?? { calls: 0, tokens: 0, micros: 0 }
    books.billed.set(request.idempotencyKey, {
      calls: before.calls + 1,
      tokens: before.tokens + input + 50,
      micros: before.micros + input + 2 * 50
    })
    const usage = { inputTokens: { uncached: input, total: input }, outputTokens: { total: 50 } }
    return Stream.fromIterable(
      parts.map((part) => part.type === "finish" ? { type: part.type, reason: part.reason, usage } : part)
    )
  }))
const broken = model("broken", () =>
  Stream.suspend(() => {
    seen.fallbacks++
    return Stream.fail(
      new ModelFailed({
        model: "broken",
        code: "ERR_API_OVERLOADED",
        problem: "529",
        retryable: true,
        maybePaid: false
      })
    )
  }))
const models = Layer.succeed(Models, {
  names: ["m", "broken"],
  get: (name) =>
    name === "m"
      ? Effect.succeed(works)
      : name === "broken"
      ? Effect.succeed(broken)
      : Effect.fail(new ModelUnavailable({ model: name, problem: "there is none" }))
})

export const layer = Layer.mergeAll(Boss.layer, Helper.layer).pipe(
  Layer.provide(
    Layer.mergeAll(bossKit.toLayer(handlers), helperKit.toLayer(handlers), models, Chunks.layerMemory, Runs.layer)
  )
)

/** Starts the run, or joins it. */
export const start = Boss.start("go", { id: "1" })

/**
 * A person says yes to each question with other arguments. Where the day is
 * short, somebody raises it, or the next one is waited for; where the run is,
 * an operator raises that.
 */
export const answer = (wait: Wait, turn: number): Simulator.Word | undefined => {
  if (wait.reason === "approval") {
    const message = { key: wait.key, decision: "approve", by: wait.who?.[0] ?? "ada", edit: { path: edited } } as const
    return { kind: "answer", message }
  }
  if (wait.reason !== "budget") return undefined
  if (wait.day === undefined) {
    const message = { name: RunSpending.budgetSignal, payload: { tokens: budget }, by: "ada" }
    return { kind: "signal", message }
  }
  if (wait.until !== undefined && turn % 2 === 0) return undefined
  return { kind: "raise-day", message: { tokens: daily, by: "ada" } }
}

/** The laws of the world outside. */
export const outside: Simulator.Outside = {
  begins: () => {
    books.billed.clear()
    books.did.clear()
  },
  problems: (runs) => [
    ...runs.flatMap((run) => [...ending(run), ...steps(run)]),
    ...day(runs),
    ...(runs.length === 2
      ? []
      : [{ promise: "S3", problem: `there are ${runs.length} runs, and should be two` } as const]),
    ...unknown(runs)
  ]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Found = ReadonlyArray<Simulator.Violation>

/** One answer, and always the same. */
const ending = ({ entries, id, workflow }: Simulator.Lived): Found => {
  const ends = entries.filter(({ _tag }) => _tag === "RunCompleted" || _tag === "RunFailed" || _tag === "RunCancelled")
  seen.answers += ends.length
  const text = JSON.stringify(ends)
  return ends.length === 1 && text.includes(workflow === "boss" ? "\"final\"" : "\"helped\"")
    ? []
    : [{ promise: "S4", problem: `run ${id} of ${workflow} has not come to its one answer, but to ${text}` }]
}

/** What was done and billed under each key is what the journal says of its steps. */
const steps = (run: Simulator.Lived): Found => [
  ...run.view.steps.flatMap((step) => Object.hasOwn(handlers, step.name) ? tool(run, step) : []),
  ...calls(run)
]

/** Requests, refusals by the day, and outcomes of a step. */
const counts = ({ entries }: Simulator.Lived, key: string) => {
  const own = entries.filter((entry) => "key" in entry && entry.key === key)
  return {
    requests: own.filter((entry) => entry._tag === "StepRequested").length,
    refusals: own.filter((entry) => entry._tag === "StepRequested" && entry.refused !== undefined).length,
    completed: own.filter(({ _tag }) => _tag === "StepCompleted").length
  }
}

const tool = (run: Simulator.Lived, { key }: Simulator.Lived["view"]["steps"][number]): Found => {
  const { completed, requests } = counts(run, key)
  if (requests > 1) seen.recovered++
  const what = `step "${key}" of run ${run.id}`
  const did = books.did.get(keyOf(run.id, key)) ?? []
  const wrong = did.find((done) => done.startsWith("write ") && done !== `write ${edited}`)
  return [
    ...(did.length > requests || completed > 1 || did.length < completed
      ? [
        {
          promise: "S1",
          problem: `${what} was done ${did.length} times by ${requests} requests, with ${completed} outcomes`
        } as const
      ]
      : []),
    ...(wrong === undefined
      ? []
      : [{ promise: "S16", problem: `${what} did "${wrong}", which nobody allowed` } as const])
  ]
}

/** The calls of its model, each under one key however often the day had no room for it. */
const calls = (run: Simulator.Lived): Found => {
  const keys = new Map(
    run.entries.flatMap((entry) =>
      entry._tag === "StepRequested" && entry.name === "model" ? [[entry.key, entry.idempotencyKey ?? ""] as const] : []
    )
  )
  return [...new Set(keys.values())].flatMap((idempotencyKey) =>
    call(run, idempotencyKey, run.view.steps.filter(({ key }) => keys.get(key) === idempotencyKey))
  )
}

const call = (run: Simulator.Lived, idempotencyKey: string, steps: Simulator.Lived["view"]["steps"]): Found => {
  const found: Array<Simulator.Violation> = []
  const all = steps.map(({ key }) => counts(run, key))
  const sum = (of: keyof ReturnType<typeof counts>) => all.reduce((sum, each) => sum + each[of], 0)
  const [requests, refusals, completed] = [sum("requests"), sum("refusals"), sum("completed")]
  seen.refused += refusals
  if (requests - refusals > 1) seen.recovered++
  if (steps.length > 1 && requests - refusals > 1) seen.keptKeys++
  const what = `step "${steps.map(({ key }) => key).join("\", \"")}" of run ${run.id}`
  const { calls, micros, tokens } = books.billed.get(idempotencyKey) ?? { calls: 0, tokens: 0, micros: 0 }
  const spent = Spent.sumAll(steps.map(({ spent = {} }) => spent))
  const unsettled = Spent.sumAll(steps.map(({ unsettled = {} }) => unsettled))
  const least = { tokens: spent.tokens ?? 0, micros: spent.micros ?? 0 }
  const most = { tokens: least.tokens + (unsettled.tokens ?? 0), micros: least.micros + (unsettled.micros ?? 0) }
  if (calls > requests - refusals || calls < completed) {
    found.push({
      promise: "S1",
      problem: `${what} was asked for ${requests} times, refused ${refusals} times, and billed ${calls} times`
    })
  }
  if (tokens < least.tokens || tokens > most.tokens || micros < least.micros || micros > most.micros) {
    found.push({
      promise: "S3",
      problem: `the provider has billed ${tokens} tokens (${micros} micros) for ${what}, and the journal has ${
        JSON.stringify({ spent, unsettled })
      }`
    })
  }
  return found
}

/** Nothing was billed or done that no journal knows of, and the bank was paid under one key. */
const unknown = (runs: ReadonlyArray<Simulator.Lived>): Found => {
  const known = new Set(runs.flatMap(({ id, view }) => view.steps.map(({ key }) => keyOf(id, key))))
  const strange = [...books.billed.keys(), ...books.did.keys()].filter((key) => !known.has(key))
  const paid = [...books.did.values()].filter((did) => did.includes("pay")).length
  return [
    ...strange.map((key) => ({ promise: "S1", problem: `something was done under ${key}, which is no step` } as const)),
    ...(paid === 1 ? [] : [{ promise: "S1", problem: `the bank was paid under ${paid} keys` } as const])
  ]
}

/** The books of a day have no more than that may cost. */
const day = (runs: ReadonlyArray<Simulator.Lived>): Found => {
  const held = new Map<number, number>()
  const limits = new Map<number, number>()
  for (const { entries, workflow } of runs) {
    for (const entry of entries) {
      if (entry._tag === "ApprovalAnswered" && entry.edit !== undefined) seen.edits++
      if (entry._tag === "SignalReceived" && entry.name === RunSpending.budgetSignal) {
        const raise = RunSpending.dayRaiseOf(StoredJson.read(entry.payload))
        if (raise === undefined) seen.raised++
        else {
          seen.raisedDays++
          limits.set(raise.day, (limits.get(raise.day) ?? daily) + (raise.amount.tokens ?? 0))
        }
      }
    }
    if (workflow !== "boss") continue
    for (const sums of SpentByDay.after(SpentByDay.nothing, entries)?.days ?? []) {
      held.set(sums.day, (held.get(sums.day) ?? 0) + (SpentByDay.heldOf(sums).tokens ?? 0))
    }
  }
  // By as much as operators let the run itself spend more, it may go over the day, too.
  const own = runs.find(({ workflow }) => workflow === "boss")?.view.budget.raised.tokens ?? 0
  return [...held].flatMap(([on, tokens]): Found => {
    const limit = (limits.get(on) ?? daily) + own
    return tokens <= limit
      ? []
      : [{ promise: "S12", problem: `the books of day ${on} have ${tokens} tokens, and may have ${limit}` }]
  })
}

/** What is given to the outside for a step; no key here has a character that would be written otherwise. */
const keyOf = (run: string, key: string): string => `${run}%2F${encodeURIComponent(key)}`
