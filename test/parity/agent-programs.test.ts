import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentErrors, AgentStream, AgentTool, Policy } from "@fermata/agent"
import { type Model, ModelOverride, Models } from "@fermata/agent/Model"
import * as ModelsOf from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as RunViewSchema from "@fermata/core/RunViewSchema"
import type { Backend } from "@fermata/engine/Backend"
import { Chunks } from "@fermata/engine/Chunks"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { SqliteBackend } from "@fermata/host-node"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Workflow } from "effect/workflow"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer, call, calls, inTurn, said, type Script, Wire, world } from "./AgentWorld.ts"

const reads = { onCrash: "rerun", safe: true, permission: "read" } as const
const Ticket = Schema.Struct({ id: Schema.String, title: Schema.String })
const Lookup = Tool.make("lookup-ticket", { parameters: Schema.Struct({ id: Schema.String }), success: Ticket })
  .annotateMerge(AgentTool.rules(reads))
const kit = Toolkit.make(Lookup)
const handlers = kit.toLayer({ "lookup-ticket": ({ id }) => Effect.succeed({ id, title: `ticket:${id}` }) })

const Summarise = Agent.make("summarise-ticket", { instructions: "You sum up.", model: "s" })
const Triage = Agent.make("triage", {
  instructions: "You sort tickets.",
  model: "m",
  toolkit: kit,
  agents: [Summarise],
  skills: [{ name: "severity", description: "How bad it is", content: "Three levels." }],
  policy: Policy.open
})
const layer = Layer.mergeAll(Layer.provide(Triage.layer, handlers), Summarise.layer)

/** A skill first, then a tool and a subagent at once, and then the end. */
const sorts = inTurn(
  calls(call("a", "Skill", { name: "severity" })),
  calls(call("b", "lookup-ticket", { id: "42" }), call("c", "summarise-ticket", { prompt: "42" })),
  answer("It is bad.")
)
const scripts: Readonly<Record<string, Script>> = { m: sorts, s: inTurn(answer("a ticket")) }

/** A program in which an agent takes a turn. */
const Desk = Workflow.make("Desk", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: AgentErrors.AgentFailed,
  idempotencyKey: ({ id }) => id
})
const desk = Desk.toLayer(({ id }) => Effect.map(Triage.run("sort it", { id }), ({ output }) => output))

describe("an agent in a program", () => {
  it.effect("P-37, P-46: needs a name and what it is told; the model is its own, or the one of the process in its place", () => {
    const plain = Agent.make("plain", { instructions: "Do it.", model: "own" })
    const asks = (override: string | undefined) =>
      Effect.gen(function*() {
        yield* plain.run("go")
        return (yield* Wire).map(({ model }) => model)
      }).pipe(
        Effect.provide(world(
          { own: inTurn(answer("done")), other: inTurn(answer("done")) },
          Layer.provide(plain.layer, Layer.succeed(ModelOverride, override))
        ))
      )
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* asks(undefined), ["own"])
      assert.deepStrictEqual(yield* asks("other"), ["other"])
    })
  })

  it.effect("P-45: a model is a plain object, whose stream says what it says at once or later", () => {
    const plain = Agent.make("plain", { instructions: "Do it.", model: "own" })
    const model: Model = {
      name: "own",
      provider: "mine",
      contextWindow: 10_000,
      maxOutput: 1_000,
      stream: () =>
        Stream.concat(
          Stream.fromIterable(
            [{ type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "at once" }] as const
          ),
          Stream.fromEffect(Effect.as(
            Effect.yieldNow,
            {
              type: "finish",
              reason: "stop",
              usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } }
            } as const
          ))
        )
    }
    const models = Layer.succeed(Models, { names: ["own"], get: () => Effect.succeed(model) })
    return Effect.gen(function*() {
      assert.strictEqual((yield* plain.run("go")).output, "at once")
    }).pipe(Effect.provide(world({}, Layer.provide(plain.layer, models))))
  })

  it.effect("P-38, P-40, P-48: is a run of its own there, whose rounds, tools and subagents are in journals that replay", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      assert.strictEqual(yield* Desk.execute({ id: "1" }), "It is bad.")
      const [desk] = yield* runs.list({ workflow: "Desk" })
      const [triage] = yield* runs.list({ workflow: "triage" })
      assert.deepStrictEqual((yield* runs.show(desk!.id)).children.map(({ child }) => child), [triage!.id])
      const view = yield* runs.show(triage!.id)
      assert.deepStrictEqual(view.steps.map(({ name, status }) => `${name} ${status}`), [
        "model completed",
        "Skill completed",
        "model completed",
        "lookup-ticket completed",
        "model completed"
      ])
      assert.deepStrictEqual(
        view.children.map(({ status, workflow }) => `${workflow} ${status}`),
        ["summarise-ticket completed"]
      )
      // Another process that is asked for the same finds it, and asks no model.
      const before = (yield* Wire).length
      assert.strictEqual(yield* Desk.execute({ id: "1" }), "It is bad.")
      assert.strictEqual((yield* Wire).length, before)
    }).pipe(Effect.provide(world(scripts, layer, desk))))

  it.effect("P-39, P-47: a tool is given what its schema takes, wrong arguments are told to the model; the same again comes to the same", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const results = (id: string) =>
        Effect.gen(function*() {
          const run = yield* Triage.start("go", { id })
          yield* (yield* TestHost).settled
          const { children, steps } = yield* runs.show(run)
          return [
            ...steps.flatMap(({ name, output }) => name === "model" ? [] : [output]),
            ...children.map((c) => c.output)
          ]
        })
      const first = yield* results("1")
      assert.deepInclude(first, { isFailure: false, result: { id: "42", title: "ticket:42" } })
      assert.deepStrictEqual(yield* results("2"), first)
    }).pipe(Effect.provide(world(scripts, layer))))

  it.effect("P-39: what its schema does not take crashes nothing", () =>
    Effect.gen(function*() {
      yield* Triage.run("go")
      assert.match(said((yield* Wire)[1]!).at(-1)!, /"isFailure":true/)
    }).pipe(
      Effect.provide(world(
        { ...scripts, m: inTurn(calls(call("a", "lookup-ticket", { id: 42 })), answer("done")) },
        layer
      ))
    ))

  it.effect("P-43, P-44: a request has the messages so far and the tools; an answer may call tools and subagents at once, and ends the turn where it calls nothing", () =>
    Effect.gen(function*() {
      yield* Triage.run("go")
      const asked = (yield* Wire).filter(({ model }) => model === "m")
      assert.deepStrictEqual(asked.map(({ prompt }) => prompt.content.map(({ role }) => role).join()), [
        "system,user",
        "system,user,assistant,tool",
        "system,user,assistant,tool,assistant,tool"
      ])
      assert.notInclude(said(asked[0]!).join(), "Three levels.")
      assert.include(said(asked[1]!).join(), "Three levels.")
      for (const { tools } of asked) {
        assert.deepStrictEqual(tools.map(({ name }) => name).toSorted(), ["Skill", "lookup-ticket", "summarise-ticket"])
      }
      const results = said(asked[2]!).at(-1)!
      assert.include(results, "ticket:42")
      assert.include(results, "a ticket")
    }).pipe(Effect.provide(world(scripts, layer))))

  it.effect("P-52, P-53, P-55: tells what happens in order; a run that waits and one that is over are looked at alike, and are JSON", () => {
    const asking = Agent.make("asking", {
      instructions: "Ask.",
      model: "w",
      toolkit: kit,
      policy: Policy.rules({ ask: ["lookup-ticket"] })
    })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const { settled } = yield* TestHost
      const done = yield* Triage.start("go", { id: "1" })
      const waits = yield* asking.start("go", { id: "1" })
      yield* settled
      const events = yield* Stream.runCollect(AgentStream.of(done))
      assert.deepStrictEqual(
        events.flatMap((event) => "step" in event && event.run === done ? [`${event.type} ${event.step}`] : []).filter(
          (text) => !text.startsWith("part ")
        ),
        [
          "answer model",
          "tool-call Skill",
          "tool-result Skill",
          "answer model~2",
          "tool-call lookup-ticket",
          "tool-result lookup-ticket",
          "answer model~3"
        ]
      )
      for (const [run, status] of [[done, "completed"], [waits, "suspended"]] as const) {
        const view = yield* runs.show(run)
        assert.strictEqual(view.status, status)
        assert.isAbove(view.steps.length, 0)
        const encoded = JSON.stringify(Schema.encodeUnknownSync(RunViewSchema.RunView)(view))
        assert.deepStrictEqual(Schema.decodeUnknownSync(RunViewSchema.RunView)(JSON.parse(encoded)), view)
      }
    }).pipe(
      Effect.provide(
        world(
          { ...scripts, w: inTurn(calls(call("a", "lookup-ticket", { id: "1" })), answer("done")) },
          layer,
          Layer.provide(asking.layer, handlers)
        )
      )
    )
  })
})

