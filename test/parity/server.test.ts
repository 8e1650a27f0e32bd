/** What is served over HTTP, asked as any client would. */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@fermata/api/Client"
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Chunks } from "@fermata/engine/Chunks"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import type { EventMessage } from "@fermata/engine/StartRequest"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Fiber, Layer, Redacted, Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { Workflow } from "effect/workflow"

const secret = "between-us"

const Go = Signal.make("go")
const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
/** Bodies that were interrupted. */
class Aborted extends Context.Service<Aborted, Array<string>>()("test/Aborted") {}
const Slow = Workflow.make("slow", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

class Handler extends Context.Service<Handler, (request: Request) => Promise<Response>>()("test/Handler") {}

/** Whoever does tasks does them elsewhere, and calls back. */
const elsewhere = Layer.succeed(TaskRuntime, {
  tasks: ["work"],
  submit: () => Effect.succeed({ _tag: "Submitted" })
})

const engine = Layer.mergeAll(Runs.layer, Contracts.layer, Feed.layer, Chunks.layerMemory).pipe(
  Layer.provideMerge(Layer.mergeAll(Events.layer, elsewhere, Llm.layerNone)),
  Layer.provideMerge(Layer.merge(
    Order.toLayer(({ id }) => Effect.as(Signal.receive(Go), `sent ${id}`)),
    Slow.toLayer(() =>
      Effect.flatMap(Aborted, (aborted) =>
        Step.make("crawl", {
          success: Schema.String,
          onCrash: "rerun",
          run: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void aborted.push("crawl")))
        })())
    )
  )),
  Layer.provideMerge(TestHost.layer),
  Layer.provideMerge(Layer.sync(Aborted, () => []))
)

const serving = (context: Context.Context<Server.Needs>) =>
  Effect.gen(function*() {
    const served = yield* Effect.acquireRelease(
      Effect.sync(() =>
        Server.toWebHandler(Layer.succeedContext(context), {
          callbackSecret: Redacted.make(secret),
          hosts: ["engine.test"]
        })
      ),
      ({ dispose }) => Effect.promise(dispose)
    )
    return (request: Request) => served.handler(request)
  })

const handler = Layer.effect(Handler, Effect.flatMap(Effect.context<Server.Needs>(), serving))

const client = Layer.unwrap(Effect.map(Handler, (handle) =>
  Client.layer({ url: "http://localhost" }).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(
      Layer.succeed(
        FetchHttpClient.Fetch,
        ((input, init) => handle(new Request(input, init))) as typeof globalThis.fetch
      )
    )
  )))

const app = client.pipe(
  Layer.provideMerge(handler),
  Layer.provideMerge(ServerAccess.layerOpen({ person: "ada" })),
  Layer.provideMerge(engine)
)

const settled = Effect.flatMap(TestHost, ({ settled }) => settled)

const start = Effect.fnUntraced(function*(workflow: string) {
  const { runs } = yield* Client
  const { runId } = yield* runs.start({ payload: { workflow, input: { id: "1" } } })
  return { runs, run: runId, params: { run: runId } }
})

describe("asynchronous runs over HTTP", () => {
  it.effect("M-142: a start answers at once with the id of its run, which goes on by itself", () =>
    Effect.gen(function*() {
      const { params, runs } = yield* start("slow")
      yield* settled
      assert.include(yield* runs.get({ params, query: {} }), { status: "running", by: "ada" })
    }).pipe(Effect.provide(app)))

  it.effect("M-144: how a run stands is told while it is on its way, and what it came to at its end", () =>
    Effect.gen(function*() {
      const { params, runs } = yield* start("order")
      yield* settled
      const before = yield* runs.get({ params, query: {} })
      assert.deepInclude(before, { status: "suspended", reason: "signal", sentence: "Waits for signal \"go\"" })
      const { signals } = yield* Client
      yield* signals.send({ params: { ...params, name: "go" }, payload: {} })
      yield* settled
      assert.include(yield* runs.get({ params, query: {} }), { status: "completed", output: "sent 1" })
    }).pipe(Effect.provide(app)))

  it.effect("M-145: who waits is answered at the end of the run, and told where it stands when the time has passed", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      const { params, runs } = yield* start("slow")
      yield* settled
      const first = yield* Effect.forkChild(runs.get({ params, query: { wait: "5s" } }))
      yield* host.adjustHost(6_000)
      assert.strictEqual((yield* Fiber.join(first)).status, "running")
      const second = yield* Effect.forkChild(runs.get({ params, query: { wait: "60s" } }))
      yield* host.adjustHost(1_000)
      yield* runs.cancel({ params, payload: {} })
      yield* host.adjustHost(1_000)
      assert.strictEqual((yield* Fiber.join(second)).status, "cancelled")
    }).pipe(Effect.provide(app)))

  it.effect("M-146: a cancel in the middle of a step interrupts its body, and the run is cancelled", () =>
    Effect.gen(function*() {
      const aborted = yield* Aborted
      const { params, runs } = yield* start("slow")
      yield* settled
      assert.deepStrictEqual(aborted, [])
      assert.strictEqual((yield* runs.cancel({ params, payload: { reason: "no need" } })).result, "accepted")
      yield* settled
      assert.deepStrictEqual(aborted, ["crawl"])
      assert.strictEqual((yield* runs.get({ params, query: {} })).status, "cancelled")
    }).pipe(Effect.provide(app)))
})

