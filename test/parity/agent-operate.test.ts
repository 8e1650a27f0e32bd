import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentErrors, AgentResponse, AgentStream, AgentTool, Policy } from "@fermata/agent"
import type { AgentEvent } from "@fermata/agent/AgentEvent"
import { ModelFailed } from "@fermata/agent/Model"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Deferred, Effect, Fiber, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Workflow } from "effect/workflow"
import { answer, call, calls, inTurn, said, say, type Script, stop, Wire, withTools, world } from "./AgentWorld.ts"

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Read)

const begin = (agent: Pick<ReturnType<typeof plain>, "start">, options: Agent.RunOptions = {}) =>
  Effect.gen(function*() {
    const run = yield* agent.start("go", { id: "1", ...options })
    yield* (yield* TestHost).settled
    return run
  })

const plain = (options: Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>> = {}) =>
  Agent.make("agent", { instructions: "Do it.", model: "m", ...options })

/** What an event tells, in short. */
const short = (event: AgentEvent): string => {
  switch (event.type) {
    case "part": {
      const part = event.part as { readonly type: string; readonly delta?: string }
      return part.delta === undefined ? `part ${part.type}` : `part ${part.delta}`
    }
    case "answer":
      return `answer ${event.step}`
    case "tool-call":
    case "tool-result":
      return `${event.type} ${event.step}`
    case "status":
      return `status ${event.status}`
    default:
      return event.type
  }
}

describe("the stream of a run", () => {
  it.effect("N-04: tells text, calls, results and the end in order; from any place on nothing is lost and nothing is told twice", () => {
    const { agent, layer } = withTools(kit, { Read: () => Effect.succeed("text") })
    return Effect.gen(function*() {
      const run = yield* begin(agent)
      const all = yield* Stream.runCollect(AgentStream.of(run))
      assert.deepStrictEqual(all.map(short), [
        "start",
        "answer model",
        "tool-call Read",
        "tool-result Read",
        "answer model~2",
        "status completed"
      ])
      for (const [index, { at }] of all.entries()) {
        const rest = yield* Stream.runCollect(AgentStream.of(run, { from: { [run]: at } }))
        // Where the run stands is told to whoever comes.
        const behind = all.slice(index + 1).filter(({ type }) => type !== "status")
        assert.deepStrictEqual(rest.map(short), [...behind.map(short), "status completed"], at)
      }
    }).pipe(Effect.provide(world(inTurn(calls(call("a", "Read", { path: "p" })), answer("All done.")), layer)))
  })

  it.effect("N-04: what a model says is told as it says it, and a try that failed is void before the next begins", () => {
    const agent = plain()
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let tries = 0
      yield* Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        const reading = yield* Effect.forkChild(Stream.runCollect(AgentStream.of(run)), { startImmediately: true })
        yield* test.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* test.adjust("1 second")
        const events = yield* Fiber.join(reading)
        assert.includeMembers(events.map(short), ["restart", "answer model", "status completed"])
        const restart = events.findIndex(({ type }) => type === "restart")
        const answered = events.findIndex(({ type }) => type === "answer")
        assert.include(events.slice(0, restart).map(short), "part half")
        assert.isBelow(restart, answered)
        assert.notInclude(events.slice(answered).map(short).join(), "part")
      }).pipe(Effect.provide(world(() =>
        ++tries === 1
          ? [...say("half"), Scripted.fail("stream cut")]
          : Effect.as(Deferred.await(gate), answer("whole")), agent.layer)))
    })
  })

  it.effect("N-04: what a model has said before it failed is void before the next in its place speaks", () => {
    const agent = plain({ model: ["first", "second"] })
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        const reading = yield* Effect.forkChild(Stream.runCollect(AgentStream.of(run)), { startImmediately: true })
        yield* test.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* test.adjust("1 second")
        const told = (yield* Fiber.join(reading)).map(short)
        assert.isAbove(told.indexOf("restart"), told.indexOf("part half"))
        assert.isAbove(told.indexOf("part half"), 0)
        assert.isAbove(told.indexOf("answer model"), told.indexOf("restart"))
      }).pipe(
        Effect.provide(world({
          first: () => [...say("half"), Scripted.fail("stream cut")],
          second: () => Effect.as(Deferred.await(gate), answer("whole"))
        }, agent.layer))
      )
    })
  })

  it.effect("N-02, N-04: follows subagents at any depth, each with places of its own", () => {
    const low = Agent.make("low", { instructions: "low", model: "low" })
    const middle = Agent.make("middle", { instructions: "middle", model: "middle", agents: [low] })
    const top = Agent.make("top", { instructions: "top", model: "top", agents: [middle] })
    const give = (agent: string) => inTurn(calls(call("a", agent, { prompt: "help" })), answer("done"))
    return Effect.gen(function*() {
      const run = yield* begin(top)
      const events = yield* Stream.runCollect(AgentStream.of(run))
      const ends = events.filter(({ type }) => type === "status").map(({ agent, depth }) => `${agent} ${depth}`)
      assert.deepStrictEqual(ends.toSorted(), ["low 2", "middle 1", "top 0"])
      const alone = yield* Stream.runCollect(AgentStream.of(run, { children: false }))
      assert.isTrue(alone.every(({ agent }) => agent === "top"))
    }).pipe(
      Effect.provide(
        world(
          { top: give("middle"), middle: give("low"), low: inTurn(answer("low done")) },
          top.layer,
          middle.layer,
          low.layer
        )
      )
    )
  })
})

