/** N-52: what traces and metrics say, of agents, of workflows and of servers. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, McpServers, Policy } from "@fermata/agent"
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import type { RunSpan } from "@fermata/core/RunSpan"
import * as TraceIds from "@fermata/core/TraceIds"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { Chunks } from "@fermata/engine/Chunks"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as RunTraces from "@fermata/engine/RunTraces"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as MetricsServer from "@fermata/server/MetricsServer"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Metric, Option, Redacted, Schema, Tracer } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { HttpRouter } from "effect/http"
import { Workflow } from "effect/workflow"
import { answer, call, calls, inTurn, world } from "./AgentWorld.ts"
import { McpStub, text } from "./McpStub.ts"

/** Spans as they come, and the layer that brings them. */
const spying = (options: Partial<RunTraces.Options> = {}) => {
  const spans: Array<RunSpan> = []
  const layer = RunTraces.layer({
    send: (sent) => Effect.sync(() => void spans.push(...sent)),
    intervalMs: 0,
    ...options
  })
  return { spans, layer }
}

/** One line of the text of Prometheus: its name, its labels and its value. */
const linesOf = (text: string) => {
  const types = new Map<string, string>()
  const samples: Array<
    { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }
  > = []
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line)
    if (type !== null) {
      assert.isFalse(types.has(type[1]!), `${type[1]} has two types`)
      types.set(type[1]!, type[2]!)
    } else if (!line.startsWith("# HELP ")) {
      const found = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line)
      assert.isNotNull(found, line)
      const labels = Object.fromEntries(
        Array.from((found![2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, name, value]) => [name!, value!])
      )
      samples.push({ name: found![1]!, labels, value: Number(found![3]) })
    }
  }
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples.filter((sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
    ).reduce((total, { value }) => total + value, 0)
  return { samples, types, sum }
}

/** Each test counts for itself. */
const fresh = Layer.sync(Metric.MetricRegistry, () => new Map())

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Read)

const reader = Agent.make("reader", { instructions: "Do it.", model: "m", toolkit: kit })
const readerLayer = reader.layer.pipe(
  Layer.provide(kit.toLayer({ Read: () => Effect.succeed("the words of the file") }))
)
const script = inTurn(calls(call("c1", "Read", { path: "secret plans.txt" })), answer("done with it"))

describe("traces of agents", () => {
  it.effect("N-52: a run of an agent is told by the conventions for generative AI, without what was said", () => {
    const { layer, spans } = spying()
    return Effect.gen(function*() {
      yield* reader.run("go now")
      yield* (yield* TestHost).adjustHost(2_000)
      const named = (name: string) => spans.filter((span) => span.name === name)
      const root = named("invoke_agent reader")[0]!
      assert.deepInclude(root.attributes, {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "reader",
        "gen_ai.usage.input_tokens": 200,
        "gen_ai.usage.output_tokens": 100,
        "fermata.run.status": "completed"
      })
      const chats = named("chat m")
      assert.lengthOf(chats, 2)
      assert.deepInclude(chats[0]!.attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "fermata.step.attempt": 1
      })
      assert.deepStrictEqual(chats[0]!.attributes["gen_ai.response.finish_reasons"], ["calls"])
      assert.strictEqual(chats[0]!.kind, "client")
      assert.deepInclude(named("execute_tool Read")[0]!.attributes, {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Read",
        "gen_ai.tool.call.id": "c1"
      })
      const all = JSON.stringify(spans)
      for (const text of ["go now", "secret plans", "the words", "done with it"]) assert.notInclude(all, text)
    }).pipe(Effect.provide(world(script, Layer.merge(readerLayer, layer))))
  })

  it.effect("N-52: with content, what was said is told too", () => {
    const { layer, spans } = spying({ content: true })
    return Effect.gen(function*() {
      yield* reader.run("go now")
      yield* (yield* TestHost).adjustHost(2_000)
      const all = JSON.stringify(spans)
      for (const text of ["go now", "secret plans", "the words", "done with it"]) assert.include(all, text)
    }).pipe(Effect.provide(world(script, Layer.merge(readerLayer, layer))))
  })

  it.effect("N-52: model calls, tokens and tool calls are counted by the conventions", () =>
    Effect.gen(function*() {
      yield* reader.run("go")
      const { sum, types } = linesOf(yield* EngineMetrics.text)
      assert.strictEqual(types.get("gen_ai_client_token_usage"), "histogram")
      const usage = (type: string) =>
        sum("gen_ai_client_token_usage_sum", { gen_ai_request_model: "m", gen_ai_token_type: type })
      assert.deepStrictEqual([usage("input"), usage("output")], [200, 100])
      assert.strictEqual(sum("gen_ai_client_operation_duration_seconds_count", { gen_ai_operation_name: "chat" }), 2)
      assert.strictEqual(sum("fermata_tool_calls_total", { tool: "Read", outcome: "completed" }), 1)
      assert.strictEqual(sum("fermata_run_ends_total", { workflow: "reader", status: "completed" }), 1)
    }).pipe(Effect.provide(world(script, Layer.merge(readerLayer, EngineMetrics.layer))), Effect.provide(fresh)))
})

