import { assert, describe, it } from "@effect/vitest"
import { RemoteTasks } from "@fermata/contracts"
import { Llm } from "@fermata/contracts/Llm"
import { StepPolicy } from "@fermata/contracts/RecordedStep"
import { type TaskReply, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Permission } from "@fermata/core"
import { type Backend, MemoryBackend, Store } from "@fermata/engine"
import { HostClock } from "@fermata/engine/HostClock"
import { NodeHost } from "@fermata/host-node"
import { CrashHost } from "@fermata/testing"
import { Context, Deferred, Effect, Fiber, Layer, Logger, Option, References, type Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock, TestConsole } from "effect/testing"
import { join } from "node:path"
import * as AgentService from "./AgentService.ts"
import {
  backends,
  complete,
  contract,
  define,
  echo,
  giveWay,
  handlers,
  hear,
  Log,
  only,
  run,
  serve,
  serveOn,
  smuggle,
  temporaryFolder
} from "./support.ts"

const end = { id: "end", kind: "transform", set: { reached: true }, next: null }
const hold = { id: "hold", kind: "wait", event: "go.on", next: "end" }

/** Runs a test on every kind of store. */
const onEveryStore = <E>(test: (backend: Backend.Backend) => Effect.Effect<void, E>) =>
  Effect.forEach(Object.values(backends), (make) => Effect.scoped(Effect.flatMap(make, test)), { discard: true })

/** What every store must do, seen from outside. */
const storage = Effect.fnUntraced(function*(backend: Backend.Backend) {
  const host = yield* serveOn(backend, {
    tasks: Layer.succeed(TaskRuntime, {
      tasks: ["far"],
      submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" })
    })
  })
  const document = contract([{ id: "work", kind: "task", task: "far", next: null }])
  // Contracts
  assert.deepStrictEqual(yield* host.contracts.list, [])
  assert.strictEqual((yield* Effect.flip(host.contracts.get("c")))._tag, "ContractNotFound")
  const added = yield* host.contracts.add(document)
  assert.deepStrictEqual(yield* host.contracts.get("c", "1.0.0"), added)
  assert.deepStrictEqual(yield* host.contracts.add(document), added)
  yield* host.contracts.add({ ...document, version: "1.1.0", title: "Newer" })
  yield* host.contracts.add({ ...document, id: "b" })
  assert.deepStrictEqual((yield* host.contracts.list).map(({ id, version }) => `${id}@${version}`), [
    "b@1.0.0",
    "c@1.1.0",
    "c@1.0.0"
  ])
  assert.strictEqual((yield* host.contracts.get("c")).title, "Newer")
  const refused = yield* Effect.flip(host.contracts.add({ ...document, title: "Changed" }))
  assert.deepInclude(refused, { _tag: "ContractRefused", contract: "c", version: "1.0.0" })
  assert.strictEqual((yield* host.contracts.get("c", "1.0.0")).title, "C")
  // Runs
  assert.deepStrictEqual(yield* host.runs.list(), [])
  assert.strictEqual((yield* Effect.flip(host.runs.show("nobody")))._tag, "RunNotFound")
  assert.isNull(yield* backend.run("nobody"))
  const { runId } = yield* host.contracts.start({
    contract: "c",
    version: "1.0.0",
    key: "k",
    input: { a: [1, "two", null] }
  })
  yield* host.settled
  assert.deepInclude(yield* host.runs.find(runId), {
    id: runId,
    workflow: "c",
    version: "1.0.0",
    status: "suspended",
    reason: "signal"
  })
  assert.deepStrictEqual((yield* host.runs.show(runId)).payload, { input: { a: [1, "two", null] } })
  assert.deepStrictEqual(yield* host.contracts.start({ contract: "c", version: "1.0.0", key: "k", input: "other" }), {
    runId,
    joined: true,
    otherInput: true
  })
  assert.deepStrictEqual(
    (yield* host.runs.show(runId)).payload,
    { input: { a: [1, "two", null] } },
    "joining overwrites nothing"
  )
  yield* complete(host, runId, "work", "x".repeat(100_000))
  assert.deepStrictEqual((yield* host.runs.list({ status: ["completed"] })).map(({ id }) => id), [runId])
  assert.strictEqual((yield* host.runs.show(runId)).output, "x".repeat(100_000))
  assert.strictEqual((yield* Effect.flip(host.runs.cancel(runId, { by: "ada", reason: "late" })))._tag, "RunClosed")
}, Effect.scoped)

