/** MCP servers that ask a model of their client in the middle of a call. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, type McpSampling, McpServers, Models, Policy, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import type { CreateMessageRequest } from "@modelcontextprotocol/sdk/types.js"
import { Effect, Fiber, Layer, type Schema } from "effect"
import { answer, type Asked, call, calls, inTurn, said, type Script, stop, Wire, world } from "./AgentWorld.ts"
import { McpStub, type StubTool, text } from "./McpStub.ts"

const request: CreateMessageRequest["params"] = {
  messages: [{ role: "user", content: { type: "text", text: "Name a colour." } }],
  systemPrompt: "You name things.",
  maxTokens: 70
}

/** A tool that asks a model as often as it is to, and says what it was told. */
const samples = (
  params: CreateMessageRequest["params"] = request,
  times = 1,
  told: Array<string> = []
): StubTool => ({
  handle: async (_, { ask }) => {
    for (let nth = 0; nth < times; nth++) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other.
      told.push(await ask({ method: "sampling/createMessage", params }).then(JSON.stringify, String))
    }
    return text(`told ${told.slice(-times).join(" and ")}`)
  }
})

/** Whether it is a server that asks. */
const isOfServer = ({ prompt }: Asked) => JSON.stringify(prompt.content).includes("You name things.")

const script: Script = (asked, turn) =>
  isOfServer(asked)
    ? [Scripted.text("Red."), stop("stop", 1_000, 10)]
    : inTurn(calls(call("1", "mcp__s__think", {})), answer("done"))(asked, turn)

type Options = Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>>

const live = (
  stub: McpStub,
  sampling: boolean | McpSampling.SamplingHandler,
  options: Options = {},
  scripts: Parameters<typeof world>[0] = script
) => {
  const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["s"], policy: Policy.open, ...options })
  return Effect.gen(function*() {
    const { stopped, usage } = yield* agent.run("go", { id: "1" })
    const asked = yield* Wire
    const told = said(asked.findLast((each) => !isOfServer(each))!).at(-1)!
    return { asked, told, usage, stopped, ofServer: asked.filter(isOfServer) }
  }).pipe(
    Effect.provide(world(scripts, Layer.provide(agent.layer, McpServers.layer({ s: stub.inMemory({ sampling }) }))))
  )
}

describe("what an MCP server asks of a model", () => {
  it.effect("M-181, M-182: is asked of the agent's, and what it says goes back in the form of the protocol", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { think: samples() }
      const { ofServer, told, usage } = yield* live(stub, true)
      assert.deepStrictEqual(stub.clients.map((client) => Object.keys(client ?? {}).toSorted()), [[
        "elicitation",
        "sampling"
      ]])
      const [asked, ...more] = ofServer
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual([asked!.maxTokens, asked!.tools], [70, []])
      assert.include(said(asked!).at(-1), "Name a colour.")
      const reply = { role: "assistant", model: "m", content: { type: "text", text: "Red." }, stopReason: "endTurn" }
      for (const [key, value] of Object.entries(reply)) {
        assert.include(told, JSON.stringify(JSON.stringify({ [key]: value }).slice(1, -1)).slice(1, -1))
      }
      assert.deepStrictEqual(stub.calls, ["think"])
      assert.strictEqual(usage.input, 1_000 + 2 * 100)
    }))

  it.effect("M-181, M-182: or of whoever answers in place of a model, who is told where the server asks", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { think: samples() }
      const heard: Array<unknown> = []
      const { ofServer, told } = yield* live(
        stub,
        ({ maxTokens, messages, systemPrompt }, context) =>
          Effect.gen(function*() {
            const { depth, idempotencyKey, runId, serverName, spend } = context
            assert.include(idempotencyKey, "sampling")
            heard.push({ maxTokens, messages, systemPrompt, depth, isRun: runId.length > 0, serverName })
            yield* spend({ tokens: 5 })
            return {
              role: "assistant",
              model: "of-mine",
              content: { type: "text", text: "Blue." },
              stopReason: "endTurn"
            }
          })
      )
      assert.deepStrictEqual(heard, [{ ...request, depth: 1, isRun: true, serverName: "s" }])
      assert.deepStrictEqual(ofServer, [])
      assert.include(told, "Blue.")
      assert.include(told, "of-mine")
    }))

  it.effect("M-183: three samplings may lead to each other, and a fourth is refused", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { think: samples() }
      const depths: Array<number> = []
      let begun = 0
      const agent: Agent.Agent<"clerk", typeof Schema.String, typeof Schema.String, {}> = Agent.make("clerk", {
        instructions: "Do it.",
        model: "m",
        mcp: ["s"],
        policy: Policy.open
      })
      // Each sampling is answered by a run of the same agent, whose tool samples again.
      const sampling: McpSampling.SamplingHandler = (_, { depth }) =>
        Effect.gen(function*() {
          depths.push(depth)
          yield* agent.run("go", { id: `nested-${++begun}` })
          return { role: "assistant", model: "nested", content: { type: "text", text: `below ${depth}` } }
        })
      yield* Effect.gen(function*() {
        yield* agent.run("go", { id: "1" })
        const told = (yield* Wire).map((each) => said(each).at(-1)!)
        assert.deepStrictEqual(depths, [1, 2, 3])
        assert.strictEqual(stub.calls.length, 4)
        assert.lengthOf(told.filter((each) => each.includes("3 samplings have led to this one already")), 1)
        assert.lengthOf(told.filter((each) => each.includes("below 1")), 1)
      }).pipe(
        Effect.provide(world(script, Layer.provide(agent.layer, McpServers.layer({ s: stub.inMemory({ sampling }) }))))
      )
    }))

  it.effect("M-184: what it uses counts against the budget of the run, which refuses it when that is used up", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const told: Array<string> = []
      stub.tools = { think: samples(request, 5, told) }
      // Each of its questions takes 1,010 tokens.
      const { ofServer, stopped } = yield* live(stub, true, {
        budget: { tokens: 4_000 },
        onBudget: "finish",
        limits: { maxTokens: 500 }
      })
      assert.lengthOf(ofServer, 4)
      assert.include(told[3], "Red.")
      assert.include(told[4], "the run that it asks in may spend no more")
      assert.strictEqual(stopped, "budget")
    }))
})