describe("a run that is told something", () => {
  it.effect("N-49: a message in the middle is seen at the next turn, and one at the end keeps the run from ending", () => {
    const Wait = Tool.make("Wait", { parameters: Schema.Struct({}), success: Schema.String })
      .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "read" }))
    const waits = Toolkit.make(Wait)
    return Effect.gen(function*() {
      const [tool, model] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const { agent, layer } = withTools(waits, { Wait: () => Effect.as(Deferred.await(tool), "waited") })
      yield* Effect.gen(function*() {
        const test = yield* TestHost
        const run = yield* begin(agent)
        assert.strictEqual(yield* Agent.tell(run, "be quick", { id: "a" }), "accepted")
        assert.strictEqual(yield* Agent.tell(run, "be quick", { id: "a" }), "duplicate")
        yield* Agent.tell(run, "and brief")
        yield* Deferred.succeed(tool, undefined)
        yield* test.settled
        const second = said((yield* Wire)[1]!)
        assert.include(second.at(-1)!, "be quick")
        assert.include(second.at(-1)!, "and brief")
        yield* Agent.tell(run, "one more thing")
        yield* Deferred.succeed(model, undefined)
        yield* test.settled
        const asked = yield* Wire
        assert.strictEqual(asked.length, 3)
        assert.include(said(asked[2]!).at(-1)!, "one more thing")
        assert.strictEqual((yield* AgentResponse.of(run)).data, "that too")
      }).pipe(
        Effect.provide(
          world((_, turn) =>
            turn === 0
              ? calls(call("a", "Wait", {}))
              : turn === 1
              ? Effect.as(Deferred.await(model), answer("done"))
              : answer("that too"), layer)
        )
      )
    })
  })
})

