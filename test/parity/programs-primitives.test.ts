import { assert, describe, it } from "@effect/vitest"
import { RemoteTasks } from "@fermata/contracts"
import { type TaskRequest, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { RunState, Signal, Step } from "@fermata/engine"
import { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { awaitExit, passTime, startSuspended } from "@fermata/testing/workflow/Harness"
import { Context, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { Activity, DurableClock, Workflow, WorkflowEngine } from "effect/workflow"
import * as AgentService from "./AgentService.ts"
import {
  assertOutput,
  backends,
  begin,
  complete,
  contract,
  define,
  echo,
  handlers,
  Log,
  only,
  pass,
  run,
  serve,
  serveAgain,
  verbs
} from "./support.ts"

const W = define("W")

describe("primitives", () => {
  it.effect("P-02: only a workflow opens a run: its steps and the effects that it calls stand in that one, a child in its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Child = define("Child")
      const plain = (text: string) => Effect.as(log.add(`plain ${text}`), text)
      const host = yield* world.start(Layer.merge(
        W.toLayer(() => Effect.all([plain("a"), echo(log)("b"), Child.execute({ id: "c" })])),
        Child.toLayer(({ id }) => echo(log)(id))
      ))
      yield* host.use(plain("alone"))
      const runs = yield* verbs(host)
      assert.isEmpty(yield* runs.list())
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, ["a", "b", "c"])
      assert.sameMembers((yield* runs.list()).map(({ workflow }) => workflow), ["W", "Child"])
      assert.deepStrictEqual(yield* world.story(id), [
        "RunRequested",
        "StepRequested echo",
        "StepCompleted echo",
        "ChildStarted",
        "ChildFinished",
        "RunCompleted"
      ])
      assert.deepStrictEqual(yield* world.story(yield* Child.executionId({ id: "c" })), [
        "RunRequested",
        "StepRequested echo",
        "StepCompleted echo",
        "RunCompleted"
      ])
    }))

  it.effect("P-03: one plain function is a step, a worker's task, a model's tool and a run of its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const summarize = ({ text }: { readonly text: string }) =>
        Effect.as(log.add(`summarize ${text}`), `summary: ${text}`)

      const step = Step.make("summarize", {
        input: { text: Schema.String },
        success: Schema.String,
        onCrash: "rerun",
        run: summarize
      })
      const Subagent = Workflow.make("subagent", {
        payload: { text: Schema.String },
        success: Schema.String,
        idempotencyKey: ({ text }) => text
      })
      const tools = Toolkit.make(
        Tool.make("summarize", { parameters: Schema.Struct({ text: Schema.String }), success: Schema.String })
      )
      const call = Step.make("call tool", {
        input: { text: Schema.String },
        success: Schema.String,
        onCrash: "rerun",
        run: (params) =>
          Effect.gen(function*() {
            const results = yield* (yield* tools).handle("summarize", params)
            const last = yield* Stream.runLast(results)
            return last.pipe((found) => found._tag === "Some" ? String(found.value.result) : "nothing")
          }).pipe(Effect.orDie, Effect.provide(tools.toLayer({ summarize })))
      })
      const program = Layer.merge(
        W.toLayer(() => Effect.all([step({ text: "1" }), call({ text: "2" }), Subagent.execute({ text: "3" })])),
        Subagent.toLayer(summarize)
      )
      const host = yield* world.start(program)
      yield* assertOutput(host, W, yield* begin(host, W), ["summary: 1", "summary: 2", "summary: 3"])
      yield* host.kill
      yield* world.adjustHost(10_001)

      const worker = yield* serve(world, {
        tasks: handlers({ summarize: (input) => summarize(input as { text: string }) })
      })
      const id = yield* run(
        worker,
        contract([{ id: "s", kind: "task", task: "summarize", input: "{{ input }}", next: null }]),
        {
          input: { text: "4" }
        }
      )
      assert.deepStrictEqual((yield* worker.runs.show(id)).steps.map(({ output }) => output), ["summary: 4"])
      assert.deepStrictEqual(log.entries, [1, 2, 3, 4].map((text) => `summarize ${text}`))
    }))

  it.effect("P-04: a service of a program is replaced without a change to the program", () =>
    Effect.gen(function*() {
      class Models extends Context.Service<Models, { readonly answer: (prompt: string) => Effect.Effect<string> }>()(
        "Models"
      ) {}
      const ask = Step.make("ask", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "rerun",
        run: (prompt) => Models.use(({ answer }) => answer(prompt))
      })
      const program = W.toLayer(({ id }) => ask(id))
      const outputWith = Effect.fnUntraced(function*(model: string) {
        const world = yield* CrashHost.make
        const models = Layer.succeed(Models, { answer: (prompt) => Effect.succeed(`${model} says ${prompt}`) })
        const host = yield* world.start(Layer.provide(program, models))
        yield* assertOutput(host, W, yield* begin(host, W, "hello"), `${model} says hello`)
      })
      yield* outputWith("the real one")
      yield* outputWith("the preset")
    }))

  it.effect("P-05: what a run captures is its own: journal, documents and what followers hear", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const seen = RunState.make("seen", { schema: Schema.Array(Schema.String), initial: [] })
      const host = yield* world.start(W.toLayer(({ id }) =>
        Effect.gen(function*() {
          for (const part of ["one", "two"]) {
            yield* RunState.update(seen, (texts) => [...texts, `${part} of ${id}`])
            yield* echo(log)(`${part} of ${id}`)
            yield* Effect.sleep("1 minute")
          }
          return (yield* RunState.get(seen)).value
        })
      ))
      const ids = [yield* begin(host, W, "a"), yield* begin(host, W, "b")]
      yield* pass(host, "2 minutes")
      const runs = yield* verbs(host)
      for (const [index, name] of ["a", "b"].entries()) {
        const id = ids[index]!
        yield* assertOutput(host, W, id, [`one of ${name}`, `two of ${name}`])
        const followed = yield* Stream.runCollect(runs.follow(id))
        const entries = yield* runs.journal(id)
        assert.deepStrictEqual(followed.flatMap(({ entries }) => entries), [...entries])
        assert.deepStrictEqual(
          only(entries, "StepCompleted").map(({ output }) => output),
          [`one of ${name}`, `two of ${name}`]
        )
      }
    }))

  it.effect("P-06: of what is set for the host, in the body and at a call, the nearest holds", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Region = Context.Reference("Region", { defaultValue: () => "default" })
      const where = Step.make("where", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.flatMap(Region, (region) => Effect.succeed(region))
      })
      const body = Effect.gen(function*() {
        const seen = [yield* Region, yield* where()]
        const inside = yield* Effect.all([where(), Effect.provideService(where(), Region, "call")]).pipe(
          Effect.provideService(Region, "body")
        )
        return [...seen, ...inside, yield* where()]
      })
      const bare = yield* world.start(W.toLayer(() => body))
      yield* assertOutput(bare, W, yield* begin(bare, W, "bare"), ["default", "default", "body", "call", "default"])
      yield* bare.kill
      yield* world.adjustHost(10_001)
      const set = yield* world.start(Layer.provide(W.toLayer(() => body), Layer.succeed(Region, "host")))
      yield* assertOutput(set, W, yield* begin(set, W, "set"), ["host", "host", "body", "call", "host"])
    }))

  it.effect("P-07: what a body does outside of steps is repeated on replay, and what steps do is not", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Go = Signal.make("go", { schema: Schema.Null })
      const program = W.toLayer(() =>
        Effect.gen(function*() {
          yield* log.add("outside")
          yield* echo(log, "inside")("x")
          yield* Signal.receive(Go)
        })
      )
      const first = yield* world.start(program)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, program)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.deepStrictEqual(log.entries, ["outside", "inside x", "outside"])
    }))
})