describe("who lets an MCP server ask a model", () => {
  it.effect("policy does, which knows it as a tool, and is asked before a model is", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { think: samples() }
      const policy = Policy.rules({ allow: ["mcp__s__think"], deny: ["mcp__s__sampling"] })
      const { ofServer, told } = yield* live(stub, true, { policy })
      assert.deepStrictEqual(ofServer, [])
      assert.include(told, "it is not allowed")
    }))

  it.effect("or people, who see what is asked", () =>
    Effect.gen(function*() {
      for (const decision of ["approve", "deny"] as const) {
        const stub = new McpStub()
        stub.tools = { think: samples() }
        const agent = Agent.make("clerk", {
          instructions: "Do it.",
          model: "m",
          mcp: ["s"],
          policy: Policy.rules({ allow: ["mcp__s__think"] })
        })
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          const run = yield* Effect.forkChild(agent.run("go", { id: "1" }), { startImmediately: true })
          const [question] = yield* Effect.repeat(
            Effect.andThen(Effect.promise(() => new Promise(setImmediate)), runs.approvals()),
            { until: ([question]) => question !== undefined }
          )
          assert.include(question!.prompt, "MCP server \"s\" wants a model of agent \"clerk\" asked this")
          assert.deepStrictEqual(question!.args, request as unknown)
          assert.lengthOf((yield* Wire).filter(isOfServer), 0)
          yield* runs.answer(question!.id, { decision, by: "operator" })
          yield* Fiber.join(run)
          assert.lengthOf((yield* Wire).filter(isOfServer), decision === "approve" ? 1 : 0)
          assert.include(
            said((yield* Wire).at(-1)!).at(-1),
            decision === "approve" ? "Red." : "people did not let it ask a model"
          )
        }).pipe(
          Effect.provide(
            world(script, Layer.provide(agent.layer, McpServers.layer({ s: stub.inMemory({ sampling: true }) })))
          )
        )
      }
    }))
})

describe("which model an MCP server is answered by", () => {
  it.effect("one of the agent's: that of whose name it says a part, or the cheapest where it wants that", () =>
    Effect.gen(function*() {
      const price = (each: number) => ({ input: each, output: each, cacheRead: each, cacheWrite: each })
      const scripts = {
        "big-opus": { script, price: price(10) },
        "small-haiku": { script, price: price(1) }
      }
      const models = { model: ["big-opus", "small-haiku"] as [string, ...Array<string>] }
      for (
        const [modelPreferences, expected] of [
          [undefined, "big-opus"],
          [{ hints: [{ name: "haiku" }] }, "small-haiku"],
          [{ hints: [{ name: "gpt" }, { name: "opus" }], costPriority: 1 }, "big-opus"],
          [{ costPriority: 0.9, intelligencePriority: 0.2 }, "small-haiku"]
        ] as const
      ) {
        const stub = new McpStub()
        const params = { ...request, ...(modelPreferences === undefined ? {} : { modelPreferences }) }
        stub.tools = { think: samples(params as CreateMessageRequest["params"]) }
        const { ofServer } = yield* live(stub, true, models as Options, scripts)
        assert.deepStrictEqual(ofServer.map(({ model }) => model), [expected])
      }
    }))
})

describe("a sampling, and a crash of ours", () => {
  it.effect("a model that has answered is not asked again when the call is made again", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      let answers = 0
      const server = { answered: 0 }
      stub.tools = {
        think: {
          annotations: { idempotentHint: true },
          handle: async (_, { ask }) => {
            const told = JSON.stringify(await ask({ method: "sampling/createMessage", params: request }))
            // The first process dies when the server has been answered.
            if (++server.answered === 1) await new Promise(() => {})
            return text(told)
          }
        }
      }
      const build = () => {
        const agent = Agent.make("clerk", { instructions: "", model: "demo", mcp: ["s"], policy: Policy.open })
        const script: Scripted.Script = (request, turn) => {
          if (JSON.stringify(request.prompt.content).includes("You name things.")) return `Red ${++answers}.`
          return turn === 0 ? [Scripted.call("mcp__s__think", {})] : "done"
        }
        const models = Models.layer([Scripted.provider(script, { name: "demo" })])
        const servers = McpServers.layer({ s: stub.inMemory({ sampling: true }) })
        return { agent, layer: Layer.provide(agent.layer, [models, Chunks.layerMemory, servers]) }
      }
      const crash = yield* CrashHost.make
      const first = build()
      const before = yield* crash.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      while (server.answered === 0) yield* Effect.andThen(turn, before.settled)
      const after = yield* crash.restart(before, build().layer)
      while ((yield* crash.run(run)).status !== "completed") yield* Effect.andThen(turn, after.settled)
      assert.deepStrictEqual([stub.calls.length, answers], [2, 1])
    }))
})