describe("the ports", () => {
  it.effect("C-34: on every host what is published reaches its subscribers, and nobody who has left", () =>
    onEveryStore(Effect.fnUntraced(function*(backend) {
      const host = yield* serveOn(backend)
      const tickets = yield* hear(host, "ticket.*")
      const all: Array<string> = []
      const leaver = yield* Effect.forkChild(
        Stream.runForEach(host.events.subscribe("**"), ({ name }) => Effect.sync(() => void all.push(name))),
        { startImmediately: true }
      )
      const publish = Effect.fnUntraced(function*(name: string, payload: Schema.Json) {
        yield* host.events.emit(name, payload)
        yield* host.settled
        yield* giveWay()
      })
      yield* publish("ticket.created", { id: 1 })
      yield* publish("order.created", { id: 2 })
      yield* Fiber.interrupt(leaver)
      yield* publish("ticket.closed", { id: 3 })
      assert.deepStrictEqual(tickets.map(({ name, payload }) => [name, payload]), [["ticket.created", { id: 1 }], [
        "ticket.closed",
        { id: 3 }
      ]])
      assert.deepStrictEqual(all, ["ticket.created", "order.created"])
      assert.strictEqual((yield* Effect.flip(host.events.emit("not a name", {})))._tag, "EventRefused")
    }, Effect.scoped)))

  it.effect("C-35: every store keeps contracts and runs, refuses to overwrite, and says what it does not have", () =>
    onEveryStore(storage))

  it.effect("C-36: a task that succeeds and one that fails come back from every runtime", () =>
    Effect.gen(function*() {
      const service = yield* AgentService.make
      const remote = RemoteTasks.layer({
        serviceUrl: service.url,
        callbackUrl: new URL("http://127.0.0.1:9/callbacks"),
        tasks: { works: "task", breaks: "task" }
      }).pipe(Layer.provide(FetchHttpClient.layer))
      const outcome = (stepId: string) => stepId === "works" ? { output: { made: 7 } } : { error: "out of memory" }
      const runtimes: Record<string, { readonly tasks: Layer.Layer<TaskRuntime>; readonly elsewhere: boolean }> = {
        "in this process": {
          tasks: handlers({
            works: () => Effect.succeed({ made: 7 }),
            breaks: () => Effect.fail(new Error("out of memory"))
          }),
          elsewhere: false
        },
        "handed over": {
          tasks: Layer.succeed(TaskRuntime, {
            tasks: ["works", "breaks"],
            submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" })
          }),
          elsewhere: true
        },
        "over HTTP": { tasks: remote, elsewhere: true }
      }
      for (const [name, { elsewhere, tasks }] of Object.entries(runtimes)) {
        const host = yield* serve(yield* CrashHost.make, { tasks })
        for (const task of ["works", "breaks"]) {
          const id = yield* run(
            host,
            contract([{ id: task, kind: "task", task, input: { n: 1 }, next: null }], { id: task })
          )
          yield* Stream.runDrain(host.runs.follow(id, { untilSuspended: true }))
          if (elsewhere) {
            assert.strictEqual((yield* host.runs.find(id)).status, "suspended", name)
            yield* host.events.emit(`engine.step.${task === "works" ? "completed" : "failed"}`, {
              runId: id,
              stepId: task,
              ...outcome(task)
            })
          }
          const last = Option.getOrThrow(yield* Stream.runLast(host.runs.follow(id)))
          if (task === "works") assert.deepInclude(last.view, { status: "completed", output: { made: 7 } }, name)
          else assert.include(last.view.error?.message, "out of memory", name)
        }
      }
      assert.deepStrictEqual(service.jobs.map(({ body }) => body["task"]), ["works", "breaks"])
    }).pipe(Effect.scoped))

  it.effect("C-37: without a model everything runs that does not come to an llm step", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      const document = contract([
        { id: "decide", kind: "branch", cases: [{ when: "input.think", next: "think" }], default: "end" },
        { id: "think", kind: "llm", prompt: "think", next: "end" },
        end
      ])
      const without = yield* run(host, document, { input: { think: false } })
      const through = yield* run(host, document, { input: { think: true } })
      assert.strictEqual((yield* host.runs.find(without)).status, "completed")
      const shown = yield* host.runs.show(through)
      assert.strictEqual(shown.status, "failed")
      assert.include(shown.error?.message, "no model is configured")
    }))

  it.effect("C-38: a policy that denies all stops emits, models, tasks and calls, and one that allows all lets them through", () =>
    Effect.gen(function*() {
      const kinds = {
        emit: { event: "my.event" },
        llm: { prompt: "think" },
        task: { task: "work" },
        call: { workflow: "called" }
      }
      const outcomes = Effect.fnUntraced(function*(decision: Permission.Decision) {
        const log = new Log()
        const asked: Array<string> = []
        const world = yield* CrashHost.make
        const called = { id: "set", kind: "transform", set: { a: 1 }, next: null }
        yield* smuggle(world.backend, contract([called], { id: "called", permissions: [] }))
        // No permissions of their own: what is allowed is allowed by the policy.
        for (const [kind, step] of Object.entries(kinds)) {
          yield* smuggle(
            world.backend,
            contract([{ id: "s", kind, ...step, next: null }], { id: kind, permissions: [] })
          )
        }
        const host = yield* serve(world, {
          tasks: handlers({ work: () => log.add("task") }),
          llm: Layer.succeed(Llm, { invoke: () => Effect.as(log.add("llm"), { text: "yes", model: "fake" }) }),
          around: Layer.succeed(
            StepPolicy,
            (_permissions, request) => Effect.sync(() => (asked.push(request.kind), decision))
          )
        })
        const heard = yield* hear(host, "my.event")
        const statuses: Array<string> = []
        for (const kind of Object.keys(kinds)) {
          const { runId } = yield* host.contracts.start({ contract: kind })
          yield* host.settled
          const { error, status } = yield* host.runs.show(runId)
          statuses.push(status === "failed" ? `${status}: ${error?.message.split(": ").at(-1)}` : status)
        }
        yield* giveWay()
        return { asked, statuses, done: [...heard.map(({ name }) => name), ...log.entries] }
      })
      const asked = ["event:emit", "llm:invoke", "task:run", "workflow:call"]
      assert.deepStrictEqual(yield* outcomes({ decision: "deny", reason: "not today" }), {
        asked,
        statuses: asked.map(() => "failed: not today"),
        done: []
      })
      assert.deepStrictEqual(yield* outcomes({ decision: "allow" }), {
        asked,
        statuses: asked.map(() => "completed"),
        done: ["my.event", "llm", "task"]
      })
    }))

  it.effect("C-39: every recorded time is that of the clock that was handed in", () =>
    Effect.gen(function*() {
      const fixed = 1_700_000_000_000
      yield* TestClock.setTime(fixed)
      const world = yield* CrashHost.make
      const host = yield* serve(world, { tasks: handlers({ work: () => Effect.succeed(1) }) })
      const heard = yield* hear(host)
      const id = yield* run(
        host,
        contract([
          { id: "work", kind: "task", task: "work", next: "tell" },
          { id: "tell", kind: "emit", event: "my.event", payload: { now: "{{ $millis() }}" }, next: "gate" },
          {
            id: "gate",
            kind: "approval",
            prompt: "ok?",
            approvers: ["admin"],
            nextOnApproved: "end",
            nextOnDenied: null
          },
          end
        ])
      )
      const [open] = yield* host.runs.approvals()
      yield* host.runs.answer(id, { decision: "approve", by: "admin" })
      yield* host.settled
      yield* giveWay()
      const entries = yield* world.journal(id)
      const { createdAt, updatedAt } = yield* host.runs.find(id)
      const [stored] = yield* host.contracts.list
      const times = [...entries.map(({ at }) => at), createdAt, updatedAt, open!.requestedAt, stored!.at]
      assert.isAbove(times.length, 14)
      assert.deepStrictEqual(new Set(times), new Set([fixed]))
      assert.deepStrictEqual(heard.find(({ name }) => name === "my.event")?.payload, { now: fixed })
    }))

  it.effect("C-40: what the engine does with a run is logged to the logger that was handed in, and nothing to the console", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const around = Layer.merge(
        Logger.layer([Logger.make(({ message }) => void lines.push(JSON.stringify(message)))]),
        Layer.succeed(References.MinimumLogLevel, "All")
      )
      const host = yield* serve(yield* CrashHost.make, { around })
      const id = yield* run(host, contract([hold, end]))
      yield* host.events.emit("engine.step.completed", { runId: id, stepId: "nothing", output: 1 })
      yield* host.settled
      yield* host.events.emit("go.on", {})
      yield* host.settled
      assert.strictEqual((yield* host.runs.find(id)).status, "completed")
      assert.deepStrictEqual([...yield* TestConsole.logLines, ...yield* TestConsole.errorLines], [])
      assert.isTrue(lines.some((line) => line.includes("has no task step")), "what was ignored is logged")
      const about = lines.filter((line) => line.includes(id) && !line.includes("has no task step"))
      assert.isNotEmpty(about, "that the run began, waited and ended is logged")
    }))
})

