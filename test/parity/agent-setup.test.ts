/** How an agent is set up by who uses it: its models, its policy, and what is known of a run from outside. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentDefaults, AgentObserver, AgentTool, Models, Policy, Scripted } from "@fermata/agent"
import type { Price } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Logger, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, said, Wire, withTools, world } from "./AgentWorld.ts"

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Write = Tool.make("Write", {
  parameters: Schema.Struct({ path: Schema.String, content: Schema.String }),
  success: Schema.String
})

const kit = Toolkit.make(Read, Write)
const readKit = Toolkit.make(Read)

const flat = (rate: number): Price => ({ input: rate, output: rate, cacheRead: rate, cacheWrite: rate })

/** A model that says this, and what it costs; nobody knows it where it is undefined. */
const model = (name: string, script: Scripted.Script, price?: () => Price): Models.Provider => {
  const { find, ...rest } = Scripted.provider(script, { name })
  return {
    ...rest,
    find: (asked) => {
      const found = find(asked)
      return found &&
        Effect.map(found, ({ price: _, ...model }) => price === undefined ? model : { ...model, price: price() })
    }
  }
}

/** What a run's journal says of who was asked: which order was decided for each call, and who answered. */
const asked = Effect.fnUntraced(function*(run: string) {
  const runs = yield* Runs
  const decided = (yield* runs.journal(run)).flatMap((entry) =>
    entry._tag === "Decided" && entry.name === "models" ? [entry.value] : []
  )
  const answers = (yield* runs.show(run)).steps.flatMap(({ name, output }) =>
    name === "model" ? [(output as { readonly model: string }).model] : []
  )
  return { decided, answers }
})

describe("which of several models is asked", () => {
  it.effect("N-56: the next where the first is overloaded, and the journal says whose the answer is", () => {
    const agent = Agent.make("agent", { instructions: "", model: ["first", "second"] })
    const providers = [model("first", () => [Scripted.fail("overloaded")]), model("second", () => "from the second")]
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* (yield* TestHost).settled
      assert.deepStrictEqual(yield* asked(run), { decided: [], answers: ["second"] })
    }).pipe(Effect.provide(
      Layer.provide(agent.layer, [Models.layer(providers), Chunks.layerMemory]).pipe(
        Layer.provideMerge(Runs.layer),
        Layer.provideMerge(TestHost.layer)
      )
    ))
  })

  it.effect("N-56: the cheapest that holds the question, decided once for each call and recorded; nobody's price is no low price", () =>
    Effect.gen(function*() {
      const prices = { one: 1, other: 10 }
      const script: Scripted.Script = (_, turn) =>
        turn === 0 ? [Scripted.call("Write", { path: "p", content: "c" })] : "done"
      const build = () => {
        const agent = Agent.make("agent", {
          instructions: "",
          model: ["unknown", "other", "small", "one"],
          modelOrder: "cheapest",
          toolkit: kit
        })
        const providers = [
          model("unknown", script),
          model("other", script, () => flat(prices.other)),
          model("one", script, () => flat(prices.one)),
          Scripted.provider(script, { name: "small", contextWindow: 100 })
        ]
        const handlers = kit.toLayer({ Read: () => Effect.succeed(""), Write: () => Effect.succeed("written") })
        return { agent, layer: Layer.provide(agent.layer, [handlers, Models.layer(providers), Chunks.layerMemory]) }
      }
      const world = yield* CrashHost.make
      const first = build()
      const before = yield* world.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      yield* before.settled
      // While people are asked, another model becomes the cheapest: for the next call, and for no call of before.
      prices.one = 20
      const after = yield* world.restart(before, build().layer)
      const withRuns = <A, E>(effect: Effect.Effect<A, E, Runs>) => after.use(Effect.provide(effect, Runs.layer))
      yield* withRuns(Effect.gen(function*() {
        const runs = yield* Runs
        const [question] = yield* runs.approvals()
        yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
      }))
      yield* after.settled
      assert.deepStrictEqual(yield* withRuns(asked(run)), {
        decided: [["one", "other", "unknown"], ["other", "one", "unknown"]],
        answers: ["one", "other"]
      })
    }))
})

