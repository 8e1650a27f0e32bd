import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Policy } from "@fermata/agent"
import { Models, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Upgrade from "@fermata/engine/Upgrade"
import { CrashHost } from "@fermata/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const reads = { onCrash: "rerun", safe: true, permission: "read" } as const
const text = { success: Schema.String }
const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules(reads))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), ...text })
const Extra = Tool.make("Extra", { parameters: Schema.Struct({}), ...text }).annotateMerge(AgentTool.rules(reads))

type Options = Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>>

/** A build of the agent: what is said of it, and its tools. */
const build = (options: Options = {}, tools: ReadonlyArray<Tool.Any> = [Read, Write]) => {
  const kit = Toolkit.make(...tools as ReadonlyArray<typeof Read>)
  const handlers = kit.toLayer(
    Object.fromEntries(tools.map(({ name }) => [name, () => Effect.succeed(`${name} done`)])) as never
  )
  const agent = Agent.make("agent", { instructions: "Do it.", model: "m", toolkit: kit, ...options as object })
  const script: Scripted.Script = (_, turn) =>
    turn === 0
      ? [Scripted.call("Read", { path: "a" }), Scripted.call("Read", { path: "b" })]
      : turn === 1
      ? [Scripted.call("Write", { path: "c" })]
      : "Done."
  const models = Models.layer([Scripted.provider(script, { name: "m" }), Scripted.provider(script, { name: "other" })])
  const layer = Layer.provide(agent.layer, Layer.mergeAll(handlers, models, Chunks.layerMemory))
  return { agent, layer }
}

/** The build after this one: a run that waits for an answer under the first is looked at, and goes on, under the second. */
const changed = (...next: Parameters<typeof build>) =>
  Effect.gen(function*() {
    const world = yield* CrashHost.make
    const first = build()
    const before = yield* world.start(first.layer)
    const run = yield* before.use(first.agent.start("go", { id: "1" }))
    yield* before.settled
    const after = yield* world.restart(before, build(...next).layer)
    const report = yield* after.use(Effect.provide(Upgrade.check(), Runs.layer))
    assert.deepStrictEqual(report.breaks.map(({ difference }) => difference), [])
    assert.strictEqual(report.fits, 1)
    yield* after.use(Effect.provide(
      Effect.gen(function*() {
        const runs = yield* Runs
        const [question] = yield* runs.approvals()
        yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
      }),
      Runs.layer
    ))
    yield* after.settled
    const row = yield* world.run(run)
    if (row.status !== "completed") assert.fail(JSON.stringify([row.status, row.waits, yield* world.story(run)]))
    return row
  })

describe("a run that waits for an answer, under a build that changed", () => {
  const cases: Readonly<Record<string, Parameters<typeof build>>> = {
    "its instructions": [{ instructions: "Do it otherwise." }],
    "its output": [{ output: Agent.lenient(Schema.Struct({ done: Schema.Boolean })) as never }],
    "its policy, to one that allows what was asked about": [{ policy: Policy.open }],
    "its policy, to one that denies what was done": [{ policy: Policy.locked }],
    "its tools, by one more": [{}, [Read, Write, Extra]],
    "its tools, by one that is gone and was called": [{}, [Write]],
    "its tools, by one that is gone and is asked about": [{}, [Read]],
    "the rules of its tools": [{}, [
      Read.annotateMerge(AgentTool.rules({ onCrash: "ask", permission: "write" })),
      Write
    ]],
    "its limits": [{ limits: { turns: 1, toolConcurrency: 1, maxTokens: 10 } }],
    "when it is made shorter": [{ compaction: { contextLimit: 10, keepLast: 1 } }],
    "its models": [{ model: ["other", "m"] }],
    "the order of its models": [{ model: ["other", "m"], modelOrder: "cheapest" }],
    "its budget": [{ budget: { tokens: 1 } }],
    "what all of its runs may spend on a day": [{ dailyBudget: { tokens: 1_000_000 } }],
    "who may stop it": [{ stop: () => true }],
    "its skills": [{ skills: [{ name: "memo", description: "", content: "" }] }]
  }
  for (const [what, next] of Object.entries(cases)) {
    it.effect(`N-03: fits, and goes on to its end, with another of ${what}`, () =>
      Effect.gen(function*() {
        const run = yield* changed(...next)
        assert.strictEqual(run.status, "completed")
      }))
  }
})