describe("what is shipped", () => {
  it.effect("C-41: emit is a plain function that may be handed on by itself", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      const heard = yield* hear(host, "my.event")
      const { emit } = host.events
      yield* emit("my.event", { n: 1 })
      yield* host.settled
      yield* giveWay()
      assert.deepStrictEqual(heard.map(({ payload }) => payload), [{ n: 1 }])
    }))

  it.effect("C-42: the store in memory keeps contracts and runs as any store does", () =>
    Effect.gen(function*() {
      yield* storage(Context.get(yield* Layer.build(Store.Store.layerMemory), Store.Store).backend)
      yield* storage(MemoryBackend.make(MemoryBackend.makeStore()))
    }).pipe(Effect.scoped))

  it.effect("C-43: a task in this process tells its completion by an event of this host, once it is complete", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<number>()
      const host = yield* serve(yield* CrashHost.make, { tasks: handlers({ work: () => Deferred.await(gate) }) })
      const heard = yield* hear(host, "engine.step.completed")
      const id = yield* run(host, contract([{ id: "work", kind: "task", task: "work", next: null }]))
      yield* giveWay()
      assert.deepStrictEqual(heard, [])
      yield* Deferred.succeed(gate, 7)
      yield* host.settled
      yield* giveWay()
      assert.deepStrictEqual(heard.map(({ payload }) => [payload["runId"], payload["stepId"], payload["output"]]), [[
        id,
        "work",
        7
      ]])

      // A runtime that is given a publisher may tell it later, from anywhere.
      const publishers: Array<() => Effect.Effect<unknown, unknown>> = []
      const other = yield* serve(yield* CrashHost.make, {
        tasks: Layer.succeed(TaskRuntime, {
          tasks: ["work"],
          submit: ({ runId, stepId }) =>
            Effect.sync((): TaskReply => {
              publishers.push(() => other.events.emit("engine.step.completed", { runId, stepId, output: 8 }))
              return { _tag: "Submitted" }
            })
        })
      })
      const later = yield* run(other, contract([{ id: "work", kind: "task", task: "work", next: null }]))
      assert.strictEqual((yield* other.runs.find(later)).status, "suspended")
      yield* publishers[0]!()
      yield* other.settled
      assert.strictEqual((yield* other.runs.show(later)).output, 8)
    }))

  it.effect("C-44: the default policy grants what the permissions state and nothing else", () =>
    Effect.gen(function*() {
      const requests: Record<string, Permission.Request> = {
        "emit my.started": { kind: "event:emit", event: "my.started" },
        "emit my.job.started": { kind: "event:emit", event: "my.job.started" },
        "emit other.started": { kind: "event:emit", event: "other.started" },
        "emit engine.run.completed": { kind: "event:emit", event: "engine.run.completed" },
        "invoke small": { kind: "llm:invoke", model: "small-1" },
        "invoke large": { kind: "llm:invoke", model: "large-1" },
        "invoke any": { kind: "llm:invoke" },
        "run build": { kind: "task:run", task: "build.web" },
        "run deploy": { kind: "task:run", task: "deploy.web" },
        "read crm": { kind: "http:request", service: "crm", method: "GET" },
        "change crm": { kind: "http:request", service: "crm", method: "POST" }
      }
      const table: ReadonlyArray<
        readonly [permissions: ReadonlyArray<Permission.Permission>, granted: ReadonlyArray<string>]
      > = [
        [[], []],
        [[{ kind: "event:emit", pattern: "my.*" }], ["emit my.started"]],
        [[{ kind: "event:emit", pattern: "my.**" }], ["emit my.started", "emit my.job.started"]],
        [[{ kind: "event:emit", pattern: "**" }], ["emit my.started", "emit my.job.started", "emit other.started"]],
        [[{ kind: "llm:invoke" }], ["invoke small", "invoke large", "invoke any"]],
        [[{ kind: "llm:invoke", model: "small-*" }], ["invoke small"]],
        [[{ kind: "task:run" }], ["run build", "run deploy"]],
        [[{ kind: "task:run", pattern: "build.*" }], ["run build"]],
        [[{ kind: "http:request" }], ["read crm", "change crm"]],
        [[{ kind: "http:request", pattern: "c*", methods: ["GET"] }], ["read crm"]],
        [[{ kind: "http:request", pattern: "other" }], []],
        [[{ kind: "task:run", pattern: "build.*" }, { kind: "event:emit", pattern: "other.started" }], [
          "emit other.started",
          "run build"
        ]]
      ]
      const policy = yield* StepPolicy
      for (const [permissions, granted] of table) {
        const allowed: Array<string> = []
        for (const [name, request] of Object.entries(requests)) {
          const decision = yield* policy(permissions, request)
          assert.deepStrictEqual(decision, Permission.decide(permissions, request))
          if (decision.decision === "allow") allowed.push(name)
          else assert.isNotEmpty(decision.reason)
        }
        assert.deepStrictEqual(allowed, granted, JSON.stringify(permissions))
      }
    }))

  it.live("C-45: the clock of the Node host is that of the machine", () =>
    Effect.gen(function*() {
      const db = join(yield* temporaryFolder, "runs.db")
      const W = define("W")
      const log = new Log()
      const before = Date.now()
      const services = yield* Layer.build(
        W.toLayer(() => echo(log)("x")).pipe(Layer.provideMerge(NodeHost.layer({ db })))
      )
      const id = yield* Effect.provide(W.execute({ id: "1" }, { discard: true }), services)
      assert.strictEqual(yield* Effect.provide(W.execute({ id: "1" }), services), "x")
      const entries = yield* Context.get(services, Store.Store).journal(id)
      const clock = Context.get(services, HostClock).now()
      const after = Date.now()
      for (const time of [clock, ...entries.map(({ at }) => at)]) {
        assert.isAtLeast(time, before)
        assert.isAtMost(time, after)
      }
      assert.lengthOf(only(entries, "RunCompleted"), 1)
    }).pipe(Effect.scoped))

  it.effect("C-46: where no logger is handed in, the console gets what is logged", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      const id = yield* run(host, contract([hold, end]))
      assert.notInclude((yield* TestConsole.logLines).map(String).join("\n"), "has no task step")
      yield* host.events.emit("engine.step.completed", { runId: id, stepId: "nothing", output: 1 })
      yield* host.settled
      assert.include((yield* TestConsole.logLines).map(String).join("\n"), `run ${id} has no task step "nothing"`)
    }))

  it.effect("C-47: a bridge hands events on in both directions, each with who has published it", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      // The other side: a bus with a function to emit and a dispatcher to listen to.
      const emitted: Array<
        { readonly name: string; readonly actorId: string | undefined; readonly correlationId: string | undefined }
      > = []
      yield* Effect.forkChild(
        Stream.runForEach(
          host.events.subscribe("**"),
          ({ correlationId, name, source }) =>
            Effect.sync(() => void emitted.push({ name, actorId: source, correlationId }))
        ),
        { startImmediately: true }
      )
      const dispatch = (name: string, payload: Schema.Json) => host.events.emit(name, payload, { source: "other-bus" })

      yield* host.contracts.add(contract([{ id: "tell", kind: "emit", event: "ticket.triaged", next: null }], {
        triggers: [{ type: "event", event: "ticket.created" }]
      }))
      yield* dispatch("ticket.created", { id: "T-1" })
      yield* host.settled
      yield* giveWay()
      const [triage] = yield* host.runs.list()
      assert.strictEqual(triage?.status, "completed")
      assert.deepInclude(emitted, { name: "ticket.created", actorId: "other-bus", correlationId: undefined })
      const own = emitted.filter(({ correlationId }) => correlationId === triage!.id)
      assert.includeMembers(own.map(({ name }) => name), [
        "engine.run.requested",
        "engine.run.completed",
        "ticket.triaged"
      ])
      assert.deepStrictEqual(
        own.filter(({ actorId }) => actorId === undefined || actorId === "").map(({ name }) => name),
        []
      )
    }))
})
