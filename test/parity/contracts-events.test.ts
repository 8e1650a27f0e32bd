import { assert, describe, it } from "@effect/vitest"
import { type TaskReply, TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { CrashHost } from "@fermata/testing"
import { Deferred, Effect, Layer } from "effect"
import {
  complete,
  contract,
  type ContractHost,
  giveWay,
  handlers,
  hear,
  type Heard,
  Log,
  type Loose,
  only,
  pass,
  run,
  serve
} from "./support.ts"

const end = { id: "end", kind: "transform", set: { reached: true }, next: null }
const hold = { id: "hold", kind: "wait", event: "go.on", next: "end" }

/** Takes the task `far`, and says nothing more. */
const far = Layer.succeed(TaskRuntime, {
  tasks: ["far"],
  submit: () => Effect.succeed<TaskReply>({ _tag: "Submitted" })
})

const names = (heard: ReadonlyArray<Heard>): Array<string> => heard.map(({ name }) => name)

/** A host, and everything that it tells. */
const setUp = Effect.fnUntraced(function*(parts: Parameters<typeof serve>[1] = {}) {
  const world = yield* CrashHost.make
  const host = yield* serve(world, parts)
  const heard = yield* hear(host)
  /** What was told, once the host has come to rest. */
  const told = Effect.andThen(Effect.andThen(host.settled, giveWay()), Effect.sync(() => heard.slice()))
  return { world, host, told }
})

const publish = (host: ContractHost, name: string, payload: Loose, id?: string) =>
  Effect.andThen(host.events.emit(name, payload as never, id === undefined ? {} : { id }), host.settled)

describe("events of a run", () => {
  it.effect("C-54: the first event of every run says that it was asked for, by hand or by a trigger", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const document = contract([end], { triggers: [{ type: "event", event: "ticket.created" }] })
      const manual = yield* run(host, document, { input: { id: "T-1" }, by: "ada" })
      yield* publish(host, "ticket.created", { id: "T-2" }, "event-2")
      const heard = yield* told
      const other = (yield* host.runs.list()).find(({ id }) => id !== manual)
      for (
        const [id, payload] of [[manual, { by: "ada" }], [other!.id, {
          trigger: { event: "ticket.created", id: "event-2" }
        }]] as const
      ) {
        const first = heard.find(({ correlationId }) => correlationId === id)!
        assert.strictEqual(first.name, "engine.run.requested")
        assert.deepInclude(first.payload, { runId: id, workflow: "c", version: "1.0.0", ...payload })
        assert.lengthOf(
          heard.filter(({ correlationId, name }) => correlationId === id && name === "engine.run.requested"),
          1
        )
      }
    }))

  it.effect("C-55: the start of a run is told after its request and before any step", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([end]))
      const heard = yield* told
      assert.deepStrictEqual(names(heard).slice(0, 3), [
        "engine.run.requested",
        "engine.run.started",
        "engine.step.requested"
      ])
      assert.deepStrictEqual(heard[1]!.payload, { runId: id, workflow: "c" })
    }))

  it.effect("C-56: a successful run tells exactly one completion, last and with its output", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([{ ...end, id: "first", next: "end" }, end]))
      const heard = yield* told
      assert.lengthOf(heard.filter(({ name }) => name === "engine.run.completed"), 1)
      assert.deepInclude(heard.at(-1), {
        name: "engine.run.completed",
        payload: { runId: id, workflow: "c", output: { reached: true } }
      })
      assert.notInclude(names(heard), "engine.run.failed")
    }))

  it.effect("C-57: a step that fails without a handler makes one failure of the run, with the error", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp({
        tasks: handlers({ work: () => Effect.fail(new Error("the disk is full")) })
      })
      const id = yield* run(host, contract([{ id: "work", kind: "task", task: "work", next: "end" }, end]))
      const heard = yield* told
      const failures = heard.filter(({ name }) => name === "engine.run.failed")
      assert.lengthOf(failures, 1)
      assert.strictEqual(heard.at(-1), failures[0])
      assert.strictEqual(failures[0]!.payload["runId"], id)
      assert.include(failures[0]!.payload["error"], "the disk is full")
      assert.notInclude(names(heard), "engine.run.completed")
    }))

  it.effect("C-58: a waiting run that is cancelled says so, and no step follows", () =>
    Effect.gen(function*() {
      const { host, told, world } = yield* setUp()
      const id = yield* run(host, contract([hold, end]))
      yield* host.runs.cancel(id, { by: "ada", reason: "no longer needed" })
      yield* host.settled
      yield* publish(host, "go.on", {})
      const heard = yield* told
      const at = names(heard).indexOf("engine.run.cancelled")
      assert.deepInclude(heard[at], {
        name: "engine.run.cancelled",
        payload: { runId: id, workflow: "c", by: "ada", reason: "no longer needed" }
      })
      assert.deepStrictEqual(names(heard).slice(at + 1), ["go.on"])
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("C-59: a running run that is paused says so, and no step starts until it is resumed", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const log = new Log()
      const { host, told, world } = yield* setUp({
        tasks: handlers({ first: () => Deferred.await(gate), second: () => log.add("second") })
      })
      const id = yield* run(
        host,
        contract([
          { id: "first", kind: "task", task: "first", next: "second" },
          { id: "second", kind: "task", task: "second", next: null }
        ])
      )
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* host.runs.pause(id, { by: "ada" })
      yield* host.settled
      yield* Deferred.succeed(gate, undefined)
      yield* pass(host, "10 minutes")
      const paused = (yield* told).filter(({ name }) => name === "engine.run.paused")
      assert.lengthOf(paused, 1)
      assert.deepInclude(paused[0]!.payload, { runId: id, reason: "operator" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.deepStrictEqual(log.entries, [])
      assert.isTrue((yield* host.runs.show(id)).paused)
      yield* host.runs.resume(id, { by: "ada" })
      yield* host.settled
      assert.deepStrictEqual(log.entries, ["second"])
    }))

  it.effect("C-60: a resumed run says so and goes on where it stood, without a step done twice", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, told, world } = yield* setUp({ tasks: handlers({ work: (input) => log.add(String(input)) }) })
      const id = yield* run(
        host,
        contract([
          { id: "one", kind: "task", task: "work", input: "one", next: "hold" },
          { ...hold, next: "two" },
          { id: "two", kind: "task", task: "work", input: "two", next: null }
        ])
      )
      yield* host.runs.pause(id, { by: "ada" })
      yield* host.settled
      yield* publish(host, "go.on", {})
      assert.deepStrictEqual(log.entries, ["one"])
      yield* host.runs.resume(id, { by: "bob" })
      const heard = yield* told
      assert.deepInclude(heard.find(({ name }) => name === "engine.run.resumed"), {
        payload: { runId: id, workflow: "c", by: "bob" },
        correlationId: id
      })
      assert.deepStrictEqual(log.entries, ["one", "two"])
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))

  it.effect("C-61: a run that comes to a wait tells it once", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([hold, end]))
      yield* pass(host, "10 days")
      const heard = yield* told
      assert.deepStrictEqual(names(heard), ["engine.run.requested", "engine.run.started", "engine.run.waiting"])
      assert.deepInclude(heard.at(-1)!.payload, { runId: id, reason: "signal" })
    }))

  it.effect("C-62: every executed step is requested once, with the ids of its run and itself", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { host, told } = yield* setUp({
        tasks: handlers({
          flaky: (_, { attempt }) =>
            Effect.andThen(log.add(`${attempt}`), attempt < 3 ? Effect.fail("not yet") : Effect.void)
        })
      })
      const id = yield* run(
        host,
        contract([
          { id: "work", kind: "task", task: "flaky", retry: { maxAttempts: 3, initialMs: 1000 }, next: "end" },
          end
        ])
      )
      yield* pass(host, "1 second")
      yield* pass(host, "2 seconds")
      assert.deepStrictEqual(log.entries, ["1", "2", "3"])
      const requested = (yield* told).filter(({ name }) => name === "engine.step.requested")
      assert.deepStrictEqual(requested.map(({ payload }) => [payload["runId"], payload["stepId"]]), [[id, "work"], [
        id,
        "end"
      ]])
    }))

  it.effect("C-63: a completion published from outside advances the run that waits for it, and is told with its output", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp({ tasks: far })
      const id = yield* run(
        host,
        contract([
          { id: "work", kind: "task", task: "far", next: "keep" },
          { id: "keep", kind: "transform", set: { got: "{{ steps.work.output.n }}" }, next: null }
        ])
      )
      assert.notInclude(names(yield* told), "engine.step.completed", "a task that was handed over is not complete")
      yield* publish(host, "engine.step.completed", { runId: id, stepId: "work", output: { n: 7 } })
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { got: 7 })
      const completed = (yield* told).filter(({ name }) => name === "engine.step.completed")
      assert.deepStrictEqual(completed.map(({ payload }) => [payload["runId"], payload["stepId"], payload["output"]]), [
        [id, "work", { n: 7 }],
        [id, "keep", { got: 7 }]
      ])
    }))

  it.effect("C-64: a failure published from outside fails the run, or routes it by onError", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp({ tasks: far })
      const document = (more: Loose) =>
        contract([
          { id: "work", kind: "task", task: "far", next: null, ...more },
          ...("onError" in more
            ? [{ id: "mend", kind: "transform", set: { why: "{{ steps.work.error.message }}" }, next: null }]
            : [])
        ], { id: "onError" in more ? "routed" : "plain" })
      const plain = yield* run(host, document({}))
      const routed = yield* run(host, document({ onError: "mend" }))
      for (const runId of [plain, routed]) {
        yield* publish(host, "engine.step.failed", { runId, stepId: "work", error: "out of memory" })
      }
      const failed = yield* host.runs.show(plain)
      assert.strictEqual(failed.status, "failed")
      assert.include(failed.error?.message, "out of memory")
      const mended = yield* host.runs.show(routed)
      assert.strictEqual(mended.status, "completed")
      assert.include(JSON.stringify(mended.output), "out of memory")
      const failures = (yield* told).filter(({ name }) => name === "engine.step.failed")
      assert.sameDeepMembers(failures.map(({ payload }) => [payload["runId"], payload["stepId"], payload["error"]]), [
        [plain, "work", "out of memory"],
        [routed, "work", "out of memory"]
      ])
    }))
})