describe("how an agent is put together", () => {
  const script = inTurn(calls(call("a", "Read", { path: "p" })), answer("done"))

  it.effect("M-12: with its defaults, and with all of them written out, it asks and does the same", () => {
    const { defaults } = AgentDefaults
    const lives = (options: Parameters<typeof withTools>[2]) => {
      const { agent, layer } = withTools(readKit, { Read: () => Effect.succeed("text") }, options as never)
      return Effect.gen(function*() {
        const result = yield* agent.run("go", { id: "1" })
        const asked = (yield* Wire).map(({ prompt: _, tools: __, ...rest }) => rest)
        return { result, asked, said: (yield* Wire).map(said) }
      }).pipe(Effect.provide(world(script, layer)))
    }
    return Effect.gen(function*() {
      const written = yield* lives({
        model: "m",
        modelOrder: "given",
        policy: Policy.rules(),
        onBudget: "ask",
        limits: {
          turns: defaults.maxTurns,
          depth: defaults.maxDepth,
          toolConcurrency: defaults.toolConcurrency,
          turnTimeout: defaults.turnTimeoutMs,
          runTimeout: defaults.runTimeoutMs,
          maxTokens: defaults.maxTokens,
          raisedMaxTokens: defaults.raisedMaxTokens,
          retries: defaults.maxRetries,
          repairs: defaults.repairs
        },
        compaction: {
          strategy: defaults.compaction,
          contextLimit: defaults.contextLimit,
          threshold: defaults.compactionThreshold,
          keepLast: defaults.keepLast,
          summaryMaxTokens: defaults.summaryMaxTokens,
          microcompactAge: defaults.microcompactAgeMs
        }
      })
      assert.deepStrictEqual(yield* lives({}), written)
    })
  })

  it.effect("M-25: where nothing is said of it, nobody watches a run, nothing stops it, and only the policy of its agent gates it, and none below; the open profile gates nothing", () =>
    Effect.gen(function*() {
      const scripts = {
        b: inTurn(
          calls(call("a", "helper", { prompt: "go" })),
          calls(call("b", "Write", { path: "above", content: "" })),
          answer("done")
        ),
        h: inTurn(calls(call("a", "Write", { path: "below", content: "" })), answer("helped"))
      }
      const life = (
        options: Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>> = {},
        observer?: AgentObserver.Observer
      ) => {
        const did: Array<string> = []
        const handlers = kit.toLayer({
          Read: () => Effect.succeed(""),
          Write: ({ path }) => Effect.as(Effect.sync(() => void did.push(path)), "written")
        })
        const common = { instructions: "", toolkit: kit } as const
        const helper = Agent.make("helper", { ...common, model: "h", policy: Policy.open })
        const boss = Agent.make("boss", { ...common, model: "b", agents: [helper], ...options as object })
        return Effect.gen(function*() {
          const runs = yield* Runs
          const run = yield* boss.start("go", { id: "1" })
          yield* (yield* TestHost).settled
          const { reason, status } = yield* runs.find(run)
          const story = (yield* runs.journal(run))
            .map((entry) => "key" in entry ? `${entry._tag} ${entry.key}` : entry._tag)
            .filter((told) => !told.startsWith("Decided stop"))
          return { status, reason, did, story, questions: (yield* runs.approvals()).map(({ key }) => key) }
        }).pipe(Effect.provide(world(
          scripts,
          Layer.provide(boss.layer, handlers),
          Layer.provide(helper.layer, handlers),
          observer === undefined ? Layer.empty : AgentObserver.layer([boss, helper], observer)
        )))
      }
      const closed = yield* life()
      assert.deepInclude(closed, { status: "suspended", reason: "approval", did: ["below"], questions: ["Write"] })
      assert.deepStrictEqual(yield* life({ stop: () => false }, {}), closed)
      const open = yield* life({ policy: Policy.open })
      assert.deepInclude(open, { status: "completed", did: ["below", "above"], questions: [] })
      assert.notInclude(open.story.join(), "ApprovalRequested")
    }))

  it.effect("M-14, M-69: its parts are Layers: each can be another, and each is there before the model is asked", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const tell = (what: string) => Effect.sync(() => void told.push(what))
      const agent = Agent.make("agent", {
        instructions: () => (told.push("prompt"), "Do it."),
        model: "m",
        toolkit: readKit
      })
      const built = <A, E, R>(what: string, layer: Layer.Layer<A, E, R>) => Layer.unwrap(Effect.as(tell(what), layer))
      const life = (which: string) => {
        const models = Models.layer([model("m", (_, turn) => {
          told.push("model")
          return turn === 0 ? [Scripted.call("Read", { path: "p" })] : `model ${which}`
        })])
        const handlers = readKit.toLayer({ Read: () => Effect.as(tell(`tool ${which}`), "text") })
        const storage = built("storage", TestHost.layer)
        const observer = AgentObserver.layer([agent], {
          preRun: () => tell("preRun"),
          postRun: ({ status }) => tell(`postRun ${status}`)
        })
        return Effect.gen(function*() {
          const { output } = yield* agent.run("go")
          yield* (yield* TestHost).settled
          return output
        }).pipe(Effect.provide(
          Layer.merge(agent.layer, observer).pipe(
            Layer.provide(built("tools", handlers)),
            Layer.provide(built("client", models)),
            Layer.provide(built("transcript", Chunks.layerMemory)),
            Layer.provideMerge(Runs.layer),
            Layer.provideMerge(storage)
          )
        ))
      }
      for (const which of ["one", "other"]) {
        told.length = 0
        assert.strictEqual(yield* life(which), `model ${which}`)
        const loop = told.filter((what) => !what.startsWith("p"))
        assert.strictEqual(loop[0], "storage")
        assert.sameMembers(loop.slice(0, 4), ["storage", "client", "tools", "transcript"])
        assert.deepStrictEqual(loop.slice(4), ["model", `tool ${which}`, "model"])
        assert.isBelow(told.indexOf("prompt"), told.indexOf("model"))
        assert.isBelow(told.indexOf("preRun"), told.indexOf("postRun done"))
        assert.strictEqual(told.at(-1), "postRun done")
      }
    }))

  it.effect("M-26: what is logged, and where, is the program's: at a level of warnings no more is told, and nothing is printed", () => {
    const lines: Array<string> = []
    const { agent, layer } = withTools(readKit, {
      Read: () => Effect.as(Effect.andThen(Effect.logInfo("an info"), Effect.logWarning("a warning")), "text")
    })
    const sink = Logger.layer([
      Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    ])
    const printed: Array<string> = []
    const restore = (["stdout", "stderr"] as const).map((name) => {
      const { write } = process[name]
      process[name].write = ((text: string) => printed.push(text) > 0) as typeof write
      return () => void (process[name].write = write)
    })
    return agent.run("go").pipe(
      Effect.provide(
        world(script, layer).pipe(
          Layer.provideMerge(sink),
          Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "Warn"))
        )
      ),
      Effect.ensuring(Effect.sync(() => restore.forEach((back) => back()))),
      Effect.andThen(Effect.sync(() => {
        assert.deepStrictEqual(lines, ["Warn a warning"])
        assert.deepStrictEqual(printed, [])
      }))
    )
  })

  it.effect("N-23: policy lets a call be made, refuses it, asks, or changes what it is called with, as the journal says", () => {
    const made: Array<string> = []
    const { agent, layer } = withTools(kit, {
      Read: ({ path }) => Effect.as(Effect.sync(() => made.push(`read ${path}`)), "text"),
      Write: ({ path }) => Effect.as(Effect.sync(() => made.push(`wrote ${path}`)), "written")
    }, {
      policy: ({ params, tool }) => {
        const { path } = params as { readonly path: string }
        return tool === "Write"
          ? { decision: "ask", approvers: ["ada"], prompt: `Write ${path}?` }
          : path === ".env"
          ? { decision: "deny", reason: "it holds keys" }
          : path.startsWith("/")
          ? { decision: "modify", params: { path: path.slice(1) }, reason: "paths are relative here" }
          : { decision: "allow" }
      }
    })
    const reads = ["a", ".env", "/b"].map((path, index) => call(`${index}`, "Read", { path }))
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* agent.start("go", { id: "1" })
      yield* (yield* TestHost).settled
      const [question] = yield* runs.approvals()
      assert.deepInclude(question!, { prompt: "Write c?", approvers: ["ada"] })
      assert.deepStrictEqual(made, ["read a", "read b"])
      yield* runs.answer(question!.id, { decision: "approve", by: "ada" })
      yield* (yield* TestHost).settled
      assert.deepStrictEqual(made, ["read a", "read b", "wrote c"])
      assert.include(said((yield* Wire)[1]!).at(-1)!, "it is not allowed: it holds keys")
      const journal = yield* runs.journal(run)
      const inputs = journal.flatMap((entry) =>
        entry._tag === "StepRequested" && entry.name === "Read" ? [entry.input] : []
      )
      assert.deepStrictEqual(inputs.map((input) => (input as { readonly params: unknown }).params), [
        { path: "a" },
        { path: "b" }
      ])
      const decided = journal.flatMap((entry) =>
        entry._tag === "Decided" && entry.name === "calls" ? [entry.value] : []
      )
      assert.deepNestedInclude({ decided }, {
        "decided[0][2].instead": { params: { path: "b" }, reason: "paths are relative here" },
        "decided[0][1].to": "nobody"
      })
    }).pipe(Effect.provide(
      world(inTurn(calls(...reads, call("w", "Write", { path: "c", content: "" })), answer("done")), layer)
    ))
  })

  it.effect("N-58: an answer that is no JSON is mended in one more turn, before anything fails", () => {
    const agent = Agent.make("agent", { instructions: "", model: "m", output: Schema.Struct({ price: Schema.Int }) })
    return Effect.gen(function*() {
      const { output, turns } = yield* agent.run("go")
      assert.deepStrictEqual([output, turns], [{ price: 29 }, 2])
      assert.include(said((yield* Wire)[1]!).at(-1)!, "Your answer cannot be used")
    }).pipe(Effect.provide(world(inTurn(answer("It is {price: 29"), answer("{\"price\":29}")), agent.layer)))
  })
})
