import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import { Engine } from "@fermata/engine/Engine"
import { Events, inputNames, maxPayload } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Exit, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { TaskRuntime } from "../src/TaskRuntime.ts"
import {
  begin,
  document,
  end,
  hearing,
  journal,
  layer,
  pass,
  publish,
  type Services,
  settled,
  step
} from "./support/Agency.ts"

const Go = Signal.make("go")

const once = Step.make("once", {
  onCrash: "rerun",
  run: () =>
    Effect.asVoid(Effect.orDie(Effect.flatMap(Events, (events) => events.emit("step.said", null, { id: "from-step" }))))
})

const Speaker = Workflow.make("speaker", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  idempotencyKey: ({ id }) => id
})

/** Emits, waits for a signal, and emits again. */
const speaking = Speaker.toLayer(Effect.fnUntraced(function*({ id }) {
  const { emit } = yield* Events
  const first = yield* emit("speech.begun", { id })
  const second = yield* emit("speech.begun", { id }, { source: "speaker", correlationId: "elsewhere" })
  yield* once()
  yield* Signal.receive(Go)
  return [first, second, yield* emit("speech.ended", { id }, { id: `end of ${id}` })]
}, Effect.orDie))

const host = Layer.mergeAll(speaking, Runs.layer).pipe(
  Layer.provideMerge(Events.layer),
  Layer.provideMerge(TestHost.layer)
)

const names = (heard: ReadonlyArray<{ readonly name: string }>) => heard.map(({ name }) => name)

