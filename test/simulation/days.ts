/**
 * Agents that may spend so much on a day, all runs of them together: what there
 * is for a day is less than the runs need, some of whom somebody lets spend more.
 */
import { Agent } from "@fermata/agent"
import { type Model, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import { budgetSignal } from "@fermata/core/RunSpending"
import * as Spent from "@fermata/core/Spent"
import type { Wait } from "@fermata/core/Wait"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import type * as Simulator from "@fermata/testing/Simulator"
import { Effect, Layer, Stream } from "effect"
import type { Response } from "effect/ai"

/** Tokens. Three runs make two calls each, which take 100 of them and reserve more. */
const daily = 390
const raise = { tokens: 300 }
const names = ["a", "b", "c"]

const Clerk = Agent.make("clerk", {
  instructions: "clerk",
  model: "m",
  dailyBudget: { tokens: daily },
  limits: { maxTokens: 100 },
  compaction: { strategy: "off" }
})

/**
 * What was wrong in the lives so far, how often a call was refused, by how much
 * at most somebody let the runs of a life, and a day, spend more, and the most
 * that a day cost. Tokens.
 */
export const seen = { problems: [] as Array<string>, refused: 0, raised: 0, raisedDay: 0, most: 0 }

const parts = (request: ModelRequest): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: request.prompt.content.length < 3 ? "half" : " and the rest" },
  { type: "text-end", id: "t" },
  {
    type: "finish",
    reason: request.prompt.content.length < 3 ? "length" : "stop",
    usage: { inputTokens: { uncached: 50, total: 50 }, outputTokens: { total: 50 } }
  }
]

const model: Model = {
  name: "m",
  provider: "scripted",
  contextWindow: 1_000,
  maxOutput: 100,
  price: { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 },
  stream: (request) => Stream.suspend(() => Stream.fromIterable(parts(request)))
}
const models = Layer.succeed(Models, {
  names: ["m"],
  get: (name) =>
    name === "m" ? Effect.succeed(model) : Effect.fail(new ModelUnavailable({ model: name, problem: "there is none" }))
})

const ids = Effect.forEach(names, (id) => Clerk.workflow.executionId({ id, input: "go" }))

/** The books of no day go over what it may cost with what operators have added by then, with all that is in flight. */
const audit = Effect.gen(function*() {
  const runs = yield* Runs
  const sums = yield* runs.spending({ workflow: "clerk" })
  // Only now: what is in the books had been allowed before.
  let raised = 0
  for (const run of yield* ids) {
    const view = yield* runs.show(run).pipe(Effect.catchTag("RunNotFound", () => Effect.succeed(undefined)))
    raised += view?.budget.raised.tokens ?? 0
  }
  seen.raised = Math.max(seen.raised, raised)
  for (const { day, raised: ofDay = {}, reserved, spent } of sums) {
    const { tokens = 0 } = Spent.sum(spent, reserved)
    const limit = daily + raised + (ofDay.tokens ?? 0)
    seen.most = Math.max(seen.most, spent.tokens ?? 0)
    seen.raisedDay = Math.max(seen.raisedDay, ofDay.tokens ?? 0)
    if (tokens > limit) seen.problems.push(`the books of ${day} have ${tokens} tokens, and may have ${limit}`)
  }
})

/** Looks at each commit. */
const auditor = Layer.effectDiscard(Effect.gen(function*() {
  const engine = yield* Engine
  yield* Effect.forkScoped(
    Stream.runForEach(engine.committed, ({ entries }) => {
      seen.refused += entries.filter((entry) => entry._tag === "StepFailed" && isRefusal(entry)).length
      return Effect.ignore(audit)
    }),
    { startImmediately: true }
  )
}))

const isRefusal = (entry: JournalEntry): boolean => JSON.stringify(entry).includes("\"DayFull\"")

export const layer = Layer.mergeAll(Clerk.layer, auditor).pipe(
  Layer.provide(Layer.mergeAll(models, Chunks.layerMemory, Runs.layer))
)

/** Now and then somebody lets a run spend more that waits for the next day, or all of them on this one. Else that comes. */
export const answer = (wait: Wait, turn: number): Simulator.Word | undefined =>
  wait.reason !== "budget"
    ? undefined
    : turn % 4 === 0
    ? { kind: "signal", message: { name: budgetSignal, payload: raise, by: "ada" } }
    : turn % 4 === 1
    ? { kind: "raise-day", message: { ...raise, by: "ada" } }
    : undefined

/** All runs at once. */
export const start = Effect.forEach(names, (id) => Clerk.start("go", { id }))
