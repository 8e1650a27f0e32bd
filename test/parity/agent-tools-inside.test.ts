import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Policy, TaskTools, ToolSearch } from "@fermata/agent"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, type Part, Wire, world } from "./AgentWorld.ts"

const Grep = Tool.make("Grep", {
  description: "Looks for a regular expression in files.",
  parameters: Schema.Struct({ pattern: Schema.String }),
  success: Schema.String
}).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))

const Charge = Tool.make("Charge", {
  description: "Charges an account.",
  parameters: Schema.Struct({ cents: Schema.Int.check(Schema.isGreaterThan(0)) }),
  success: Schema.String
}).annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "write" }))

/** What a model is told of the calls of each answer, and what the handler of `Charge` was called with. */
const told = (...answers: ReadonlyArray<ReadonlyArray<Part>>) => {
  const charged: Array<unknown> = []
  const own = Toolkit.make(Grep, Charge)
  const toolkit = Toolkit.merge(own, ToolSearch.toolkit, TaskTools.toolkit)
  const agent = Agent.make("agent", { instructions: "Do it.", model: "m", toolkit, policy: Policy.open })
  const handlers = Layer.mergeAll(
    ToolSearch.layer,
    TaskTools.layer,
    own.toLayer({
      Grep: ({ pattern }) => Effect.succeed(pattern),
      Charge: (params) => Effect.sync(() => `${charged.push(params)}`)
    })
  )
  return Effect.gen(function*() {
    const run = yield* agent.start("go", { id: "1" })
    yield* (yield* TestHost).settled
    const view = yield* (yield* Runs).show(run)
    assert.strictEqual(view.status, "completed")
    const results = (yield* Wire).at(-1)!.prompt.content.flatMap((message) =>
      message.role === "tool"
        ? message.content.flatMap((part) => part.type === "tool-result" ? [part] : [])
        : []
    )
    return {
      results: results.map(({ result }) => result),
      failed: results.map(({ isFailure }) => isFailure),
      charged,
      view
    }
  }).pipe(
    Effect.provide(
      world(inTurn(...answers.map((parts) => calls(...parts)), answer("done")), Layer.provide(agent.layer, handlers))
    )
  )
}

describe("tools of every agent", () => {
  it.effect("M-117: ToolSearch finds Grep by a word of what it does, and by its name", () =>
    Effect.gen(function*() {
      const { results } = yield* told(
        [call("a", "ToolSearch", { query: "search: regular expression" })],
        [call("b", "ToolSearch", { query: "select:Grep, Nothing" })],
        [call("c", "ToolSearch", { query: "zebra" })],
        [call("d", "ToolSearch", { query: "task", max_results: 2 })]
      )
      const [byWord, byName, none, two] = results as ReadonlyArray<ReadonlyArray<{ readonly name: string }>>
      assert.strictEqual(byWord![0]!.name, "ToolSearch", "a name says more than a description")
      assert.deepInclude(byWord!.map(({ name }) => name), "Grep")
      assert.lengthOf(byName!, 1)
      assert.nestedPropertyVal(byName![0], "parameters.properties.pattern.type", "string")
      assert.deepStrictEqual([none, two!.map(({ name }) => name)], [[], ["TaskCreate", "TaskGet"]])
    }))

  it.effect("M-120 to M-123: tasks are made, looked at, listed and changed, and stay in the run", () =>
    Effect.gen(function*() {
      const { failed, results, view } = yield* told(
        [
          call("a", "TaskCreate", { subject: "read" }),
          call("b", "TaskCreate", { subject: "write", description: "it all" })
        ],
        [call("c", "TaskGet", { id: "2" }), call("d", "TaskGet", { id: "9" })],
        [
          call("e", "TaskUpdate", { id: "1", status: "completed" }),
          call("f", "TaskUpdate", { id: "7", status: "pending" })
        ],
        [call("g", "TaskList", {})]
      )
      const read = { id: "1", subject: "read", description: "", status: "pending" }
      const write = { id: "2", subject: "write", description: "it all", status: "pending" }
      assert.deepStrictEqual(failed, [false, false, false, true, false, true, false])
      assert.deepStrictEqual(results.slice(0, 3), [read, write, write])
      assert.include(JSON.stringify(results[3]), "9")
      const done = [{ ...read, status: "completed" }, write]
      assert.deepStrictEqual(results[6], done)
      assert.deepStrictEqual(view.state["tasks"]?.value, done)
    }))

  it.effect("M-120, M-123: tasks of one answer are made and changed one after another, each with an id of its own", () =>
    Effect.gen(function*() {
      const { results } = yield* told(
        Array.from({ length: 8 }, (_, n) => call(`c${n}`, "TaskCreate", { subject: `${n}` })),
        [call("l", "TaskList", {}), call("m", "TaskList", {})]
      )
      const ids = results.slice(0, 8).map((task) => (task as TaskTools.Task).id)
      assert.deepStrictEqual(ids, ["1", "2", "3", "4", "5", "6", "7", "8"])
      assert.deepStrictEqual(results[8], results[9])
      assert.isFalse(AgentTool.rulesOf(TaskTools.TaskCreate).safe || AgentTool.rulesOf(TaskTools.TaskUpdate).safe)
      assert.isTrue(AgentTool.rulesOf(TaskTools.TaskGet).safe && AgentTool.rulesOf(TaskTools.TaskList).safe)
    }))

  it.effect("M-128: a tool of one's own is called with arguments that its schema has read, and told where they are not", () =>
    Effect.gen(function*() {
      const { charged, failed, results } = yield* told(
        [call("a", "Charge", { cents: 5 }), call("b", "Charge", { cents: -5 }), call("c", "Charge", { cents: "5" })],
        [call("d", "Charge", {})]
      )
      assert.deepStrictEqual(failed, [false, true, true, true])
      assert.deepStrictEqual(charged, [{ cents: 5 }])
      assert.include(JSON.stringify(results[1]), "cents")
    }))
})