describe("the state of a server", () => {
  it.effect("R-71: counts of runs are those of the store, beside the processes that work on them and the last event", () =>
    Effect.gen(function*() {
      const { events, runs, system } = yield* Client
      const { backend } = yield* Store
      yield* start("order")
      yield* events.emit({ payload: { name: "ticket.created", payload: { id: 1 } } })
      yield* settled
      const { counts, workers } = yield* system.state()
      assert.deepStrictEqual(counts, yield* backend.census)
      assert.deepStrictEqual(yield* runs.counts(), counts)
      assert.strictEqual(counts.byStatus["suspended"], 1)
      assert.deepStrictEqual(workers.map(({ alive }) => alive), [true])
      const { events: [last] } = yield* events.list({ query: { limit: 1 } })
      assert.deepInclude(last, { name: "ticket.created", payload: { id: 1 }, source: "ada" })
    }).pipe(Effect.provide(app)))

  it.effect("R-72: a heartbeat answers while the store does not, and whoever asks for the health of it waits", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<Server.Needs>()
      const stuck = Feed.of({ position: Effect.never, follow: () => Stream.never, written: Stream.never })
      const handle = yield* serving(Context.add(context, Feed, stuck))
      const ask = (path: string) => Effect.promise(() => handle(new Request(`http://localhost${path}`)))
      const health = yield* Effect.forkChild(ask("/api/health"))
      const response = yield* ask("/api/heartbeat")
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), { status: "alive" })
      assert.isUndefined(health.pollUnsafe())
      yield* Fiber.interrupt(health)
    }).pipe(Effect.provide(app)))
})

describe("callbacks of the agent service", () => {
  const call = Effect.fnUntraced(function*(body: unknown, said?: string, more: RequestInit = {}) {
    const handle = yield* Handler
    const response = yield* Effect.promise(() =>
      handle(
        new Request("http://engine.test/callbacks", {
          method: "POST",
          headers: {
            "content-type": "application/json",
            ...(said === undefined ? {} : { "x-callback-secret": said })
          },
          body: JSON.stringify(body),
          ...more
        })
      )
    )
    return { status: response.status, body: yield* Effect.promise(() => response.json()) as Effect.Effect<unknown> }
  })

  /** A run that waits for what became of its task, and the events of its steps from now on. */
  const waiting = Effect.gen(function*() {
    const { contracts, runs } = yield* Client
    yield* contracts.add({
      payload: {
        schemaVersion: "fermata.contract.v1",
        id: "job",
        version: "1.0.0",
        title: "Job",
        permissions: [{ kind: "task:run" }],
        entryStepId: "work",
        steps: [{ id: "work", name: "Work", kind: "task", task: "work", next: null }]
      }
    })
    const heard: Array<EventMessage> = []
    const events = yield* Events
    yield* events.subscribe("engine.step.*").pipe(
      Stream.runForEach((event) => Effect.sync(() => void heard.push(event))),
      Effect.forkScoped({ startImmediately: true })
    )
    const { runId } = yield* runs.start({ payload: { workflow: "job" } })
    yield* settled
    heard.length = 0
    const look = Effect.andThen(settled, runs.get({ params: { run: runId }, query: {} }))
    assert.strictEqual((yield* look).status, "suspended")
    return { heard, look, runId }
  })

  it.effect("C-79: only a callback with the right secret is heard", () =>
    Effect.gen(function*() {
      const { look, runId } = yield* waiting
      const done = { runId, stepId: "work", output: { made: 7 } }
      for (const said of [undefined, "", "wrong", `${secret}x`]) {
        assert.strictEqual((yield* call(done, said)).status, 401)
      }
      assert.strictEqual((yield* look).status, "suspended")
      assert.strictEqual((yield* call(done, secret)).status, 200)
      assert.deepInclude(yield* look, { status: "completed", output: { made: 7 } })
    }).pipe(Effect.scoped, Effect.provide(app)))

  for (
    const [said, name, status] of [
      [{ output: { made: 7 } }, "engine.step.completed", "completed"],
      [{ success: false, error: "out of memory" }, "engine.step.failed", "failed"]
    ] as const
  ) {
    it.effect(`C-80, C-81: what it says becomes ${name}, with the run as correlation id, and the run goes on`, () =>
      Effect.gen(function*() {
        const { heard, look, runId } = yield* waiting
        assert.strictEqual((yield* call({ stepId: "work" }, secret)).status, 400)
        yield* call({ runId, stepId: "work", ...said }, secret)
        assert.strictEqual((yield* look).status, status)
        yield* settled
        const event = heard.find((event) => event.name === name && event.correlationId === runId)
        assert.deepInclude(event?.payload, { runId, stepId: "work" })
      }).pipe(Effect.scoped, Effect.provide(app)))
  }

  it.effect("C-82: a valid callback is answered with 200 and { ok: true }, and another method is refused", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* call({ runId: "r-1", stepId: "work" }, secret), { status: 200, body: { ok: true } })
      assert.strictEqual((yield* call({}, secret, { method: "PUT" })).status, 405)
    }).pipe(Effect.provide(app)))
})