describe("what a run of an agent is looked at by", () => {
  it.effect("P-54: is the same whatever its store is: in memory, or a database", () => {
    const looked = (backend: Backend) =>
      Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* Triage.start("go", { id: "1" })
        yield* (yield* TestHost).settled
        return yield* runs.show(run)
      }).pipe(Effect.provide(
        Layer.mergeAll(layer).pipe(
          Layer.provide([
            ModelsOf.layer([
              Scripted.provider(
                ({ tools }, turn) =>
                  tools.length > 0 && turn === 0 ? [Scripted.call("lookup-ticket", { id: "42" })] : "done",
                { name: "m" }
              )
            ]),
            Chunks.layerMemory
          ]),
          Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layerOf(backend, { ownerId: "one" })))
        )
      ))
    return Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-looked-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      const inMemory = yield* looked(MemoryBackend.make(MemoryBackend.makeStore()))
      assert.strictEqual(inMemory.status, "completed")
      assert.deepStrictEqual(yield* looked(yield* SqliteBackend.make({ file: join(folder, "a.db") })), inMemory)
    })
  })
})

describe("the loop of an agent", () => {
  it.effect("M-07: comes to a value whatever its tools do: they throw, fail, give nonsense, or never end", () => {
    const names = ["throws", "fails", "lies", "hangs"] as const
    const tools = Toolkit.make(
      ...names.map((name) =>
        Tool.make(name, { parameters: Schema.Struct({}), success: Schema.String })
          .annotateMerge(AgentTool.rules({ ...reads, timeout: "1 minute" }))
      )
    )
    const bad = Agent.make("bad", { instructions: "Do it.", model: "m", toolkit: tools, policy: Policy.open })
    const hands = tools.toLayer({
      throws: () => {
        throw new Error("thrown")
      },
      fails: () => Effect.die("dead"),
      lies: () => Effect.succeed(42 as never),
      hangs: () => Effect.never
    })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const run = yield* bad.start("go")
      yield* host.settled
      yield* host.adjust("2 minutes")
      const view = yield* runs.show(run)
      assert.deepStrictEqual([view.status, view.children.length], ["completed", 0])
      const results = said((yield* Wire)[1]!).at(-1)!
      assert.strictEqual(results.split("\"isFailure\":true").length - 1, names.length)
    }).pipe(
      Effect.provide(world(
        inTurn(calls(...names.map((name) => call(name, name, {}))), answer("done")),
        Layer.provide(bad.layer, hands)
      ))
    )
  })
})