/** A tracer that keeps the spans that code makes. */
const tracing = () => {
  const made: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      made.push(span)
      return span
    }
  })
  return { made, layer: Layer.succeed(Tracer.Tracer, tracer) }
}

describe("traces of MCP", () => {
  it.effect("N-52: a call of an MCP server is a span below that of its tool, and its server is told of it", () => {
    const stub = new McpStub()
    stub.tools = { look: { handle: () => text("seen") } }
    const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["s"], policy: Policy.open })
    const agentLayer = Layer.provide(agent.layer, McpServers.layer({ s: stub.inMemory() }))
    const { layer, spans } = spying()
    const { layer: tracer, made } = tracing()
    return Effect.gen(function*() {
      yield* agent.run("go")
      yield* (yield* TestHost).adjustHost(2_000)
      const tool = spans.find(({ name }) => name === "execute_tool mcp__s__look")!
      const called = made.find(({ name }) => name === "tools/call look")
      assert.strictEqual(called!.kind, "client")
      assert.strictEqual(called!.traceId, tool.traceId)
      assert.strictEqual(Option.getOrThrow(called!.parent).spanId, tool.spanId)
      assert.deepStrictEqual(stub.traceparents, [TraceIds.traceparent(called!)])
    }).pipe(
      Effect.provide(
        world(inTurn(calls(call("c1", "mcp__s__look", {})), answer("done")), Layer.merge(agentLayer, layer))
      ),
      Effect.provide(tracer)
    )
  })
})

const Go = Signal.make("go")
const order = (name: string) =>
  Workflow.make(name, {
    payload: { id: Schema.String },
    success: Schema.String,
    idempotencyKey: ({ id }) => id
  })
const Order = order("order")
const work = Step.make("work", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed("worked") })

class Handler extends Context.Service<Handler, (request: Request) => Promise<Response>>()("test/Handler") {}

/** A server over a host of the test, with whoever listens to its engine. */
const served = (
  extra: Layer.Layer<never, never, Layer.Success<typeof TestHost.layer>>,
  more: Layer.Layer<never> = Layer.empty
) => {
  const engine = Layer.mergeAll(Runs.layer, Contracts.layer, Feed.layer, Chunks.layerMemory, extra).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Events.layer,
        Llm.layerNone,
        Layer.succeed(TaskRuntime, { tasks: [], submit: () => Effect.die("none") }),
        Order.toLayer(({ id }) => Effect.andThen(work(), Effect.as(Signal.receive(Go), `sent ${id}`)))
      )
    ),
    Layer.provideMerge(TestHost.layer),
    Layer.provideMerge(more)
  )
  const handler = Layer.effect(
    Handler,
    Effect.gen(function*() {
      const context = yield* Effect.context<Server.Needs>()
      const { dispose, handler } = Server.toWebHandler(Layer.succeedContext(context))
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      return (request: Request) => handler(request)
    })
  )
  return handler.pipe(
    Layer.provideMerge(ServerAccess.layerOpen({ person: "ada" })),
    Layer.provideMerge(engine),
    Layer.provideMerge(fresh)
  )
}

const ask = Effect.fnUntraced(function*(path: string, init?: RequestInit) {
  const handle = yield* Handler
  const response = yield* Effect.promise(() => handle(new Request(`http://localhost${path}`, init)))
  yield* (yield* TestHost).settled
  return { response, text: yield* Effect.promise(() => response.text()) }
})

const startOrder = (id: string, headers: Readonly<Record<string, string>> = {}, workflow = "order") =>
  ask("/api/runs", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ workflow, input: { id } })
  })

