/** What is known of a run of an agent from outside, by whoever started it. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentErrors, AgentResponse, Policy } from "@fermata/agent"
import { ModelFailed } from "@fermata/agent/Model"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { answer, call, calls, inTurn, type Part, said, type Script, Wire, withTools, world } from "./AgentWorld.ts"

const Write = Tool.make("Write", {
  parameters: Schema.Struct({ path: Schema.String, content: Schema.String }),
  success: Schema.String
})
const kit = Toolkit.make(Write)
const writing = (...answers: ReadonlyArray<ReadonlyArray<Part>>) => {
  const { agent, layer } = withTools(kit, { Write: ({ path }) => Effect.succeed(`wrote ${path}`) })
  return { agent, layer: world(inTurn(...answers), layer) }
}
const Read = Tool.make("Read", { parameters: Schema.Struct({}), success: Schema.String })
const readKit = Toolkit.make(Read)
const reading = (options: Parameters<typeof withTools<typeof readKit.tools>>[2] = {}) =>
  withTools(readKit, { Read: () => Effect.succeed("text") }, { policy: Policy.open, ...options })
const thrown = (what: string): never => {
  throw new Error(`${what} is broken`)
}
const settled = Effect.flatMap(TestHost, ({ settled }) => settled)

describe("a run of an agent, from outside", () => {
  it.effect("M-35: has an id of its own where none is given, and the one that follows from what is given", () => {
    const { agent, layer } = writing(answer("done"))
    return Effect.gen(function*() {
      const runs = yield* Runs
      const ids = [yield* agent.start("go"), yield* agent.start("go")]
      const [one, other] = yield* Effect.forEach(ids, (id) => runs.show(id))
      for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/)
      assert.notStrictEqual(ids[0], ids[1])
      const given = ({ payload }: { readonly payload?: unknown }) => (payload as { readonly id: string }).id
      for (const view of [one!, other!]) {
        assert.match(given(view), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      }
      const kept = yield* agent.start("go", { id: "ticket-17" })
      assert.strictEqual(given(yield* runs.show(kept)), "ticket-17")
      assert.strictEqual(yield* agent.start("go", { id: "ticket-17" }), kept)
    }).pipe(Effect.provide(layer))
  })

  it.effect("M-44: says of one that waits where it stands, since when, why and for what, and survives being JSON", () => {
    const { agent, layer } = writing(calls(call("w", "Write", { path: "p", content: "text" })), answer("done"))
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* settled
      const response = yield* AgentResponse.of(run)
      const { meta: { pendingCall, ...meta }, ...rest } = response
      assert.deepInclude(rest, { runId: run, status: "paused", data: "text", errors: [] })
      assert.deepInclude(rest, { version: 1 })
      assert.deepInclude(meta, { agent: "agent", pauseReason: "gate_required", turns: 1, messages: 2 })
      assert.deepInclude(meta, { lastMessage: "model", lastShardIndex: 0 })
      assert.deepStrictEqual({ ...meta.cost }, { usd: 0.012, tokens: 150, estimated: true })
      assert.deepStrictEqual({ ...meta.usage }, { input: 100, cacheRead: 0, cacheWrite: 0, output: 50 })
      assert.deepInclude(pendingCall!, { runId: run, toolName: "Write", input: { path: "p", content: "text" } })
      assert.strictEqual(new Date(pendingCall!.calledAt).toISOString(), pendingCall!.calledAt)
      const read = Schema.decodeUnknownSync(AgentResponse.AgentResponse)(JSON.parse(JSON.stringify(response)))
      assert.deepStrictEqual(read, response)
      const runs = yield* Runs
      assert.lengthOf(yield* runs.journal(run), meta.entries, "where it stands is in its journal, entry by entry")
      yield* Agent.tell(run, "and this")
      yield* runs.answer(pendingCall!.approval, { decision: "approve", by: "operator" })
      yield* settled
      const { meta: after } = yield* AgentResponse.of(run)
      assert.deepInclude(after, { turns: 2, messages: 4, lastMessage: "model~2", lastShardIndex: 0 })
    }).pipe(Effect.provide(layer))
  })

  for (const decision of ["approve", "deny"] as const) {
    it.effect(`M-46, M-48: a person is shown three options, and the words of who answers reach the model (${decision})`, () => {
      const options = JSON.stringify({ options: ["tea", "coffee", "water"] })
      const { agent, layer } = writing(
        calls(call("w", "Write", { path: "options.json", content: options })),
        answer("coffee it is")
      )
      return Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* agent.start("go")
        yield* settled
        const { data, meta } = yield* AgentResponse.of(run)
        assert.strictEqual(data, options)
        assert.lengthOf((JSON.parse(String(data)) as { readonly options: ReadonlyArray<string> }).options, 3)
        yield* runs.answer(meta.pendingCall!.approval, { decision, by: "operator", note: "the second, please" })
        yield* settled
        assert.deepInclude(yield* AgentResponse.of(run), { status: "done", data: "coffee it is" })
        const told = said((yield* Wire)[1]!).slice(2).join("\n")
        assert.include(told, "the second, please")
        assert.strictEqual(told.includes("wrote options.json"), decision === "approve")
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("M-09, M-52: a program above goes by its status, which the compiler knows to be one of six", () => {
    const next: Array<unknown> = []
    const queue: Array<{ readonly run: string; readonly tool: string; readonly data: unknown }> = []
    const failures: Array<string> = []
    const orchestrate = (response: AgentResponse.AgentResponse): "next" | "person" | "wait" | "escalate" => {
      const { data, errors, meta, runId, status } = response
      switch (status) {
        case "done":
          next.push(data)
          return "next"
        case "paused":
          queue.push({ run: runId, tool: meta.pendingCall?.toolName ?? "", data })
          return "person"
        case "running":
          return "wait"
        case "failed":
        case "cancelled":
        case "not_found":
          failures.push(...errors.map(({ code }) => code))
          return "escalate"
        default:
          return status satisfies never
      }
    }
    const { agent, layer } = writing(calls(call("w", "Write", { path: "p", content: "text" })), answer("done"))
    return Effect.gen(function*() {
      const runs = yield* Runs
      const look = (run: string) => Effect.map(AgentResponse.of(run), orchestrate)
      const run = yield* agent.start("go")
      yield* settled
      assert.strictEqual(yield* look(run), "person")
      assert.deepStrictEqual(queue, [{ run, tool: "Write", data: "text" }])
      const [question] = yield* runs.approvals()
      yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
      yield* settled
      assert.strictEqual(yield* look(run), "next")
      assert.deepStrictEqual(next, ["done"])
      assert.strictEqual(yield* look("no-such-run"), "escalate")
      assert.deepStrictEqual(failures, ["NOT_FOUND"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("N-21: one that failed says how many turns it had, what it used and what that cost", () => {
    const { agent, layer } = reading({ limits: { turns: 2 } })
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* settled
      const { data, errors, meta, status } = yield* AgentResponse.of(run)
      assert.deepStrictEqual([status, data, errors[0]!.code, meta.turns], ["failed", null, "ERR_MAX_TURNS", 2])
      assert.deepStrictEqual({ ...meta.usage }, { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 })
      // The price of the model is not known here, and is taken to be a high one.
      const micros = 200 * 30 + 100 * 180
      assert.deepStrictEqual({ ...meta.cost }, { usd: micros / 1_000_000, tokens: 300, estimated: true })
      const { spent } = yield* (yield* Runs).show(run)
      assert.deepStrictEqual({ ...spent.own }, { tokens: 300, micros })
    }).pipe(Effect.provide(world(inTurn(calls(call("r", "Read", {}))), layer)))
  })

  it.effect("N-21: the cost is exact where the price and all usage are known, and estimated where a call that failed may be paid", () => {
    const price = { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 }
    const { agent, layer } = reading()
    const costOf = (script: Script) =>
      Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        const host = yield* TestHost
        yield* host.settled
        yield* TestClock.adjust("1 hour")
        yield* host.settled
        const { meta, status } = yield* AgentResponse.of(run)
        return { status, ...meta.cost }
      }).pipe(Effect.provide(world({ m: { script, price } }, layer)))
    let asked = 0
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* costOf(inTurn(calls(call("r", "Read", {})), answer("done"))), {
        status: "done",
        usd: (200 + 2 * 100) / 1_000_000,
        tokens: 300
      })
      const again = yield* costOf(() =>
        asked++ === 0
          ? Effect.fail(
            new ModelFailed({
              model: "m",
              code: "ERR_STREAM_INCOMPLETE",
              problem: "",
              retryable: true,
              maybePaid: true
            })
          )
          : Effect.succeed(answer("done"))
      )
      assert.strictEqual(asked, 2)
      assert.deepInclude(again, { status: "done", estimated: true })
      assert.isAbove(again.tokens, 150, "what the first attempt may have cost is in it")
    })
  })

  for (const isDone of [true, false]) {
    it.effect(`N-21: what a subagent took is in it while that is on its way, and where it ${isDone ? "is done" : "failed"}`, () => {
      const price = { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 }
      const write = calls(call("w", "Write", { path: "p", content: "c" }))
      const helper = withTools(kit, { Write: () => Effect.succeed("written") }, { limits: { turns: 2 } })
      const boss = Agent.make("boss", { instructions: "boss", model: "b", agents: [helper.agent], policy: Policy.open })
      const took = (calls: number) => ({
        usage: { input: calls * 100, cacheRead: 0, cacheWrite: 0, output: calls * 50 },
        cost: { usd: calls * 200 / 1_000_000, tokens: calls * 150 }
      })
      return Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* boss.start("go", { id: "1" })
        yield* settled
        const paused = yield* AgentResponse.of(run)
        assert.deepInclude({ ...paused.meta }, { pauseReason: "subagent_gate_required", turns: 1, ...took(2) })
        yield* runs.answer(paused.meta.pendingCall!.approval, { decision: "approve", by: "operator" })
        yield* settled
        const ended = yield* AgentResponse.of(run)
        assert.strictEqual(ended.status, "done")
        assert.deepInclude({ ...ended.meta }, { turns: 2, ...took(4) })
        const [child] = (yield* runs.show(run)).children
        assert.strictEqual((yield* AgentResponse.of(child!.child)).status, isDone ? "done" : "failed")
      }).pipe(Effect.provide(
        world({
          b: { script: inTurn(calls(call("h", "agent", { prompt: "help" })), answer("done")), price },
          m: { script: inTurn(write, isDone ? answer("helped") : write), price }
        }, Layer.mergeAll(helper.layer, boss.layer))
      ))
    })
  }

  it.effect("N-21: one that was cancelled says what it took, and one that there is not that it took nothing", () => {
    const { agent, layer } = writing(calls(call("w", "Write", { path: "p", content: "text" })))
    return Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* agent.start("go")
      yield* settled
      yield* runs.cancel(run, { by: "ada", reason: "enough" })
      yield* settled
      const { errors, meta, status } = yield* AgentResponse.of(run)
      assert.deepStrictEqual([status, meta.turns, meta.cost.tokens], ["cancelled", 1, 150])
      assert.deepStrictEqual(errors, [])
      const { meta: nothing } = yield* AgentResponse.of("no-such-run")
      assert.deepStrictEqual([nothing.turns, { ...nothing.cost }], [0, { usd: 0, tokens: 0 }])
    }).pipe(Effect.provide(layer))
  })

  for (
    const [what, options] of [
      ["a policy", { policy: () => thrown("the policy") }],
      ["a function of instructions", { instructions: () => thrown("the instructions") }],
      ["a prompt", { prompt: () => thrown("the prompt") }],
      ["a stop", { stop: () => thrown("the stop") }]
    ] as const
  ) {
    it.effect(`M-60: ${what} that throws is a defect of the agent's code, and no mistake of its configuration`, () => {
      const { agent, layer } = reading(options)
      return Effect.gen(function*() {
        const run = yield* agent.start("go")
        yield* settled
        const { errors, status } = yield* AgentResponse.of(run)
        assert.deepStrictEqual([status, errors[0]!.code], ["failed", "ERR_DEFECT"])
        assert.include(errors[0]!.message, "is broken")
        assert.isFalse(AgentErrors.isRetryable("ERR_DEFECT"))
      }).pipe(Effect.provide(world(inTurn(calls(call("r", "Read", {})), answer("done")), layer)))
    })
  }

  it.effect("M-60: a model that there is not is a mistake of configuration", () => {
    const { agent, layer } = reading({ model: "nobody" })
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* settled
      const { errors, status } = yield* AgentResponse.of(run)
      assert.deepStrictEqual([status, errors[0]!.code], ["failed", "ERR_CONFIG"])
    }).pipe(Effect.provide(world(inTurn(answer("done")), layer)))
  })
})
