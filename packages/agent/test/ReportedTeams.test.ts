/** Situations of subagents, approvals, answers of a shape and long conversations that users of other engines have reported, lived here. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const given = { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String }
const Look = Tool.make("Look", given)
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Write = Tool.make("Write", given).annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "write" }))
const kit = Toolkit.make(Look, Write)

type Kit = Toolkit.Tools<typeof kit>
type Options = Partial<Agent.Options<typeof Schema.String, Schema.Top, Kit>>

/** A world with a boss and a helper, what their models are told, and what their tools did. */
const make = Effect.fnUntraced(function*(
  scripts: { readonly boss: Scripted.Script; readonly helper?: Scripted.Script },
  options: {
    readonly boss?: Options
    readonly helper?: Options
    /** The answers of the boss, from 1, during which somebody says something. */
    readonly told?: ReadonlyArray<number>
  } = {}
) {
  const asked: Readonly<Record<"boss" | "helper", Array<ModelRequest>>> = { boss: [], helper: [] }
  const did: Array<string> = []
  const common = { instructions: "", toolkit: kit, policy: Policy.open }
  const helper = Agent.make("helper", { ...common, model: "helper", ...options.helper })
  const boss = Agent.make("boss", { ...common, model: "boss", agents: [helper], ...options.boss })
  let interject = Effect.void
  const model = (name: "boss" | "helper"): Models.Provider => {
    const provider = Scripted.provider((request, turn) => {
      asked[name].push(request)
      return scripts[name]?.(request, turn) ?? "helped"
    }, { name })
    return {
      ...provider,
      find: (asked) => {
        const found = provider.find(asked)
        return found === undefined ? undefined : Effect.map(found, (model) => ({
          ...model,
          stream: (request: ModelRequest) =>
            Stream.concat(Stream.fromEffectDrain(Effect.suspend(() => interject)), model.stream(request))
        }))
      }
    }
  }
  const handlers = kit.toLayer({
    Look: ({ path }) =>
      path === "none" ? Effect.die(new Error("ENOENT")) : Effect.sync(() => (did.push(`look ${path}`), `saw ${path}`)),
    Write: ({ path }) => Effect.sync(() => (did.push(`write ${path}`), `wrote ${path}`))
  })
  const world = yield* CrashHost.make
  const serving = Layer.merge(boss.layer, helper.layer).pipe(
    Layer.provide(Layer.mergeAll(handlers, Models.layer([model("boss"), model("helper")]), Chunks.layerMemory))
  )
  const host = yield* world.start(serving)
  const runs = yield* host.use(Effect.provide(Runs, Runs.layer))
  const { told = [] } = options
  const id = yield* boss.workflow.executionId({ id: "1", input: "go" })
  interject = Effect.suspend(() =>
    told.includes(asked.boss.length + 1)
      ? Effect.orDie(Effect.asVoid(host.use(Agent.tell(id, "and another", { id: `${asked.boss.length}` }))))
      : Effect.void
  )
  const run = yield* host.use(boss.start("go", { id: "1" }))
  yield* host.settled
  return { asked, did, host, run, runs, serving, world }
})

/** What the latest messages of people and tools in a request say. */
const last = (requests: ReadonlyArray<ModelRequest>): string => Scripted.lastText(requests.at(-1)!)

const delegate: Scripted.Script = (_, turn) => turn === 0 ? [Scripted.call("helper", { prompt: "help" })] : "done"