/** A program of `effect/workflow` alone, so that it also runs under an engine that is not this one. */
const portable = (log: Log) => {
  const P = Workflow.make("portable", {
    payload: { id: Schema.String },
    success: Schema.Array(Schema.String),
    idempotencyKey: ({ id }) => id
  })
  const part = (name: string) =>
    Activity.make({ name, success: Schema.String, execute: Effect.as(log.add(name), `${name} done`) })
  const layer = P.toLayer(() =>
    Effect.gen(function*() {
      const first = yield* part("first")
      yield* DurableClock.sleep({ name: "pause", duration: "1 hour" })
      return [first, yield* part("second")]
    })
  )
  return { P, layer, done: ["first done", "second done"] }
}

/** What the program comes to in a process of its own with effect's engine in memory. */
const underEffect = ({ P, layer }: Pick<ReturnType<typeof portable>, "P" | "layer">) =>
  Effect.gen(function*() {
    const id = yield* startSuspended(P, { id: "1" })
    yield* passTime("1 hour")
    return yield* yield* awaitExit(P, id)
  }).pipe(Effect.provide(Layer.provideMerge(layer, WorkflowEngine.layerMemory)))

describe("policy beside programs", () => {
  it.effect("P-08: without this engine only what it owns is gone, without a task runtime only the routing", () =>
    Effect.gen(function*() {
      // Under effect's engine in memory the program is the same, and no journal outlives the process.
      const log = new Log()
      const { P, done, layer } = portable(log)
      const life = underEffect({ P, layer })
      assert.deepStrictEqual([yield* life, yield* life], [done, done])
      assert.deepStrictEqual(log.entries, ["first", "second", "first", "second"])

      // Under this one the second process goes on from the journal.
      const world = yield* CrashHost.make
      const durable = new Log()
      const program = portable(durable)
      const first = yield* world.start(program.layer)
      const id = yield* begin(first, program.P)
      const second = yield* world.restart(first, program.layer)
      yield* pass(second, "1 hour")
      yield* assertOutput(second, program.P, id, done)
      assert.deepStrictEqual(durable.entries, ["first", "second"])
      yield* second.kill
      yield* world.adjustHost(10_001)

      // Without a runtime for tasks nothing is routed; what is durable stays so.
      const waits = contract([
        { id: "pause", kind: "wait", event: "go.on", next: "work" },
        { id: "work", kind: "task", task: "work", next: null }
      ])
      const worked = new Log()
      const parts = { tasks: handlers({ work: () => worked.add("work") }) }
      const routed = yield* serve(world, parts)
      const waiting = yield* run(routed, waits)
      const unrouted = yield* serveAgain(world, routed)
      yield* unrouted.events.emit("go.on", null)
      yield* unrouted.settled
      assert.isEmpty(worked.entries)
      assert.notStrictEqual((yield* unrouted.runs.show(waiting)).status, "failed")
      const plain = yield* run(
        unrouted,
        contract([{ id: "t", kind: "transform", set: { a: 1 }, next: null }], { id: "plain" })
      )
      assert.strictEqual((yield* unrouted.runs.show(plain)).status, "completed")
      const again = yield* serveAgain(world, unrouted, parts)
      yield* again.settled
      assert.strictEqual((yield* again.runs.show(waiting)).status, "completed")
      assert.deepStrictEqual(worked.entries, ["work"])
    }))

  it.effect("P-09: one program runs unchanged under four engines and stores, and a crash between", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { P, done, layer } = portable(log)
      const ours = Effect.fnUntraced(function*(backend: Effect.Success<typeof backends.memory>) {
        return yield* Effect.gen(function*() {
          const { adjust, settled } = yield* TestHost
          const id = yield* P.execute({ id: "1" }, { discard: true })
          yield* settled
          yield* adjust("1 hour")
          return yield* yield* awaitExit(P, id)
        }).pipe(Effect.provide(Layer.provideMerge(layer, TestHost.layerOf(backend))))
      })
      assert.deepStrictEqual(yield* underEffect({ P, layer }), done)
      for (const backend of Object.values(backends)) {
        assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(backend, ours)), done)
      }
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, P)
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 hour")
      yield* assertOutput(second, P, id, done)
    }))
})

