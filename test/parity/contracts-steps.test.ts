import { assert, describe, it } from "@effect/vitest"
import { StandardShapes } from "@fermata/contracts"
import { Llm } from "@fermata/contracts/Llm"
import { type TaskReply, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Egress, HttpService } from "@fermata/engine"
import { CrashHost } from "@fermata/testing"
import { Deferred, Effect, Layer, Stream } from "effect"
import { complete, contract, giveWay, handlers, hear, Log, type Loose, only, pass, run, serve } from "./support.ts"

const done = { id: "done", kind: "transform", set: { reached: true }, next: null }

/** Takes every one of these tasks, and says nothing more. */
const handedOver = (...tasks: ReadonlyArray<string>) =>
  Layer.succeed(TaskRuntime, { tasks, submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" }) })

describe("kinds of steps", () => {
  it.effect("C-26: a task blocks the run until it completes, and its output is there for the next step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gate = yield* Deferred.make<string>()
      const host = yield* serve(world, {
        tasks: handlers({ build: (input) => Effect.map(Deferred.await(gate), (output) => ({ input, output })) })
      })
      const id = yield* run(
        host,
        contract([
          { id: "build", kind: "task", task: "build", input: { target: "{{ input.target }}" }, next: "keep" },
          { id: "keep", kind: "transform", set: { built: "{{ steps.build.output }}" }, next: null }
        ]),
        { input: { target: "web" } }
      )
      yield* pass(host, "10 minutes")
      assert.deepStrictEqual(only(yield* world.journal(id), "StepRequested").map(({ key }) => key), ["build"])
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* Deferred.succeed(gate, "dist")
      yield* host.settled
      assert.deepStrictEqual((yield* host.runs.show(id)).output, {
        built: { input: { target: "web" }, output: "dist" }
      })

      // The same with a task that is done elsewhere.
      const far = yield* serve(yield* CrashHost.make, { tasks: handedOver("build") })
      const remote = yield* run(
        far,
        contract([
          { id: "build", kind: "task", task: "build", next: "keep" },
          { id: "keep", kind: "transform", set: { built: "{{ steps.build.output }}" }, next: null }
        ])
      )
      yield* pass(far, "10 days")
      assert.include(yield* far.runs.find(remote), { status: "suspended", reason: "signal" })
      yield* complete(far, remote, "build", { output: "dist" })
      assert.deepStrictEqual((yield* far.runs.show(remote)).output, { built: { output: "dist" } })
    }))

  it.effect("C-27: an llm step asks the model and the next step reads its answer; without a model it fails with a sentence", () =>
    Effect.gen(function*() {
      const steps = [
        {
          id: "think",
          kind: "llm",
          system: "be brief",
          prompt: "Sum up {{ input.title }}",
          maxTokens: 99,
          next: "keep"
        },
        { id: "keep", kind: "transform", set: { answer: "it said: {{ steps.think.output }}" }, next: null }
      ]
      const asked: Array<unknown> = []
      const llm = Layer.succeed(Llm, {
        invoke: (request) => Effect.sync(() => (asked.push(request), { text: "a bug", model: "fake" }))
      })
      const host = yield* serve(yield* CrashHost.make, { llm })
      const id = yield* run(host, contract(steps), { input: { title: "Login" } })
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { answer: "it said: a bug" })
      const idempotencyKey = `${id}%2Fthink`
      assert.deepStrictEqual(asked, [{ prompt: "Sum up Login", system: "be brief", maxTokens: 99, idempotencyKey }])

      const bare = yield* serve(yield* CrashHost.make)
      const failed = yield* run(bare, contract(steps), { input: { title: "Login" } })
      const shown = yield* bare.runs.show(failed)
      assert.strictEqual(shown.status, "failed")
      assert.include(shown.error?.message, "no model is configured")
      assert.deepStrictEqual(shown.steps.map(({ key, status }) => [key, status]), [["think", "failed"]])
      const routed = yield* run(
        bare,
        contract([{ ...steps[0]!, onError: "done" }, steps[1]!, done], { id: "routed" }),
        { input: { title: "x" } }
      )
      assert.deepStrictEqual((yield* bare.runs.show(routed)).output, { reached: true })
    }))

  it.effect("C-28: an emit publishes its event, and the run goes on without a moment in between", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const heard = yield* hear(host, "my.**")
      const id = yield* run(
        host,
        contract([
          { id: "tell", kind: "emit", event: "my.event", payload: { who: "{{ input }}" }, next: "done" },
          done
        ]),
        { input: "ada" }
      )
      yield* giveWay()
      assert.deepStrictEqual(heard.map(({ name, payload }) => [name, payload]), [["my.event", { who: "ada" }]])
      const entries = yield* world.journal(id)
      assert.deepStrictEqual(only(entries, "RunSuspended"), [])
      assert.deepStrictEqual(new Set(entries.map(({ at }) => at)).size, 1)
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { reached: true })
    }))

  it.effect("C-29: a wait takes the event of its name and no other, and its payload is there for the next step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const id = yield* run(
        host,
        contract([
          { id: "hold", kind: "wait", event: "payment.received", next: "keep" },
          { id: "keep", kind: "transform", set: { paid: "{{ steps.hold.output.cents }}" }, next: null }
        ])
      )
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      const rows = yield* world.rows(id)
      yield* host.events.emit("payment.refused", { cents: 1 })
      yield* host.settled
      assert.deepStrictEqual(yield* world.rows(id), rows)
      yield* host.events.emit("payment.received", { cents: 4_200 })
      yield* host.settled
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { paid: 4_200 })
    }))

  it.effect("C-29: of many runs that wait for one event, each takes the one that fits it, and the others leave nothing in its journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const waits = contract([{
        id: "hold",
        kind: "wait",
        event: "payment.received",
        where: "event.order = input.order",
        next: null
      }])
      const orders = Array.from({ length: 20 }, (_, order) => order)
      const ids = yield* Effect.forEach(orders, (order) => run(host, waits, { input: { order } }))
      for (const order of orders.toReversed()) yield* host.events.emit("payment.received", { order })
      yield* host.settled
      for (const order of orders) {
        assert.deepStrictEqual((yield* host.runs.show(ids[order]!)).output, { order })
        assert.deepStrictEqual((yield* world.journal(ids[order]!)).map(({ _tag }) => _tag), [
          "RunRequested",
          "RunStarted",
          "RunSuspended",
          "StepRequested",
          "StepCompleted",
          "RunCompleted"
        ])
      }
    }))

  it.effect("C-30: a branch goes where the first true condition points, else to the default", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const pick = (id: string) => ({ id, kind: "transform", set: { picked: id }, next: null })
      const document = contract([
        { id: "prepare", kind: "transform", set: { size: "{{ input.size }}" }, next: "decide" },
        {
          id: "decide",
          kind: "branch",
          cases: [{ when: "state.size > 100", next: "large" }, { when: "{{ state.size > 10 }}", next: "middle" }],
          default: "small"
        },
        pick("large"),
        pick("middle"),
        pick("small")
      ])
      const picked = (size: number) =>
        Effect.flatMap(
          run(host, document, { input: { size } }),
          (id) => Effect.map(host.runs.show(id), ({ output, steps }) => [output, steps.map(({ key }) => key)])
        )
      assert.deepStrictEqual(yield* picked(1_000), [{ picked: "large" }, ["prepare", "decide", "large"]])
      assert.deepStrictEqual(yield* picked(11), [{ picked: "middle" }, ["prepare", "decide", "middle"]])
      assert.deepStrictEqual(yield* picked(1), [{ picked: "small" }, ["prepare", "decide", "small"]])
    }))

  it.effect("C-31: a transform writes new keys that templates read", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const heard = yield* hear(host, "sum.made")
      const id = yield* run(
        host,
        contract([
          {
            id: "first",
            kind: "transform",
            set: { total: "{{ input.a + input.b }}", name: "{{ $uppercase(input.name) }}" },
            next: "second"
          },
          { id: "second", kind: "transform", set: { total: "{{ state.total * 2 }}" }, next: "tell" },
          {
            id: "tell",
            kind: "emit",
            event: "sum.made",
            payload: { text: "{{ state.name }}: {{ state.total }}" },
            next: null
          }
        ]),
        { input: { a: 1, b: 2, name: "ada" } }
      )
      yield* giveWay()
      assert.deepStrictEqual(heard.map(({ payload }) => payload), [{ text: "ADA: 6" }])
      assert.deepStrictEqual((yield* host.runs.show(id)).state["state"]?.value, { total: 6, name: "ADA" })
    }))

  it.effect("C-32: an approval parks the run, and nothing behind it runs until somebody answers", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* serve(world, { tasks: handlers({ deploy: () => log.add("deployed") }) })
      const id = yield* run(
        host,
        contract([
          {
            id: "gate",
            kind: "approval",
            prompt: "Deploy?",
            approvers: ["admin"],
            nextOnApproved: "deploy",
            nextOnDenied: null
          },
          { id: "deploy", kind: "task", task: "deploy", next: null }
        ])
      )
      yield* pass(host, "30 days")
      assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
      assert.deepStrictEqual(only(yield* world.journal(id), "StepRequested"), [])
      assert.deepStrictEqual(log.entries, [])
      yield* host.events.emit("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      yield* host.settled
      assert.deepStrictEqual(log.entries, ["deployed"])
    }))

  it.effect("C-33: exactly task, wait and approval, and beside them delay and a call of what waits, leave the run waiting once they have begun", () =>
    Effect.gen(function*() {
      const inner = { id: "in", name: "In", kind: "transform", set: { a: 1 }, next: null }
      const steps: Record<StandardShapes.StandardKind, Loose> = {
        task: { task: "work", next: null },
        llm: { prompt: "think", next: null },
        http: { service: "crm", path: "/", next: null },
        emit: { event: "a.b", next: null },
        wait: { event: "a.b", next: null },
        branch: { cases: [{ when: "true", next: null }], default: null },
        transform: { set: { a: 1 }, next: null },
        approval: { prompt: "ok?", approvers: ["admin"], nextOnApproved: null, nextOnDenied: null },
        parallel: { branches: { only: { steps: [inner] } }, next: null },
        delay: { for: "1 hour", next: null },
        map: { items: [1], steps: [inner], next: null },
        call: { workflow: "delay", next: null }
      }
      assert.sameMembers(Object.keys(steps), StandardShapes.standardShapes.map(({ kind }) => kind))
      const host = yield* serve(yield* CrashHost.make, {
        llm: Llm.layerScripted([{ when: "think", reply: "thought" }]),
        tasks: handedOver("work"),
        around: Layer.merge(
          HttpService.layer(HttpService.make({ services: [{ name: "crm", baseUrl: "https://crm.example" }] })),
          Egress.layerMemory(
            { "crm.example": ["93.184.216.34"] },
            () => Effect.succeed({ status: 204, headers: [], body: Stream.empty })
          )
        )
      })
      const stands: Record<string, string> = {}
      for (const [kind, step] of Object.entries(steps)) {
        const id = yield* run(host, contract([{ id: "s", kind, ...step }], { id: kind }))
        stands[kind] = (yield* host.runs.find(id)).status
      }
      assert.deepStrictEqual(stands, {
        task: "suspended",
        llm: "completed",
        http: "completed",
        emit: "completed",
        wait: "suspended",
        branch: "completed",
        transform: "completed",
        approval: "suspended",
        parallel: "completed",
        delay: "suspended",
        map: "completed",
        call: "suspended"
      })
    }))
})
