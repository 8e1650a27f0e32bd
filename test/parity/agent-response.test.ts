/** What is known of a run of an agent from outside, by whoever started it. */
import { assert, describe, it } from "@effect/vitest"
import { AgentResponse } from "@fermata/agent"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, type Part, said, Wire, withTools, world } from "./AgentWorld.ts"

const Write = Tool.make("Write", {
  parameters: Schema.Struct({ path: Schema.String, content: Schema.String }),
  success: Schema.String
})
const kit = Toolkit.make(Write)
const writing = (...answers: ReadonlyArray<ReadonlyArray<Part>>) => {
  const { agent, layer } = withTools(kit, { Write: ({ path }) => Effect.succeed(`wrote ${path}`) })
  return { agent, layer: world(inTurn(...answers), layer) }
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
    const { agent, layer } = writing(calls(call("w", "Write", { path: "p", content: "text" })))
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* settled
      const response = yield* AgentResponse.of(run)
      const { meta: { pendingCall, ...meta }, ...rest } = response
      assert.deepInclude(rest, { runId: run, status: "paused", data: "text", errors: [] })
      assert.deepInclude(meta, { agent: "agent", pauseReason: "gate_required", turns: 1 })
      assert.deepStrictEqual({ ...meta.usage }, { input: 100, cacheRead: 0, cacheWrite: 0, output: 50 })
      assert.deepInclude(pendingCall!, { runId: run, toolName: "Write", input: { path: "p", content: "text" } })
      assert.strictEqual(new Date(pendingCall!.calledAt).toISOString(), pendingCall!.calledAt)
      const read = Schema.decodeUnknownSync(AgentResponse.AgentResponse)(JSON.parse(JSON.stringify(response)))
      assert.deepStrictEqual(read, response)
      assert.isAbove((yield* (yield* Runs).journal(run)).length, 0, "where it stands is in its journal, entry by entry")
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

  it.effect("M-52: a program above goes by its status, which the compiler knows to be one of six", () => {
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
    const Read = Tool.make("Read", { parameters: Schema.Struct({}), success: Schema.String })
    const { agent, layer } = withTools(Toolkit.make(Read), { Read: () => Effect.succeed("text") }, {
      limits: { turns: 2 },
      policy: () => ({ decision: "allow" })
    })
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* settled
      const { data, errors, meta, status } = yield* AgentResponse.of(run)
      assert.deepStrictEqual([status, data, errors[0]!.code, meta.turns], ["failed", null, "ERR_MAX_TURNS", 2])
      assert.deepStrictEqual({ ...meta.usage }, { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 })
      const { spent } = yield* (yield* Runs).show(run)
      // The price of the model is not known here, and is taken to be a high one.
      assert.deepStrictEqual({ ...spent.own }, { tokens: 300, micros: 200 * 30 + 100 * 180 })
    }).pipe(Effect.provide(world(inTurn(calls(call("r", "Read", {}))), layer)))
  })
})