/** The other contract of P-10, that of stores, is proven by its own suite: `BackendConformance`, for memory and SQLite. */
describe("transport", () => {
  /** A runner of the task `double`, and how many jobs have reached whoever does it. */
  interface Runner {
    readonly tasks: Layer.Layer<TaskRuntime>
    readonly jobs: () => ReadonlyArray<
      Pick<TaskRequest, "runId" | "stepId" | "task" | "input"> & { readonly idempotencyKey: unknown }
    >
    /** Tells what became of the jobs that were taken and are done elsewhere. */
    readonly finish: (host: Parameters<typeof complete>[0]) => Effect.Effect<void>
  }

  const runners = {
    "in memory": Effect.sync((): Runner => {
      const jobs: Array<TaskRequest> = []
      return {
        tasks: TaskRuntime.layerHandlers({
          double: (input, context) =>
            Effect.sync(() => {
              jobs.push({ ...context, input })
              return Number(input) * 2
            })
        }) as Layer.Layer<TaskRuntime>,
        jobs: () => jobs,
        finish: () => Effect.void
      }
    }),
    "over HTTP": Effect.map(AgentService.make, (service): Runner => {
      const text = (value: unknown) => String(value)
      return {
        tasks: RemoteTasks.layer({
          serviceUrl: service.url,
          callbackUrl: new URL("http://127.0.0.1:9/callbacks"),
          apiKey: Redacted.make("key"),
          tasks: { double: "task" }
        }).pipe(Layer.provide(FetchHttpClient.layer)),
        jobs: () =>
          service.jobs.map(({ body, headers }) => ({
            runId: text(body["runId"]),
            stepId: text(body["stepId"]),
            task: text(body["task"]),
            input: body["input"] as Schema.Json,
            idempotencyKey: headers["idempotency-key"]
          })),
        finish: (host) =>
          Effect.forEach(
            service.jobs,
            ({ body }) => complete(host, text(body["runId"]), text(body["stepId"]), Number(body["input"]) * 2),
            { discard: true }
          ).pipe(Effect.orDie)
      }
    })
  } as const

  const document = contract([
    { id: "work", kind: "task", task: "double", input: "{{ input }}", next: "pause" },
    { id: "pause", kind: "wait", event: "go.on", next: "keep" },
    { id: "keep", kind: "transform", set: { doubled: "{{ steps.work.output }}" }, next: null }
  ])

  for (const [name, make] of Object.entries(runners)) {
    it.effect(`P-10: ${name}: a task goes out once, with its ids, its output is recorded, and a replay does not ask again`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const { finish, jobs, tasks } = yield* make
        const first = yield* serve(world, { tasks })
        const id = yield* run(first, document, { input: 21 })
        // A job over HTTP leaves the process, so its answer comes when it comes: the run says that it waits.
        yield* Stream.runDrain(first.runs.follow(id, { untilSuspended: true }))
        assert.lengthOf(jobs(), 1)
        assert.deepInclude(jobs()[0], { runId: id, stepId: "work", task: "double", input: 21 })
        assert.isTrue(String(jobs()[0]!.idempotencyKey).startsWith(id), "a key of this run")
        yield* finish(first)
        const second = yield* serveAgain(world, first, { tasks })
        yield* second.events.emit("go.on", null)
        yield* second.settled
        assert.deepStrictEqual((yield* second.runs.show(id)).output, { doubled: 42 })
        assert.lengthOf(jobs(), 1)
      }).pipe(Effect.scoped))

    it.effect(`P-10: ${name}: a task that the runner does not know is left to others`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const { jobs, tasks } = yield* make
        const host = yield* serve(world, { tasks })
        const unknown = contract([{ id: "work", kind: "task", task: "treble", next: null }])
        assert.strictEqual((yield* host.runs.show(yield* run(host, unknown))).status, "queued")
        assert.isEmpty(jobs())
      }).pipe(Effect.scoped))
  }
})
