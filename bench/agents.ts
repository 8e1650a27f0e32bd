/** Agents: what a turn costs in bytes, commits and processor time, and how fast a long conversation is replayed. */
import { Agent, AgentTool } from "@fermata/agent"
import { type Model, Models } from "@fermata/agent/Model"
import * as Replay from "@fermata/engine/Replay"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, ManagedRuntime, Schema, Stream } from "effect"
import { LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"
import { remove } from "./subject.ts"

const words = "A few words about what comes next. ".repeat(12).slice(0, 400)
const content = "x".repeat(2_000)

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Read)

/** Pieces of 400 characters: a few, and as many as a model sends, which are tokens. */
const few = 4
const tokens = 100

/** What a model says in a turn: 400 characters in so many pieces, and a call. */
const said = (turn: number, turns: number, pieces: number): ReadonlyArray<Response.StreamPartEncoded> => {
  const size = words.length / pieces
  const usage = { inputTokens: { uncached: 100, total: 100 }, outputTokens: { total: 100 } }
  return [
    { type: "text-start", id: "t" },
    ...Array.from({ length: pieces }, (_, at) => ({
      type: "text-delta" as const,
      id: "t",
      delta: words.slice(at * size, (at + 1) * size)
    })),
    { type: "text-end", id: "t" },
    ...(turn < turns
      ? [{ type: "tool-call" as const, id: `call_${turn}`, name: "Read", params: { path: `src/file-${turn}.ts` } }]
      : []),
    { type: "finish", reason: turn < turns ? "tool-calls" : "stop", usage }
  ]
}

/** A conversation of so many turns. */
const agentOf = (turns: number) =>
  Agent.make(`talk-${turns}`, {
    instructions: "Talk.",
    model: "m",
    toolkit: kit,
    limits: { turns: turns + 1 },
    compaction: { strategy: "off" }
  })

const handlers = kit.toLayer({ Read: () => Effect.succeed(content) })

const modelOf = (turn: () => number, turns: number, pieces: number): Model => ({
  name: "m",
  provider: "bench",
  contextWindow: 1e9,
  maxOutput: 1e6,
  price: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1 },
  stream: () => Stream.suspend(() => Stream.fromIterable(said(turn(), turns, pieces)))
})

const host = (db: string, turns: number, pieces = few) => {
  let turn = 0
  const model = modelOf(() => turn++, turns, pieces)
  const agent = agentOf(turns)
  const layer = agent.layer.pipe(
    Layer.provide(handlers),
    Layer.provide(Layer.succeed(Models, { names: ["m"], get: () => Effect.succeed(model) })),
    Layer.provideMerge(Runs.layer),
    Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL" }))
  )
  return { agent, runtime: ManagedRuntime.make(layer) }
}

/** ms of processor time. */
const processor = async (work: () => unknown): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { system, user } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/**
 * The same conversation as a program holds it that has no engine: the loop of
 * `effect/ai`, on the same model and the same tool. Nothing outlives the process.
 */
const bare = (turns: number) =>
  Effect.gen(function*() {
    const toolkit = yield* kit
    let turn = 0
    const model = modelOf(() => turn, turns, tokens)
    const language = yield* LanguageModel.make({
      generateText: () => Effect.die("not asked"),
      streamText: ({ prompt }) =>
        Stream.orDie(model.stream({ prompt, tools: [Read], maxTokens: 8_192, idempotencyKey: `${turn}` })) as never
    })
    let history = Prompt.make([{ role: "system", content: "Talk." }, { role: "user", content: "go" }])
    for (;; turn++) {
      const parts = yield* Stream.runCollect(language.streamText({ prompt: history, toolkit }))
      history = Prompt.concat(history, Prompt.fromResponseParts(parts))
      if (!parts.some(({ type }) => type === "tool-call")) return history.content.length
    }
  }).pipe(Effect.provide(handlers))

/** The entries of the only run of a file, and its commits. */
const journalOf = (file: string) => {
  const db = new DatabaseSync(file)
  const rows = db.prepare("SELECT entries FROM journal ORDER BY arrival").all() as unknown as ReadonlyArray<
    { readonly entries: string }
  >
  db.close()
  return { commits: rows.length, bytes: rows.map(({ entries }) => entries.length) }
}

export const agents: Case = async ({ folder, rounds, scale }) => {
  const turns = Math.ceil(500 * scale)
  const long = Math.ceil(2_000 * scale)
  const perTurn: Array<number> = []
  const growth: Array<number> = []
  const commits: Array<number> = []
  const work: Array<number> = []
  const replays: Array<number> = []
  const beside: Array<number> = []
  const loops: Array<number> = []
  // Once each for the compiler.
  await Effect.runPromise(bare(turns))
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    const db = join(folder, `agents-${round}.db`)
    remove(db)
    const { agent, runtime } = host(db, turns)
    await runtime.runPromise(Effect.void)
    await runtime.runPromise(agent.run("go", { id: "1" }))
    await runtime.dispose()
    const journal = journalOf(db)
    perTurn.push(journal.bytes.reduce((sum, bytes) => sum + bytes, 0) / turns)
    commits.push(journal.commits / turns)
    const tenth = Math.floor(journal.bytes.length / 10)
    const sum = (from: number) => journal.bytes.slice(from, from + tenth).reduce((all, bytes) => all + bytes, 0)
    growth.push(sum(journal.bytes.length - tenth - 1) / sum(tenth))

    const spoken = host(join(folder, `agents-spoken-${round}.db`), turns, tokens)
    await spoken.runtime.runPromise(Effect.void)
    const durable = await processor(() => spoken.runtime.runPromise(spoken.agent.run("go", { id: "1" })))
    await spoken.runtime.dispose()
    work.push(durable * 1_000 / turns)
    const loop = await processor(() => Effect.runPromise(bare(turns)))
    loops.push(loop * 1_000 / turns)
    beside.push(durable / loop)

    const file = join(folder, `agents-long-${round}.db`)
    remove(file)
    const talk = host(file, long)
    const id = await talk.runtime.runPromise(
      Effect.andThen(talk.agent.run("go", { id: "1" }), talk.agent.start("go", { id: "1" }))
    )
    const began = performance.now()
    const { verdict } = await talk.runtime.runPromise(Replay.run(id))
    if (verdict !== "fits") throw new Error(`the replay says "${verdict}"`)
    replays.push((performance.now() - began) / 1_000)
    await talk.runtime.dispose()
  }
  return [
    figure("processor time of an agent", "a loop of its own", "times a bare loop", beside, {
      kind: "at most",
      value: 2.5
    }, { "µs a turn": Math.min(...work), "bare µs a turn": Math.min(...loops) }),
    figure("journal of an agent, a turn", "4,000 bytes", "of 4,000 bytes", perTurn.map((bytes) => bytes / 4_000), {
      kind: "at most",
      value: 1
    }, { bytes: Math.min(...perTurn) }),
    figure("the last turns of an agent beside the first", "their bytes", "last / early tenth", growth, {
      kind: "at most",
      value: 1.1
    }),
    figure("commits of an agent, a turn", "2 commits", "of 2 commits", commits.map((each) => each / 2), {
      kind: "at most",
      value: 1.02
    }),
    figure("replay of 2,000 turns of an agent", "1 s", "of 1 s", replays, { kind: "at most", value: 1 })
  ]
}