describe("reported elsewhere of agents that work together", () => {
  it.effect("MassGen 732, claude-code 56869: a subagent that was cancelled is a failed call, and what it had used is counted", () =>
    Effect.gen(function*() {
      const { asked, host, run, runs, world } = yield* make(
        {
          boss: delegate,
          helper: () => [Scripted.call("Write", { path: "a" }), Scripted.end("tool-calls", { input: 700, output: 77 })]
        },
        { helper: { policy: Policy.rules() } }
      )
      const [child] = (yield* runs.show(run)).children
      yield* runs.cancel(child!.child, { by: "ada", reason: "too slow" })
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.include(last(asked.boss), "was cancelled")
      const { spent } = yield* runs.show(run)
      assert.isAtLeast(spent.children.tokens ?? 0, 777)
    }))

  it.effect("pi-subagents 156: a subagent one of whose tools failed, and that went on, has not failed", () =>
    Effect.gen(function*() {
      const { asked, run, world } = yield* make({
        boss: delegate,
        helper: (_, turn) => turn === 0 ? [Scripted.call("Look", { path: "none" })] : "Found it elsewhere."
      })
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.include(last(asked.helper), "ENOENT")
      assert.strictEqual(last(asked.boss), "Found it elsewhere.")
    }))

  it.effect("langgraph 6626, agent-framework 7692: of several calls that are asked about each has a question of its own, and each that was approved is made once", () =>
    Effect.gen(function*() {
      const { asked, did, host, run, runs, serving, world } = yield* make({
        boss: (_, turn) =>
          turn === 0
            ? [
              Scripted.call("Look", { path: "a" }),
              ...["b", "c", "d"].map((path) => Scripted.call("Write", { path }))
            ]
            : "done"
      }, { boss: { policy: Policy.rules() } })
      // One at a time, and with a crash between them.
      let on = host
      let operator = runs
      const seen = new Set<string>()
      for (const [index, decision] of (["approve", "deny", "approve"] as const).entries()) {
        const [question] = yield* operator.approvals()
        assert.isFalse(seen.has(question!.id))
        seen.add(question!.id)
        yield* operator.answer(question!.id, { decision, by: "operator" })
        yield* on.settled
        if (index !== 1) continue
        on = yield* world.restart(on, serving)
        operator = yield* on.use(Effect.provide(Runs, Runs.layer))
      }
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(did, ["look a", "write b", "write d"])
      assert.include(JSON.stringify(asked.boss.at(-1)!.prompt.content), "wrote d")
    }))

  it.effect("ml-commons 4820: what is left for a subagent when nothing is left is nothing, and not all that there is", () =>
    Effect.gen(function*() {
      const { asked, run, world } = yield* make({
        boss:
          () => [Scripted.call("helper", { prompt: "help" }), Scripted.end("tool-calls", { input: 900, output: 100 })]
      }, {
        boss: { budget: { tokens: 1_000 }, onBudget: "finish", limits: { maxTokens: 100, raisedMaxTokens: 100 } },
        helper: { onBudget: "finish", limits: { maxTokens: 100, raisedMaxTokens: 100 } }
      })
      assert.strictEqual(asked.boss.length, 1)
      assert.strictEqual(asked.helper.length, 0)
      assert.strictEqual((yield* world.run(run)).status, "completed")
    }))

  it.effect("claude-code 75086: an answer that never fits is given as it is, to those who say that they take it", () =>
    Effect.gen(function*() {
      const { asked, run, world } = yield* make({ boss: () => "All the work of an hour." }, {
        boss: { output: Agent.lenient(Schema.Struct({ found: Schema.Int })) }
      })
      const row = yield* world.run(run)
      assert.strictEqual(row.status, "completed")
      assert.include(JSON.stringify(yield* world.journal(run)), "All the work of an hour.")
      assert.strictEqual(asked.boss.length, 1)
    }))

  it.effect("sdk-typescript 1049: where an answer is asked for again, the model is told so last, and never its own words", () =>
    Effect.gen(function*() {
      const { asked, run, world } = yield* make({ boss: (_, turn) => turn === 0 ? "Well, 4." : "{\"found\":4}" }, {
        boss: { output: Schema.Struct({ found: Schema.Int }) }
      })
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(asked.boss.map(({ prompt }) => prompt.content.at(-1)!.role), ["user", "user"])
    }))

  it.effect("claude-agent-sdk-typescript 77: how often an answer was asked for again is counted anew for each that somebody wants", () =>
    Effect.gen(function*() {
      // Each of three answers has to be asked for again, and the run may do that once for each.
      const { asked, run, world } = yield* make({
        boss: (_, turn) => turn % 2 === 0 ? "no JSON" : `{"found":${turn}}`
      }, {
        boss: { output: Schema.Struct({ found: Schema.Int }), limits: { repairs: 1 } },
        told: [2, 4]
      })
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(asked.boss.length, 6)
    }))

  it.effect("graph-agent 85, pi 4570: a conversation that is made shorter again and again has no result without its call, nor a call without its result", () =>
    Effect.gen(function*() {
      let turns = 0
      const { asked, run, world } = yield* make({
        boss: (_, turn) =>
          turns++ < 12
            ? [
              Scripted.text(`turn ${turn} ${"and so on ".repeat(20)}`),
              Scripted.call("Look", { path: "a" }),
              Scripted.call("Look", { path: "b" })
            ]
            : "done"
      }, { boss: { compaction: { strategy: "drop-middle", contextLimit: 400, keepLast: 3 } } })
      assert.strictEqual((yield* world.run(run)).status, "completed")
      let isShorter = false
      for (const [index, { prompt }] of asked.boss.entries()) {
        const before = asked.boss[index - 1]?.prompt.content.length ?? 0
        isShorter ||= prompt.content.length < before
        const parts = prompt.content.flatMap((message) =>
          message.role === "system" ? [] : message.content as ReadonlyArray<{ type: string; id?: string }>
        )
        const ids = (type: string) => parts.filter((part) => part.type === type).map(({ id }) => id!)
        assert.sameMembers(ids("tool-result"), ids("tool-call"))
      }
      assert.isTrue(isShorter)
    }))
})
