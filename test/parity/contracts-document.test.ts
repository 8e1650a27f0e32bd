import { assert, describe, it } from "@effect/vitest"
import { Contract, type ContractProblem, StandardShapes } from "@fermata/contracts"
import { ContractValidation } from "@fermata/contracts"
import { Llm } from "@fermata/contracts/Llm"
import { MemoryBackend } from "@fermata/engine"
import { CrashHost } from "@fermata/testing"
import { Effect, Layer } from "effect"
import { contract, giveWay, hear, Log, type Loose, only, pass, run, serve, smuggle } from "./support.ts"

/** Every mistake of a document, as the place and kind of each. */
const problems = (document: unknown): ReadonlyArray<string> =>
  (ContractValidation.check(document).problems as ReadonlyArray<ContractProblem.ContractProblem>).map((
    { code, path }
  ) => `${path} ${code}`)

const without = (document: Loose, field: string): Loose =>
  Object.fromEntries(Object.entries(document).filter(([name]) => name !== field))

const end = { id: "end", kind: "transform", set: { done: true }, next: null }

describe("fields of a contract", () => {
  it.effect("C-14: schemaVersion must be the one literal, and the refusal names the field", () =>
    Effect.gen(function*() {
      const host = yield* serve(yield* CrashHost.make)
      assert.strictEqual(Contract.schemaVersion, "fermata.contract.v1")
      const error = yield* Effect.flip(host.contracts.add(contract([end], { schemaVersion: "fermata.contract.v2" })))
      assert.strictEqual(error._tag, "ContractInvalid")
      assert.include(error.message, "schemaVersion: found \"fermata.contract.v2\", expected \"fermata.contract.v1\"")
      assert.deepStrictEqual(yield* host.contracts.list, [])
      assert.strictEqual((yield* host.contracts.add(contract([end]))).id, "c")
    }))

  it.effect("C-15: id, version and title are required, and two versions of one id are told apart on their runs", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      for (const field of ["id", "version", "title"]) {
        const error = yield* Effect.flip(host.contracts.add(without(contract([end]), field)))
        assert.deepStrictEqual(
          error._tag === "ContractInvalid" ? error.problems.map(({ code, path }) => [path, code]) : error,
          [[field, "missing"]]
        )
      }
      assert.deepStrictEqual(problems(contract([end], { version: "one" })), ["version wrong-value"])
      assert.deepStrictEqual(problems(contract([end], { id: "my agent" })), ["id wrong-value"])
      const old = yield* run(host, contract([end], { id: "my-agent", version: "1.0.0" }))
      const young = yield* run(
        host,
        contract([{ ...end, set: { done: "newer" } }], { id: "my-agent", version: "1.1.0" })
      )
      assert.include(yield* world.run(old), { workflow: "my-agent", version: "1.0.0" })
      assert.include(yield* world.run(young), { workflow: "my-agent", version: "1.1.0" })
      assert.deepStrictEqual((yield* host.runs.show(old)).output, { done: true })
      assert.deepStrictEqual((yield* host.runs.show(young)).output, { done: "newer" })
    }))

  it.effect("C-16: a contract may have several event triggers, and each starts a run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      yield* host.contracts.add(
        contract([end], { triggers: [{ type: "event", event: "my.trigger" }, { type: "event", event: "my.other" }] })
      )
      for (const event of ["my.trigger", "my.other", "my.third"]) {
        yield* host.events.emit(event, { event })
        yield* host.settled
      }
      const runs = yield* host.runs.list()
      const triggers = yield* Effect.forEach(runs, ({ id }) =>
        Effect.map(host.runs.show(id), ({ trigger }) => trigger?.event))
      assert.deepStrictEqual(triggers, ["my.other", "my.trigger"])
      assert.deepStrictEqual(problems(contract([end], { triggers: [{ type: "event" }] })), [
        "triggers[0].event missing"
      ])
      assert.deepStrictEqual(problems(contract([end], { triggers: [{ event: "my.trigger" }] })), [
        "triggers[0].type missing"
      ])
    }))
})