describe("metrics over HTTP", () => {
  it.effect("N-52: /api/metrics tells what the engine and the server do, by few labels and by no run", () =>
    Effect.gen(function*() {
      const runs: Array<string> = []
      for (const id of ["1", "2", "3"]) {
        const { text } = yield* startOrder(id)
        runs.push((JSON.parse(text) as { readonly runId: string }).runId)
      }
      yield* ask(`/api/runs/${runs[0]}`)
      yield* ask(`/api/runs/${runs[0]}/signals/go`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}"
      })
      yield* ask("/api/none/such")
      const { response, text } = yield* ask("/api/metrics")
      assert.strictEqual(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
      const { sum, types } = linesOf(text)
      assert.strictEqual(sum("fermata_run_starts_total", { workflow: "order" }), 3)
      assert.strictEqual(sum("fermata_run_ends_total", { workflow: "order", status: "completed" }), 1)
      assert.strictEqual(sum("fermata_run_suspensions_total", { reason: "signal" }), 3)
      assert.strictEqual(sum("fermata_runs", { status: "suspended" }), 2)
      assert.strictEqual(sum("fermata_runs_suspended", { reason: "signal" }), 2)
      assert.strictEqual(sum("fermata_step_attempts_total", { step: "work" }), 3)
      assert.strictEqual(sum("fermata_step_duration_seconds_count", { step: "work", outcome: "completed" }), 3)
      assert.isAbove(sum("fermata_store_commits_total", { outcome: "stored" }), 3)
      assert.strictEqual(types.get("fermata_store_commit_duration_seconds"), "histogram")
      assert.strictEqual(sum("fermata_streams_open"), 0)
      const requests = (labels: Readonly<Record<string, string>>) =>
        sum("http_server_request_duration_seconds_count", labels)
      assert.strictEqual(requests({ http_route: "/api/runs", http_response_status_code: "201" }), 3)
      assert.strictEqual(requests({ http_route: "/api/runs/:run", http_request_method: "GET" }), 1)
      assert.strictEqual(requests({ http_route: "(none)", http_response_status_code: "404" }), 1)
      for (const run of runs) assert.notInclude(text, run)
    }).pipe(Effect.provide(served(EngineMetrics.layer))))

  it.effect("N-52: a process that serves nothing else tells the same text at /metrics", () =>
    Effect.gen(function*() {
      yield* startOrder("1")
      const context = yield* Effect.context<Server.Needs>()
      const { dispose, handler } = HttpRouter.toWebHandler(
        Layer.provide(MetricsServer.routes(), Layer.succeedContext(context)),
        { disableLogger: true }
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const alone = yield* Effect.promise(() => handler(new Request("http://localhost/metrics")))
      const text = yield* Effect.promise(() => alone.text())
      const { response, text: served } = yield* ask("/api/metrics")
      assert.strictEqual(alone.headers.get("content-type"), response.headers.get("content-type"))
      // But for what is asked of a server, and its streams.
      const own = (all: string) =>
        all.split("\n").filter((line) => !/http_server_|fermata_(streams|requests)_/.test(line))
      assert.deepStrictEqual(own(text), own(served))
      assert.isAbove(linesOf(text).sum("fermata_run_starts_total", { workflow: "order" }), 0)
    }).pipe(Effect.scoped, Effect.provide(served(EngineMetrics.layer))))

  it.effect("N-17, N-52: the metrics of a process are told to tokens of whoever runs the store, and to none of a tenant", () =>
    Effect.gen(function*() {
      const tokens = yield* AccessTokens
      const context = yield* Effect.context<Server.Needs>()
      const { dispose, handler } = HttpRouter.toWebHandler(
        MetricsServer.routes().pipe(
          Layer.provide(ServerAccess.layerTokens()),
          Layer.provide(Layer.succeedContext(context))
        ),
        { disableLogger: true }
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const asked = Effect.fnUntraced(function*(tenant?: string) {
        const { text } = yield* tokens.create({
          name: "ops",
          scopes: ["read"],
          by: "root",
          ...(tenant === undefined ? {} : { tenant })
        })
        const headers = { authorization: `Bearer ${Redacted.value(text)}` }
        const response = yield* Effect.promise(() => handler(new Request("http://localhost/metrics", { headers })))
        return [response.status, yield* Effect.promise(() => response.text())] as const
      })
      const [status, problem] = yield* asked("acme")
      assert.strictEqual(status, 403)
      assert.include(problem, "you are of the tenant acme")
      assert.strictEqual((yield* asked())[0], 200)
    }).pipe(Effect.scoped, Effect.provide(AccessTokens.layer.pipe(Layer.provideMerge(served(EngineMetrics.layer))))))

  it.effect("N-52: of a label no more than 200 values are told apart", () =>
    Effect.gen(function*() {
      const { request } = yield* EngineMetrics.meters
      for (let index = 0; index < 1_000; index++) request("GET", `/${index}`, 200, 1)
      const { samples, sum } = linesOf(yield* EngineMetrics.text)
      const routes = new Set(samples.flatMap(({ labels }) => labels["http_route"] ?? []))
      assert.strictEqual(routes.size, 201)
      assert.strictEqual(sum("http_server_request_duration_seconds_count", { http_route: "_other" }), 800)
    }).pipe(Effect.provide(fresh)))
})

describe("traces over HTTP", () => {
  it.effect("N-52: a run that is started with a traceparent is linked to the span of whoever asked for it", () => {
    const { layer, spans } = spying()
    const caller = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" }
    return Effect.gen(function*() {
      yield* startOrder("1", { traceparent: TraceIds.traceparent(caller) })
      yield* startOrder("2")
      yield* startOrder("3", { traceparent: "00-nonsense-here-01" })
      for (const { id } of yield* (yield* Runs).list()) yield* (yield* Runs).cancel(id, { by: "ada", reason: "over" })
      yield* (yield* TestHost).adjustHost(2_000)
      const roots = spans.filter(({ parentId }) => parentId === undefined)
      assert.deepStrictEqual(
        roots.flatMap(({ links }) => links.map(({ spanId, traceId }) => ({ traceId, spanId }))),
        [caller]
      )
    }).pipe(Effect.provide(served(layer)))
  })
})