describe("events of approvals", () => {
  const gate = {
    id: "gate",
    kind: "approval",
    prompt: "Deploy {{ input }}?",
    approvers: ["admin", "devops"],
    choices: ["now", "tonight"],
    nextOnApproved: "end",
    nextOnDenied: null
  }

  it.effect("C-65: the request of an approval carries its prompt, its approvers and the ids of run and step", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([gate, end]), { input: "web" })
      const requested = (yield* told).filter(({ name }) => name === "engine.approval.requested")
      assert.lengthOf(requested, 1)
      assert.deepInclude(requested[0]!.payload, {
        runId: id,
        stepId: "gate",
        prompt: "Deploy web?",
        approvers: ["admin", "devops"]
      })
    }))

  it.effect("C-66: a grant is told with who gave it, once the run has taken it, and not when it is refused", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([gate, end]), { input: "web" })
      yield* publish(host, "engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "intern" })
      assert.notInclude(names(yield* told), "engine.approval.granted")
      yield* publish(host, "engine.approval.granted", {
        runId: id,
        stepId: "gate",
        grantedBy: "admin",
        choice: "tonight"
      })
      const granted = (yield* told).filter(({ name }) => name === "engine.approval.granted")
      assert.lengthOf(granted, 1)
      assert.deepInclude(granted[0]!.payload, { runId: id, stepId: "gate", grantedBy: "admin", choice: "tonight" })
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { reached: true })
    }))

  it.effect("C-67: a denial is told with who gave it, also when the time was up", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const id = yield* run(host, contract([gate, end]), { input: "web" })
      yield* publish(host, "engine.approval.denied", { runId: id, stepId: "gate", deniedBy: "devops" })
      const late = yield* run(host, contract([{ ...gate, timeout: { ms: 1000 } }, end], { id: "late" }), {
        input: "web"
      })
      yield* pass(host, 1000)
      const denied = (yield* told).filter(({ name }) => name === "engine.approval.denied")
      assert.deepStrictEqual(denied.map(({ payload }) => [payload["runId"], payload["stepId"], payload["timedOut"]]), [
        [id, "gate", false],
        [late, "gate", true]
      ])
      assert.strictEqual(denied[0]!.payload["deniedBy"], "devops")
    }))
})