describe("a run that waits for a subagent, under a build that changed", () => {
  const helperOf = (input: Schema.Top = Schema.String) =>
    Agent.make("helper", { instructions: "You help.", model: "m", toolkit: Toolkit.make(Write), input })
  const writes = Toolkit.make(Write).toLayer({ Write: () => Effect.succeed("written") })
  const told: Array<string> = []
  const script: Scripted.Script = (request, turn) => {
    if (turn === 1) told.push(Scripted.lastText(request))
    const isBoss = JSON.stringify(request.prompt.content[0]).includes("You lead.")
    return turn > 0
      ? isBoss ? "Led." : "Helped."
      : [isBoss ? Scripted.call("helper", { prompt: "help me" }) : Scripted.call("Write", { path: "c" })]
  }
  const serving = (boss: ReadonlyArray<Agent.Any>, served: ReadonlyArray<ReturnType<typeof helperOf>>) => {
    const agent = Agent.make("boss", { instructions: "You lead.", model: "m", agents: boss })
    const models = Models.layer([Scripted.provider(script, { name: "m" })])
    const layer = served.reduce<typeof agent.layer>(
      (all, { layer }) => Layer.merge(all, Layer.provide(layer, writes)),
      agent.layer
    )
    return { agent, layer: Layer.provide(layer, Layer.mergeAll(models, Chunks.layerMemory)) }
  }
  /** A run whose subagent waits for an answer, and the host of the next build. */
  const until = (next: ReturnType<typeof serving>) =>
    Effect.gen(function*() {
      told.length = 0
      const world = yield* CrashHost.make
      const first = serving([helperOf()], [helperOf()])
      const before = yield* world.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      yield* before.settled
      const after = yield* world.restart(before, next.layer)
      const runs = yield* after.use(Effect.provide(Runs, Runs.layer))
      return { world, after, run, runs }
    })
  const answer = (runs: Runs["Service"]) =>
    Effect.gen(function*() {
      const [question] = yield* runs.approvals()
      yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
    })

  const cases: Readonly<Record<string, () => ReturnType<typeof serving>>> = {
    "that is served, and no longer the boss's": () => serving([], [helperOf()]),
    "that takes something else by now": () => {
      const other = helperOf(Schema.Struct({ task: Schema.String }))
      return serving([other], [helperOf()])
    }
  }
  for (const [what, next] of Object.entries(cases)) {
    it.effect(`N-03: goes on with what comes of one ${what}`, () =>
      Effect.gen(function*() {
        const { after, run, runs, world } = yield* until(next())
        yield* answer(runs)
        yield* after.settled
        assert.strictEqual((yield* world.run(run)).status, "completed")
        assert.include(told.at(-1)!, "Helped.")
      }))
  }

  it.effect("N-03: waits for one that nobody serves, under its id, and tells its model what became of it when somebody ends it", () =>
    Effect.gen(function*() {
      const { after, run, runs, world } = yield* until(serving([], []))
      const [wait] = yield* world.waits(run)
      assert.strictEqual(wait!.reason, "child")
      const child = yield* runs.find(wait!.key)
      assert.strictEqual(child.workflow, "helper")
      yield* runs.cancel(child.id, { by: "ada", reason: "there are no helpers any more" })
      yield* after.settled
      const back = yield* world.restart(after, serving([], [helperOf()]).layer)
      yield* back.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual((yield* world.run(child.id)).status, "cancelled")
      assert.include(told.at(-1)!, "was cancelled")
    }))
})

describe("a run for which the day has too little left, under a build that changed", () => {
  const parked = Effect.gen(function*() {
    const world = yield* CrashHost.make
    const first = build({ dailyBudget: { tokens: 10 } }, [Read])
    const before = yield* world.start(first.layer)
    const run = yield* before.use(first.agent.start("go", { id: "1" }))
    yield* before.settled
    assert.strictEqual((yield* world.run(run)).reason, "budget")
    return { world, before, run }
  })
  const cases: Readonly<Record<string, Options>> = {
    "a larger limit": { dailyBudget: { tokens: 1_000_000 } },
    "none": {}
  }
  for (const [what, next] of Object.entries(cases)) {
    it.effect(`N-03, N-50: fits, and goes on under ${what} when it looks again`, () =>
      Effect.gen(function*() {
        const { before, run, world } = yield* parked
        const after = yield* world.restart(before, build({ ...next, policy: Policy.open }).layer)
        const report = yield* after.use(Effect.provide(Upgrade.check(), Runs.layer))
        assert.deepStrictEqual([report.breaks.length, report.fits], [0, 1])
        yield* after.use(Effect.provide(Runs.use((runs) => runs.raise(run, { tokens: 1, by: "ada" })), Runs.layer))
        yield* after.settled
        assert.strictEqual((yield* world.run(run)).status, "completed")
      }))
  }
})