describe("a budget", () => {
  const looks = (_: unknown, turn: number) =>
    turn < 3 ? calls(...say(`turn ${turn}`), call(`${turn}`, "Read", { path: "p" })) : answer("done")
  const handlers = { Read: () => Effect.succeed("text") }

  it.effect("N-50: is held against each call before it is made; reached, the run waits as budget, and goes on when it is raised", () => {
    const { agent, layer } = withTools(kit, handlers, { budget: { tokens: 8_650 } })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* begin(agent)
      const paused = yield* AgentResponse.of(run)
      assert.deepStrictEqual([paused.status, paused.meta.pauseReason, paused.meta.turns], ["paused", "budget", 2])
      assert.strictEqual((yield* Wire).length, 2)
      assert.strictEqual((yield* runs.find(run)).reason, "budget")
      yield* runs.raise(run, { tokens: 1, by: "ada" })
      yield* (yield* TestHost).settled
      assert.strictEqual((yield* AgentResponse.of(run)).meta.pauseReason, "budget", "not enough yet")
      yield* runs.raise(run, { tokens: 10_000, by: "ada" })
      yield* (yield* TestHost).settled
      const done = yield* AgentResponse.of(run)
      assert.deepStrictEqual([done.status, done.meta.turns], ["done", 4])
    }).pipe(Effect.provide(world(looks, layer)))
  })

  it.effect("M-77: may end the run with what there is instead", () => {
    const { agent, layer } = withTools(kit, handlers, { budget: { tokens: 8_650 }, onBudget: "finish" })
    return Effect.gen(function*() {
      const { output, stopped, turns } = yield* agent.run("go")
      assert.deepStrictEqual([output, stopped, turns], ["turn 1", "budget", 2])
    }).pipe(Effect.provide(world(looks, layer)))
  })

  it.effect("M-77: what there is holds what an answer had said that was being continued", () => {
    const agent = plain({
      budget: { tokens: 900 },
      onBudget: "finish",
      limits: { maxTokens: 500, raisedMaxTokens: 500 }
    })
    return Effect.gen(function*() {
      const { output, stopped } = yield* agent.run("go")
      assert.deepStrictEqual([output, stopped], ["one two ", "budget"])
    }).pipe(Effect.provide(world(inTurn([...say("one two "), stop("length", 100, 400)]), agent.layer)))
  })

  it.effect("N-50: in money, by a price that nobody knows, is counted high and never as nothing", () => {
    const { agent, layer } = withTools(kit, handlers, { budget: { usd: 0.5 } })
    return Effect.gen(function*() {
      const run = yield* begin(agent)
      assert.deepInclude((yield* AgentResponse.of(run)).meta, { pauseReason: "budget", turns: 0 })
      assert.strictEqual((yield* Wire).length, 0)
    }).pipe(Effect.provide(world(looks, layer)))
  })

  it.effect("N-50: of a run is what its start says; and a subagent has a part of what is left", () => {
    const helper = plain()
    const boss = Agent.make("boss", {
      instructions: "boss",
      model: "b",
      agents: [helper],
      limits: { maxTokens: 1_000 },
      policy: Policy.open
    })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* begin(boss, { budget: { tokens: 9_000 } })
      const [child] = (yield* runs.show(run)).children
      const below = yield* AgentResponse.of(child!.child)
      assert.deepStrictEqual([below.status, below.meta.pauseReason], ["paused", "budget"])
      yield* runs.raise(child!.child, { tokens: 10_000, by: "ada" })
      yield* (yield* TestHost).settled
      const waiting = yield* AgentResponse.of(run)
      assert.deepStrictEqual([waiting.status, waiting.meta.pauseReason], ["paused", "budget"])
      yield* runs.raise(run, { tokens: 10_000, by: "ada" })
      yield* (yield* TestHost).settled
      assert.strictEqual((yield* AgentResponse.of(run)).data, "done")
    }).pipe(
      Effect.provide(
        world(
          {
            b: (_, turn) =>
              turn === 0 ? [call("a", "agent", { prompt: "help" }), stop("tool-calls", 500, 500)] : answer("done"),
            m: inTurn([...say("helped"), stop("stop", 500, 8_000)])
          },
          boss.layer,
          helper.layer
        )
      )
    )
  })

  it.effect("N-50: what failed on the way is paid too", () => {
    let failing = true
    const agent = plain()
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* begin(agent)
      yield* (yield* TestHost).adjust("1 minute")
      const { spent } = yield* runs.show(run)
      // 150 for the answer, and more for the question that was asked before.
      assert.isAbove(spent.own.tokens ?? 0, 150)
    }).pipe(
      Effect.provide(world(() => {
        if (!failing) return answer("done")
        failing = false
        return Effect.fail(
          new ModelFailed({
            model: "m",
            code: "ERR_STREAM_INCOMPLETE",
            problem: "cut",
            retryable: true,
            maybePaid: true
          })
        )
      }, agent.layer))
    )
  })
})