describe("permissions", () => {
  const emitting = (event: string) =>
    contract([{ id: "tell", kind: "emit", event, payload: { hello: "world" }, next: null }], {
      id: event,
      permissions: [{ kind: "event:emit", pattern: "my.*" }]
    })

  it.effect("C-17: an emit outside its patterns is refused when it is added, and its step fails and publishes nothing when it runs all the same", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const heard = yield* hear(host, "*.started")
      const allowed = yield* run(host, emitting("my.started"))
      assert.strictEqual((yield* world.run(allowed)).status, "completed")
      assert.deepStrictEqual(problems(emitting("other.started")), ["steps[0].event missing-permission"])
      yield* smuggle(MemoryBackend.make(world.store), emitting("other.started"))
      const { runId: denied } = yield* host.contracts.start({ contract: "other.started" })
      yield* host.settled
      yield* giveWay()
      const shown = yield* host.runs.show(denied)
      assert.strictEqual(shown.status, "failed")
      assert.include(shown.error?.message, "no event:emit permission matches the event \"other.started\"")
      assert.strictEqual(shown.steps[0]!.status, "failed")
      assert.deepStrictEqual(heard.map(({ name }) => name), ["my.started"])
    }))

  it.effect("C-18: an llm step needs the permission, and without it the model is never called", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const llm = Layer.succeed(Llm, {
        invoke: ({ prompt }) => Effect.as(log.add(prompt), { text: "yes", model: "fake" })
      })
      const host = yield* serve(world, { llm })
      const thinking = (id: string, permissions: ReadonlyArray<Loose>) =>
        contract([{ id: "think", kind: "llm", prompt: id, next: null }], { id, permissions })
      const granted = yield* run(host, thinking("granted", [{ kind: "llm:invoke" }]))
      assert.strictEqual((yield* host.runs.show(granted)).output, "yes")
      assert.deepStrictEqual(problems(thinking("bare", [])), ["steps[0].kind missing-permission"])
      yield* smuggle(MemoryBackend.make(world.store), thinking("bare", []))
      const { runId } = yield* host.contracts.start({ contract: "bare" })
      yield* host.settled
      const shown = yield* host.runs.show(runId)
      assert.strictEqual(shown.status, "failed")
      assert.include(shown.error?.message, "llm:invoke")
      assert.deepStrictEqual(log.entries, ["granted"])
    }))
})

describe("limits", () => {
  it.effect("C-19: a run that waits past maxRunMs fails at exactly that time", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const id = yield* run(
        host,
        contract([{ id: "wait", kind: "wait", event: "never.comes", next: null }], { limits: { maxRunMs: 60_000 } })
      )
      yield* pass(host, 59_999)
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* pass(host, 1)
      const shown = yield* host.runs.show(id)
      assert.strictEqual(shown.status, "failed")
      assert.strictEqual(shown.times.endedAt! - shown.times.requestedAt, 60_000)
      assert.include(shown.error?.message, "60000")
    }))

  it.effect("C-20: a run that loops fails when it asks for one step more than maxSteps", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const loop = [
        { id: "count", kind: "transform", set: { n: "{{ (state.n ? state.n : 0) + 1 }}" }, next: "again" },
        { id: "again", kind: "branch", cases: [{ when: "state.n < 100", next: "count" }], default: null }
      ]
      const id = yield* run(host, contract(loop, { limits: { maxSteps: 10 } }))
      const shown = yield* host.runs.show(id)
      assert.strictEqual(shown.status, "failed")
      assert.include(shown.error?.message, "maxSteps")
      const entries = yield* world.journal(id)
      assert.lengthOf(only(entries, "StepRequested"), 10)
      assert.lengthOf(only(entries, "StepCompleted"), 10)
      const enough = yield* run(host, contract(loop, { id: "enough", limits: { maxSteps: 200 } }))
      assert.strictEqual((yield* world.run(enough)).status, "completed")
    }))
})

