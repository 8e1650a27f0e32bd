import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool } from "@fermata/agent"
import { Model, Models, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

/** Tokens: room for one call, which reserves a little over a thousand. */
const daily = 1_300

const Look = Tool.make("Look", { parameters: Schema.Struct({}), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))

/** An agent whose calls and looks wait for a word, and the keys under which its model was asked. */
const build = (looks: number) => {
  const asked: Array<string> = []
  const may = { answer: Deferred.makeUnsafe<void>(), look: Deferred.makeUnsafe<void>() }
  const kit = Toolkit.make(Look)
  const agent = Agent.make("agent", {
    instructions: "Do it.",
    model: "m",
    toolkit: kit,
    dailyBudget: { tokens: daily },
    limits: { maxTokens: 1_000 }
  })
  const script: Scripted.Script = (_, turn) => [
    ...(turn < looks ? [Scripted.call("Look", {})] : [Scripted.text("done")]),
    Scripted.end(turn < looks ? "tool-calls" : "stop", { input: 10, output: 10 })
  ]
  const provider = Scripted.provider(script, { name: "m" })
  const waiting: Models.Provider = {
    ...provider,
    find: (name) => {
      const found = provider.find(name)
      return found && Effect.map(found, (model): Model.Model => ({
        ...model,
        stream: (request) => {
          asked.push(request.idempotencyKey)
          return Stream.unwrap(Effect.as(Deferred.await(may.answer), model.stream(request)))
        }
      }))
    }
  }
  const handlers = kit.toLayer({ Look: () => Effect.as(Deferred.await(may.look), "seen") })
  const layer = Layer.provide(
    agent.layer,
    Layer.mergeAll(handlers, Models.layer([waiting]), Chunks.layerMemory)
  )
  return { agent, asked, may, layer }
}

const show = (host: CrashHost.Host, run: string) =>
  host.use(Effect.provide(Effect.flatMap(Runs, (runs) => Effect.orDie(runs.show(run))), Runs.layer))

describe("a daily budget over crashes and pauses", () => {
  it.effect("N-45, N-50: a call in flight, which the day has no room for again after a crash, is asked for under the same key on the next", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const { agent, asked, layer, may } = build(0)
      const first = yield* world.start(layer)
      const run = yield* first.use(agent.start("go", { id: "1" }))
      yield* first.settled
      assert.strictEqual(asked.length, 1)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      const row = yield* world.run(run)
      assert.deepStrictEqual([row.status, row.reason], ["suspended", "budget"])
      assert.strictEqual(asked.length, 1, "what the dead process had reserved counts")
      const { spent } = yield* show(second, run)
      assert.isAbove(spent.unsettled.tokens ?? 0, 1_000)
      // The books of the day hold, whatever was in flight.
      const [sums] = yield* world.backend.spending({})
      assert.isAtMost(sums!.tokens + sums!.reservedTokens, daily)
      // Also a wait that is taken up by somebody else keeps the key.
      const third = yield* world.restart(second, layer)
      yield* Deferred.succeed(may.answer, undefined)
      yield* TestClock.adjust("1 day")
      yield* third.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(asked, [asked[0], asked[0]])
      assert.include(asked[0], run)
    }))

  it.effect("N-50: what a run has reserved that was paused before its call began is there for it, in whichever process", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const { agent, asked, layer, may } = build(1)
      yield* Deferred.succeed(may.answer, undefined)
      const host = yield* world.start(layer)
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      yield* world.tell(run, "pause", { by: "ada" })
      yield* Deferred.succeed(may.look, undefined)
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).reason, "operator")
      assert.strictEqual(asked.length, 1)
      yield* host.evict
      yield* world.tell(run, "resume", { by: "ada" })
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(asked.length, 2)
    }))
})
