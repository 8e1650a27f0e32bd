/**
 * An agent with tools, a payment, a question, a subagent with a question of its
 * own, a budget that is reached, compaction and a second model; and the books of
 * its provider, which are held against the journal whenever a run has ended.
 */
import { Agent, AgentTool } from "@fermata/agent"
import { type Model, ModelFailed, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { Effect, Layer, Schema, Stream } from "effect"
import { type Response, Tool, Toolkit } from "effect/ai"

const text = { success: Schema.String }
const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Pay = Tool.make("Pay", { parameters: Schema.Struct({ cents: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "read" }))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), ...text })

const bossKit = Toolkit.make(Look, Pay, Write)
const helperKit = Toolkit.make(Write)
const handlers = {
  Look: ({ n }: { readonly n: number }) => Effect.succeed(`saw ${n} `.repeat(40)),
  Pay: () => Effect.map(AgentTool.call, ({ idempotencyKey }) => (books.paid.add(idempotencyKey), "paid")),
  Write: () => Effect.as(Effect.yieldNow, "written")
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
  budget: { tokens: 2_500 },
  limits: { maxTokens: 500, raisedMaxTokens: 500 },
  compaction: { strategy: "summarise", contextLimit: 500, keepLast: 2 }
})

/** What the provider and the bank have in their books, in one life. */
const books = {
  /** Tokens of the answers that were given. */
  tokens: 0,
  /** Keys under which something was paid. */
  paid: new Set<string>(),
  problems: [] as Array<string>
}

const said = (text: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" }
]
const call = (id: string, name: string, params: unknown): Response.StreamPartEncoded => ({
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
const answer = ({ prompt, tools }: ModelRequest): ReadonlyArray<Response.StreamPartEncoded> => {
  const told = JSON.stringify(prompt.content)
  if (tools.length === 0) return [...said("They looked, saw 1, and it was paid."), end("stop")]
  if (told.includes("\"helper\",\"options\"") || JSON.stringify(prompt.content[0]).includes("helper")) {
    return told.includes("written")
      ? [...said("helped"), end("stop")]
      : [call("h", "Write", { path: "/h" }), end("tool-calls")]
  }
  if (!told.includes("saw 1")) {
    return [...said("look"), call("a", "Look", { n: 1 }), call("b", "Look", { n: 2 }), end("tool-calls")]
  }
  if (!told.includes("paid")) {
    return [call("a", "Pay", { cents: 5 }), call("d", "helper", { prompt: "x" }), end("tool-calls")]
  }
  return told.includes("written")
    ? [...said("final"), end("stop")]
    : [call("e", "Write", { path: "/x" }), end("tool-calls")]
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
    const parts = answer(request)
    const input = tokensOf(request)
    books.tokens += input + 50
    const usage = { inputTokens: { uncached: input, total: input }, outputTokens: { total: 50 } }
    return Stream.fromIterable(
      parts.map((part) => part.type === "finish" ? { type: part.type, reason: part.reason, usage } : part)
    )
  }))
const broken = model("broken", () =>
  Stream.fail(
    new ModelFailed({ model: "broken", code: "ERR_API_OVERLOADED", problem: "529", retryable: true, maybePaid: false })
  ))
const models = Layer.succeed(Models, {
  names: ["m", "broken"],
  get: (name) =>
    name === "m"
      ? Effect.succeed(works)
      : name === "broken"
      ? Effect.succeed(broken)
      : Effect.fail(new ModelUnavailable({ model: name, problem: "there is none" }))
})

/** Holds the books against the journal, when the run has ended. */
const auditor = Layer.effectDiscard(Effect.gen(function*() {
  const engine = yield* Engine
  const runs = yield* Runs
  const audit = Effect.fnUntraced(function*(run: string) {
    const view = yield* runs.show(run)
    const below = yield* Effect.forEach(view.children, ({ child }) => runs.show(child))
    const reserved = [view, ...below].reduce((sum, { spent }) => sum + (spent.unsettled.tokens ?? 0), 0)
    const total = view.spent.total.tokens ?? 0
    const { paid, tokens } = books
    if (tokens > total) books.problems.push(`the provider billed ${tokens} tokens, and the journal has ${total}`)
    if (total - reserved > tokens) {
      books.problems.push(`the journal has ${total - reserved} tokens, and the provider billed ${tokens}`)
    }
    if (paid.size !== 1) books.problems.push(`the bank was paid under ${paid.size} keys`)
  })
  yield* Effect.forkScoped(
    Stream.runForEach(
      engine.committed,
      ({ entries, run }) =>
        run.workflow === "boss" && entries.some(({ _tag }) => _tag === "RunCompleted")
          ? Effect.ignore(audit(run.id))
          : Effect.void
    ),
    { startImmediately: true }
  )
}))

export const layer = Layer.mergeAll(Boss.layer, Helper.layer, auditor).pipe(
  Layer.provide(
    Layer.mergeAll(bossKit.toLayer(handlers), helperKit.toLayer(handlers), models, Chunks.layerMemory, Runs.layer)
  )
)

/** Starts the run, or joins it. A run that is not there begins a life, with new books; what was wrong in those before ends it. */
export const start = Effect.gen(function*() {
  const { backend } = yield* Store
  const id = yield* Boss.workflow.executionId({ id: "1", input: "go" })
  if ((yield* backend.run(id)) === null) {
    const [problem] = books.problems
    if (problem !== undefined) return yield* Effect.die(new Error(problem))
    books.tokens = 0
    books.paid.clear()
  }
  return yield* Boss.start("go", { id: "1" })
})

/** What is wrong in the books of the lives that were lived. */
export const problems = (): ReadonlyArray<string> => books.problems