describe("Events", () => {
  describe("emit", () => {
    it.effect("an event that is published outside a run is heard with its id", () =>
      Effect.gen(function*() {
        const { heard, result } = yield* hearing(
          "ticket.*",
          Effect.all([
            publish("ticket.created", { n: 1 }, { id: "mine", correlationId: "c" }),
            publish("ticket.created", [2]),
            publish("other.created", 3)
          ])
        )
        assert.strictEqual(result[0], "mine")
        assert.deepStrictEqual(heard, [
          { id: "mine", name: "ticket.created", payload: { n: 1 }, correlationId: "c" },
          { id: result[1], name: "ticket.created", payload: [2] }
        ])
      }).pipe(Effect.provide(host)))

    it.effect("what cannot be published is refused with the reason, and nothing is recorded", () =>
      Effect.gen(function*() {
        const events = yield* Events
        const store = yield* Store
        const refuse = (name: string, payload: Schema.Json) =>
          Effect.map(
            Effect.flip(events.emit(name, payload)),
            (error) => error._tag === "EventRefused" ? error.reason : error._tag
          )
        assert.strictEqual(yield* refuse("no name", null), "name")
        assert.strictEqual(yield* refuse("", null), "name")
        assert.strictEqual(yield* refuse("engine.run.completed", { runId: "x" }), "reserved")
        assert.strictEqual(yield* refuse("engine", null), "reserved")
        assert.strictEqual(yield* refuse("a.b", (() => 1) as never), "payload")
        assert.strictEqual(yield* refuse("a.b", "x".repeat(maxPayload)), "payload")
        assert.deepStrictEqual(yield* store.backend.outbox(10, true), [])
      }).pipe(
        Effect.provide(
          TestHost.layer.pipe(Layer.provideMerge(Layer.empty), (host) => Events.layer.pipe(Layer.provideMerge(host)))
        )
      ))

    it.effect("a run's events leave once, with numbered ids and its id as correlation, however often it is replayed", () =>
      Effect.gen(function*() {
        const engine = yield* Engine
        const { heard, result: runId } = yield* hearing(
          "*.*",
          Effect.gen(function*() {
            const runId = yield* Speaker.execute({ id: "a" }, { discard: true })
            yield* settled
            yield* engine.evict
            yield* settled
            assert.strictEqual(yield* engine.awake, 0)
            yield* Signal.send(Go, { runId, payload: undefined })
            yield* settled
            return runId
          })
        )
        assert.deepStrictEqual(heard, [
          {
            id: `${runId}:emit:1`,
            name: "speech.begun",
            payload: { id: "a" },
            correlationId: runId,
            source: "speaker"
          },
          {
            id: `${runId}:emit:2`,
            name: "speech.begun",
            payload: { id: "a" },
            correlationId: "elsewhere",
            source: "speaker"
          },
          { id: "from-step", name: "step.said", payload: null, correlationId: runId, source: "speaker" },
          { id: "end of a", name: "speech.ended", payload: { id: "a" }, correlationId: runId, source: "speaker" }
        ])
        assert.deepStrictEqual(yield* Speaker.execute({ id: "a" }), [`${runId}:emit:1`, `${runId}:emit:2`, "end of a"])
        const emitted = (yield* journal(runId)).flatMap((entry) => entry._tag === "EventEmitted" ? [entry.id] : [])
        assert.deepStrictEqual(emitted, [`${runId}:emit:1`, `${runId}:emit:2`, "end of a"])
      }).pipe(Effect.provide(host)))
  })

  describe("subscribe", () => {
    it.effect("C-34: who has left hears nothing more", () =>
      Effect.gen(function*() {
        const { heard } = yield* hearing("**", publish("a.b", 1))
        yield* publish("a.b", 2)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), [1])
      }).pipe(Effect.provide(host)))

    it.effect("C-54..C-56, C-61, C-62, C-69: the engine tells about a run in order, under its id", () =>
      Effect.gen(function*() {
        const { heard, result: runId } = yield* hearing(
          "engine.**",
          Effect.gen(function*() {
            const runId = yield* Speaker.execute({ id: "a" }, { discard: true })
            yield* settled
            yield* Signal.send(Go, { runId, payload: undefined })
            return runId
          })
        )
        assert.deepStrictEqual(names(heard), [
          "engine.run.requested",
          "engine.run.started",
          "engine.step.requested",
          "engine.step.completed",
          "engine.run.waiting",
          "engine.run.completed"
        ])
        assert.isTrue(heard.every(({ correlationId, source }) => correlationId === runId && source === "engine"))
        assert.strictEqual(new Set(heard.map(({ id }) => id)).size, heard.length)
      }).pipe(Effect.provide(host)))

    it.effect("C-58..C-60, C-70: paused, resumed, waiting, approval and cancelled are different things", () =>
      Effect.gen(function*() {
        const runs = yield* Runs
        const heardBy = (contract: object, act: (id: string) => Effect.Effect<unknown, unknown, Services>) =>
          hearing(
            "engine.**",
            Effect.gen(function*() {
              const id = yield* begin(contract)
              yield* act(id)
              yield* settled
              return id
            })
          )
        const hold = document([step("wait", "hold", null, { event: "go" })])
        const paused = yield* heardBy(
          hold,
          (id) => Effect.andThen(Effect.andThen(runs.pause(id, { by: "ada" }), settled), runs.resume(id, { by: "ada" }))
        )
        assert.deepStrictEqual(names(paused.heard).slice(2), [
          "engine.run.waiting",
          "engine.run.paused",
          "engine.run.resumed",
          "engine.run.waiting"
        ])
        const cancelled = yield* heardBy(hold, (id) => runs.cancel(id, { by: "ada", reason: "enough" }))
        assert.deepStrictEqual(names(cancelled.heard).slice(2), ["engine.run.waiting", "engine.run.cancelled"])
        const gate = document([
          step("approval", "gate", null, { prompt: "?", approvers: ["ada"], nextOnApproved: null, nextOnDenied: null })
        ], { id: "gate" })
        const asked = yield* heardBy(
          gate,
          (id) => publish("engine.approval.denied", { runId: id, stepId: "gate", grantedBy: "ada" })
        )
        assert.deepStrictEqual(names(asked.heard).slice(2), [
          "engine.approval.requested",
          "engine.approval.denied",
          "engine.step.requested",
          "engine.step.completed",
          "engine.run.completed"
        ])
        assert.deepInclude(asked.heard[2]?.payload as object, {
          runId: asked.result,
          stepId: "gate",
          prompt: "?",
          approvers: ["ada"]
        })
        yield* runs.pause(yield* begin(hold), { by: "ada" })
        yield* begin(gate)
        yield* settled
        const reasons = (yield* runs.list({ status: ["suspended"] })).map(({ reason }) => reason)
        assert.sameMembers(reasons, ["signal", "operator", "approval"])
      }).pipe(Effect.provide(layer())))

    it.effect("C-57: the failure of a run is told once, with its error", () =>
      Effect.gen(function*() {
        const { heard } = yield* hearing(
          "engine.run.*",
          begin(document([step("task", "do", null, { task: "nobody" })]))
        )
        assert.deepStrictEqual(names(heard), ["engine.run.requested", "engine.run.started", "engine.run.failed"])
        assert.match(JSON.stringify(heard[2]?.payload), /"error":"ContractFailed: .*nobody is here/)
      }).pipe(
        Effect.provide(layer({
          tasks: TaskRuntime.layerHandlers({ nobody: () => Effect.fail(new Error("nobody is here")) })
        }))
      ))

    it.effect("C-54: the request of a run that an event started is told first", () =>
      Effect.gen(function*() {
        yield* begin(
          document([step("transform", "a", null, { set: { a: 1 } })], { triggers: [{ type: "event", event: "x" }] }),
          { key: "known" }
        )
        const { heard } = yield* hearing("engine.run.*", publish("x", null, { id: "e" }))
        assert.deepStrictEqual(names(heard), ["engine.run.requested", "engine.run.started", "engine.run.completed"])
        assert.deepInclude(heard[0]?.payload as object, { workflow: "sample", trigger: { event: "x", id: "e" } })
      }).pipe(Effect.provide(layer())))

    it.effect("what the engine tells and publishes, since a contract listens to it, is heard once", () =>
      Effect.gen(function*() {
        yield* begin(
          document([step("transform", "a", null, { set: { a: 1 } })], {
            id: "chained",
            triggers: [{ type: "event", event: "engine.run.completed" }]
          })
        )
        const { heard } = yield* hearing(
          "engine.run.completed",
          begin(document([step("transform", "a", null, { set: { a: 1 } })]))
        )
        assert.deepStrictEqual(
          heard.map(({ payload }) => (payload as { readonly workflow: string }).workflow),
          ["sample", "chained"]
        )
      }).pipe(Effect.provide(layer())))

    it.effect("a deadline is told as what it means", () =>
      Effect.gen(function*() {
        for (const [onTimeout, name] of [["approve", "granted"], ["deny", "denied"]] as const) {
          const gate = document([step("approval", "gate", null, {
            prompt: "?",
            approvers: ["ada"],
            timeout: { ms: 1000 },
            onTimeout,
            nextOnApproved: null,
            nextOnDenied: null
          })], { id: onTimeout })
          const { heard } = yield* hearing("engine.approval.*", Effect.andThen(begin(gate), pass(1000)))
          assert.deepStrictEqual(names(heard), ["engine.approval.requested", `engine.approval.${name}`])
        }
      }).pipe(Effect.provide(layer())))

    it.effect("C-49: an answer that is refused is no fact: it is not told", () =>
      Effect.gen(function*() {
        const gate = document([
          step("approval", "gate", null, { prompt: "?", approvers: ["ada"], nextOnApproved: null, nextOnDenied: null })
        ])
        const { heard, result } = yield* hearing(
          "engine.approval.*",
          Effect.tap(
            begin(gate),
            (id) => publish("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "mallory" })
          )
        )
        assert.deepStrictEqual(names(heard), ["engine.approval.requested"])
        assert.strictEqual((yield* end(result)).status, "suspended")
      }).pipe(Effect.provide(layer())))
  })

  it.effect("the four inputs with payloads that mean nothing are ignored", () =>
    Effect.gen(function*() {
      for (const name of inputNames) {
        for (const payload of [null, {}, { runId: "r" }, { runId: "r", stepId: "s", grantedBy: 1 }]) {
          yield* publish(name, payload)
        }
      }
      const exit = yield* Effect.exit(begin(document([step("transform", "a", null, { set: { a: 1 } })])))
      assert.isTrue(Exit.isSuccess(exit))
    }).pipe(Effect.provide(layer())))

  it.effect("a denied question of a program is told like that of a contract", () => {
    const Ask = Workflow.make("ask", {
      payload: { id: Schema.String },
      error: Approval.Denied,
      idempotencyKey: ({ id }) => id
    })
    const asking = Ask.toLayer(() => Effect.asVoid(Approval.ask("may", { prompt: "May I?", approvers: ["ada"] })))
    return Effect.gen(function*() {
      const runs = yield* Runs
      const { heard } = yield* hearing(
        "engine.approval.*",
        Effect.gen(function*() {
          const id = yield* Ask.execute({ id: "1" }, { discard: true })
          yield* settled
          yield* runs.answer(id, { decision: "deny", by: "ada" })
        })
      )
      assert.deepStrictEqual(names(heard), ["engine.approval.requested", "engine.approval.denied"])
    }).pipe(
      Effect.provide(
        Layer.mergeAll(asking, Runs.layer).pipe(Layer.provideMerge(Events.layer), Layer.provideMerge(TestHost.layer))
      )
    )
  })
})