describe("the graph of steps", () => {
  it.effect("C-21: the entry step runs first wherever it stands, and an unknown entry is refused", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const steps = [end, { id: "begin", kind: "transform", set: { begun: true }, next: "end" }]
      const id = yield* run(host, contract(steps, { entryStepId: "begin" }))
      assert.deepStrictEqual(only(yield* world.journal(id), "StepRequested").map(({ key }) => key), ["begin", "end"])
      assert.include(problems(contract(steps, { entryStepId: "begun" })), "entryStepId unknown-step")
      assert.strictEqual(
        (yield* Effect.flip(host.contracts.add(contract(steps, { entryStepId: "begun" }))))._tag,
        "ContractInvalid"
      )
    }))

  it("C-22: every kind of step is refused without any one of its fields", () => {
    const kinds: Record<string, Loose> = {
      task: { task: "work" },
      llm: { prompt: "think" },
      http: { service: "crm", path: "/people" },
      emit: { event: "a.b" },
      wait: { event: "a.b" },
      branch: { cases: [{ when: "true", next: null }] },
      transform: { set: { a: 1 } },
      approval: { prompt: "ok?", approvers: ["admin"] },
      parallel: { branches: { only: { steps: [{ ...end, name: "End" }] } } },
      delay: { for: "1 hour" },
      map: { items: [1], steps: [{ ...end, name: "End" }] },
      call: { workflow: "other" }
    }
    const ends: Record<string, Loose> = {
      branch: { default: null },
      approval: { nextOnApproved: null, nextOnDenied: null }
    }
    assert.sameMembers(Object.keys(kinds), StandardShapes.standardShapes.map(({ kind }) => kind))
    for (const [kind, own] of Object.entries(kinds)) {
      const step = { id: "s", name: "S", kind, ...own, ...(ends[kind] ?? { next: null }) }
      assert.deepStrictEqual(problems(contract([step])), [], kind)
      for (const field of Object.keys(step)) {
        const found = problems({ ...contract([]), entryStepId: "s", steps: [without(step, field)] })
        assert.include(found, `steps[0].${field} missing`, `${kind} without ${field}`)
      }
    }
    assert.include(problems(contract([{ ...end, kind: "transfrom" }])), "steps[0].kind unknown-kind")
  })

  it.effect("C-23: next names the following step, and null ends the run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const heard = yield* hear(host, "engine.run.completed")
      const id = yield* run(host, contract([end]))
      yield* giveWay()
      assert.deepStrictEqual(heard.map(({ payload }) => payload["runId"]), [id])
      const two = yield* run(host, contract([{ ...end, id: "first", next: "end" }, end], { id: "two" }))
      assert.deepStrictEqual(only(yield* world.journal(two), "StepRequested").map(({ key }) => key), ["first", "end"])
      assert.deepStrictEqual(problems(contract([{ ...end, next: "nowhere" }])), ["steps[0].next unknown-step"])
      assert.strictEqual(
        (yield* Effect.flip(host.contracts.add(contract([{ ...end, next: "nowhere" }]))))._tag,
        "ContractInvalid"
      )
    }))

  it.effect("C-24: templates take their values from the run, and a path that leads nowhere is null or empty, never the braces", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* serve(world)
      const heard = yield* hear(host, "my.event")
      const payload = {
        triggerId: "{{trigger.id}}",
        number: "{{trigger.number}}",
        text: "ticket {{ trigger.id }} of {{run.id}}",
        nowhere: "{{trigger.no.such.path}}",
        inText: "[{{trigger.no.such.path}}]"
      }
      const id = yield* run(host, contract([{ id: "tell", kind: "emit", event: "my.event", payload, next: null }]), {
        event: { name: "ticket.created", payload: { id: "T-123", number: 7 } }
      })
      yield* giveWay()
      assert.deepStrictEqual(heard.map((event) => event.payload), [
        { triggerId: "T-123", number: 7, text: `ticket T-123 of ${id}`, nowhere: null, inText: "[]" }
      ])
    }))
})