describe("events as input", () => {
  it.effect("C-68: a whole run is driven by events alone, and a completion that comes twice counts once", () =>
    Effect.gen(function*() {
      const { host, world } = yield* setUp({ tasks: far })
      yield* host.contracts.add(contract([
        { id: "one", kind: "task", task: "far", next: "gate" },
        {
          id: "gate",
          kind: "approval",
          prompt: "Go on?",
          approvers: ["admin"],
          nextOnApproved: "two",
          nextOnDenied: null
        },
        { id: "two", kind: "task", task: "far", next: "hold" },
        { ...hold, next: "all" },
        {
          id: "all",
          kind: "transform",
          set: { all: ["{{ steps.one.output }}", "{{ steps.two.output }}", "{{ steps.hold.output }}"] },
          next: null
        }
      ], { triggers: [{ type: "event", event: "ticket.created" }] }))
      yield* publish(host, "ticket.created", {}, "ticket-1")
      yield* publish(host, "ticket.created", {}, "ticket-1")
      const [{ id } = { id: "" }, ...others] = yield* host.runs.list()
      assert.deepStrictEqual(others, [])
      yield* publish(host, "engine.step.completed", { runId: id, stepId: "one", output: 1 })
      yield* publish(host, "engine.step.completed", { runId: id, stepId: "one", output: "again" })
      yield* publish(host, "engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      yield* publish(host, "engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "admin" })
      yield* publish(host, "engine.step.completed", { runId: id, stepId: "one", output: "and again" })
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* publish(host, "engine.step.completed", { runId: id, stepId: "two", output: 2 })
      yield* publish(host, "go.on", { n: 3 })
      assert.deepStrictEqual((yield* host.runs.show(id)).output, { all: [1, 2, { n: 3 }] })
      assert.lengthOf(only(yield* world.journal(id), "SignalReceived").filter(({ name }) => name === "step:one"), 1)
    }))

  it.effect("C-69: every event of a run carries the run's id as its correlation id", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp({ tasks: far })
      const id = yield* run(
        host,
        contract([
          { id: "tell", kind: "emit", event: "my.event", next: "work" },
          { id: "work", kind: "task", task: "far", next: "gate" },
          {
            id: "gate",
            kind: "approval",
            prompt: "Go on?",
            approvers: ["admin"],
            nextOnApproved: "end",
            nextOnDenied: null
          },
          end
        ])
      )
      yield* complete(host, id, "work", 1)
      yield* host.runs.answer(id, { decision: "approve", by: "admin" })
      const heard = yield* told
      assert.deepStrictEqual(new Set(heard.map(({ correlationId }) => correlationId)), new Set([id]))
      assert.includeMembers(names(heard), [
        "my.event",
        "engine.run.requested",
        "engine.run.waiting",
        "engine.step.completed",
        "engine.approval.requested",
        "engine.approval.granted",
        "engine.run.completed"
      ])
    }))

  it.effect("C-70: paused, waiting and asking are three conditions with three events, and the list of runs tells them apart", () =>
    Effect.gen(function*() {
      const { host, told } = yield* setUp()
      const waiting = yield* run(host, contract([hold, end], { id: "waiting" }))
      const paused = yield* run(host, contract([hold, end], { id: "paused" }))
      yield* host.runs.pause(paused, { by: "ada" })
      const gate = {
        id: "gate",
        kind: "approval",
        prompt: "ok?",
        approvers: ["admin"],
        nextOnApproved: null,
        nextOnDenied: null
      }
      const asking = yield* run(host, contract([gate], { id: "asking" }))
      const ids = (reason: "operator" | "signal" | "approval") =>
        Effect.map(host.runs.list({ reason: [reason] }), (rows) => rows.map(({ id }) => id))
      assert.deepStrictEqual([yield* ids("operator"), yield* ids("signal"), yield* ids("approval")], [[paused], [
        waiting
      ], [asking]])
      const heard = yield* told
      const last = (id: string) => heard.findLast(({ correlationId }) => correlationId === id)?.name
      assert.deepStrictEqual([last(paused), last(waiting), last(asking)], [
        "engine.run.paused",
        "engine.run.waiting",
        "engine.approval.requested"
      ])
    }))
})