describe("a cancel", () => {
  it.effect("N-04: in the middle of an answer aborts the request at once, and in the middle of a tool and of a subagent", () => {
    const Wait = Tool.make("Wait", { parameters: Schema.Struct({}), success: Schema.String })
      .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "read" }))
    const lives = (script: Parameters<typeof world>[0]) =>
      Effect.gen(function*() {
        const aborted: Array<string> = []
        const hangs = (what: string) =>
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => void aborted.push(what)))
        const { agent: helper, layer } = withTools(Toolkit.make(Wait), { Wait: () => hangs("tool") })
        const boss = Agent.make("boss", { instructions: "boss", model: "b", agents: [helper] })
        const scripts = typeof script === "function" ? { m: script } : script
        return yield* Effect.gen(function*() {
          const runs = yield* Runs
          const run = yield* begin(boss)
          yield* runs.cancel(run, { by: "ada", reason: "enough" })
          yield* (yield* TestHost).settled
          const { children } = yield* runs.show(run)
          return { aborted, response: yield* AgentResponse.of(run), below: children.map(({ status }) => status) }
        }).pipe(Effect.provide(world(
          {
            ...scripts,
            b: scripts["b"] ?? (() => hangs("answer")),
            m: scripts["m"] ?? (() => hangs("answer below"))
          },
          boss.layer,
          layer
        )))
      })
    const give = inTurn(calls(call("a", "agent", { prompt: "help" })), answer("done"))
    return Effect.gen(function*() {
      const answering = yield* lives({})
      assert.deepStrictEqual([answering.aborted, answering.response.status], [["answer"], "cancelled"])
      const below = yield* lives({ b: give })
      assert.deepStrictEqual([below.aborted, below.response.status], [["answer below"], "cancelled"])
      const tool = yield* lives({ b: give, m: inTurn(calls(call("a", "Wait", {})), answer("done")) })
      assert.deepStrictEqual([tool.aborted, tool.response.status], [["tool"], "cancelled"])
    })
  })

  it.effect("N-04, S8: of a program in the answer, the tool and the subagent of its agent aborts that before any time passes, and what the program did is undone once", () => {
    const Wait = Tool.make("Wait", { parameters: Schema.Struct({}), success: Schema.String })
      .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "read" }))
    const Order = Workflow.make("Order", {
      payload: { id: Schema.String },
      success: Schema.String,
      error: AgentErrors.AgentFailed,
      idempotencyKey: ({ id }) => id
    })
    const lives = (scripts: Partial<Record<"b" | "m", Script>>) =>
      Effect.gen(function*() {
        const happened: Array<string> = []
        const happens = (what: string) => Effect.sync(() => void happened.push(what))
        const hangs = (what: string) => Effect.onInterrupt(Effect.never, () => happens(`${what} aborted`))
        const book = (what: string) => Step.make(what, { onCrash: "rerun", run: () => happens(what) })()
        const { agent: helper, layer } = withTools(Toolkit.make(Wait), { Wait: () => hangs("tool") })
        const boss = Agent.make("boss", { instructions: "boss", model: "b", agents: [helper] })
        const order = Order.toLayer(() =>
          Effect.gen(function*() {
            yield* Order.withCompensation(book("booked"), () => book("unbooked"))
            return (yield* boss.run("go", { id: "1" })).output
          })
        )
        return yield* Effect.gen(function*() {
          const runs = yield* Runs
          const host = yield* TestHost
          const run = yield* Order.execute({ id: "1" }, { discard: true })
          yield* host.settled
          const before = yield* Clock.currentTimeMillis
          yield* runs.cancel(run, { by: "ada", reason: "enough" })
          yield* host.settled
          assert.strictEqual(yield* Clock.currentTimeMillis, before)
          const all = yield* runs.list()
          return {
            happened: happened.toSorted(),
            ends: all.map(({ status, workflow }) => `${workflow} ${status}`).toSorted()
          }
        }).pipe(Effect.provide(world(
          { b: scripts.b ?? (() => hangs("answer")), m: scripts.m ?? (() => hangs("answer below")) },
          boss.layer,
          layer,
          order
        )))
      })
    const help = inTurn(calls(call("a", "agent", { prompt: "help" })), answer("done"))
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* lives({}), {
        happened: ["answer aborted", "booked", "unbooked"],
        ends: ["Order cancelled", "boss cancelled"]
      })
      const below = ["Order cancelled", "agent cancelled", "boss cancelled"]
      assert.deepStrictEqual(yield* lives({ b: help }), {
        happened: ["answer below aborted", "booked", "unbooked"],
        ends: below
      })
      assert.deepStrictEqual(yield* lives({ b: help, m: inTurn(calls(call("a", "Wait", {})), answer("done")) }), {
        happened: ["booked", "tool aborted", "unbooked"],
        ends: below
      })
    })
  })
})
