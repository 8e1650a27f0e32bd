import { assert, describe, it } from "@effect/vitest"
import type { Operation } from "@fermata/core/Patch"
import { Engine } from "@fermata/engine/Engine"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { Effect, Layer, type Schema } from "effect"
import { Contracts } from "../src/Contracts.ts"
import { Llm } from "../src/Llm.ts"
import { StepPolicy } from "../src/RecordedStep.ts"
import { type TaskContext, TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import {
  assertOutput,
  begin,
  document,
  end,
  hearing,
  journal,
  layer,
  onHostOf,
  pass,
  publish,
  settled,
  step
} from "./support/Agency.ts"

/** A task that fails as often as it is told to. */
const failing = (times: number, retryable = true) => {
  const seen: Array<TaskContext> = []
  const tasks = TaskRuntime.layerHandlers({
    work: (input, context) =>
      Effect.suspend(() => {
        seen.push(context)
        return seen.length > times
          ? Effect.succeed({ got: input })
          : Effect.fail(
            new TaskFailed({ task: "work", problem: `broken ${seen.length}`, retryable, data: { code: 7 } })
          )
      })
  })
  return { seen, tasks }
}

/** A runtime that takes tasks and says nothing more. */
const elsewhere = (taken: Array<string> = []) =>
  Layer.succeed(TaskRuntime, {
    tasks: ["any", "work"],
    submit: ({ stepId }) =>
      Effect.sync(() => {
        taken.push(stepId)
        return { _tag: "Submitted" as const }
      })
  })

describe("ContractProgram", () => {
  describe("transform, branch, emit", () => {
    const steps = [
      step("transform", "prepare", "pick", { set: { total: "{{ input.a + input.b }}", who: "for {{ input.name }}" } }),
      step("branch", "pick", null, {
        cases: [{ when: "state.total > 100", next: "big" }, { when: "state.total > 10", next: "middle" }],
        default: "small"
      }),
      step("transform", "big", "tell", { set: { size: "big" } }),
      step("transform", "middle", "tell", { set: { size: "middle" } }),
      step("transform", "small", "tell", { set: { size: "small" } }),
      step("emit", "tell", null, {
        event: "sum.made",
        payload: {
          size: "{{ state.size }}",
          who: "{{ state.who }}",
          total: "{{ state.total }}",
          none: "{{ trigger.nothing }}"
        }
      })
    ]

    it.effect("C-30, C-31: a branch follows the values that a transform wrote, and an emit sees them", () =>
      Effect.gen(function*() {
        for (const [a, size, number] of [[1, "small", null], [11, "middle", 2], [111, "big", 1]] as const) {
          const { heard, result } = yield* hearing(
            "sum.**",
            begin(document(steps), { input: { a, b: 1, name: "Ada" } })
          )
          assert.deepStrictEqual(heard.map(({ payload }) => payload), [{
            size,
            who: "for Ada",
            total: a + 1,
            none: null
          }])
          assert.deepStrictEqual(heard.map(({ correlationId, id }) => [correlationId, id]), [[
            result,
            `${result}:emit:tell`
          ]])
          yield* assertOutput(result, `${result}:emit:tell`)
          const decided = (yield* journal(result)).find((entry) =>
            entry._tag === "StepCompleted" && entry.key === "pick"
          )
          assert.strictEqual(decided?._tag === "StepCompleted" ? decided.output : undefined, number)
        }
      }).pipe(Effect.provide(layer())))

    it.effect("the run's state is its document, with a revision per transform that changes it", () =>
      Effect.gen(function*() {
        const id = yield* begin(document(steps), { input: { a: 1, b: 1, name: "Ada" } })
        const revisions = (yield* journal(id)).flatMap((entry) =>
          entry._tag === "StateChanged"
            ? [[entry.revision, entry.patch.filter((change) => (change as Operation).path !== "")]]
            : []
        )
        assert.deepStrictEqual(revisions, [
          [1, [{ op: "add", path: "/total", value: 2 }, { op: "add", path: "/who", value: "for Ada" }]],
          [2, [{ op: "add", path: "/size", value: "small" }]]
        ])
      }).pipe(Effect.provide(layer())))

    it.effect("an expression that fails fails its step, which is recorded, and the run names both", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([step("transform", "sum", null, { set: { a: "{{ $sum('x') }}" } })]))
        const { error, status } = yield* end(id)
        assert.strictEqual(status, "failed")
        assert.match(error ?? "", /^ContractFailed: Step "sum" of contract "sample" 1.0.0 failed: the expression /)
        assert.isTrue((yield* journal(id)).some((entry) => entry._tag === "StepFailed" && entry.key === "sum"))
      }).pipe(Effect.provide(layer())))

    it.effect("C-17: an emit that policy denies fails its step and publishes nothing", () =>
      Effect.gen(function*() {
        const { heard, result } = yield* hearing(
          "my.**",
          begin(document([step("emit", "tell", null, { event: "my.started" })]))
        )
        assert.deepStrictEqual(heard, [])
        assert.match((yield* end(result)).error ?? "", /not today/)
        assert.isFalse((yield* journal(result)).some((entry) => entry._tag === "EventEmitted"))
      }).pipe(Effect.provide(
        layer().pipe(
          Layer.provide(Layer.succeed(StepPolicy, () => Effect.succeed({ decision: "deny", reason: "not today" })))
        )
      )))

    it.effect("C-28: the event follows the step that made it, before the next step", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("emit", "tell", "more", { event: "my.started" }),
          step("transform", "more", null, { set: { a: 1 } })
        ]))
        const story = (yield* journal(id)).map((entry) => "key" in entry ? `${entry._tag} ${entry.key}` : entry._tag)
        assert.deepStrictEqual(story, [
          "RunRequested",
          "RunStarted",
          "StepRequested tell",
          "StepCompleted tell",
          "EventEmitted",
          "StepRequested more",
          "StepCompleted more",
          "StateChanged",
          "RunCompleted"
        ])
      }).pipe(Effect.provide(layer())))
  })

  describe("task", () => {
    it.effect("C-26: a task gets its rendered input, its place and a key, and its output is in scope", () => {
      const { seen, tasks } = failing(0)
      return Effect.gen(function*() {
        const id = yield* begin(
          document([
            step("task", "do", "keep", {
              task: "work",
              input: { n: "{{ input.n }}" },
              onCrash: "rerun-keyed",
              labels: ["gpu"]
            }),
            step("transform", "keep", null, { set: { n: "{{ steps.do.output.got.n }}" } })
          ]),
          { input: { n: 5 } }
        )
        yield* assertOutput(id, { n: 5 })
        assert.deepStrictEqual(seen, [
          {
            runId: id,
            stepId: "do",
            task: "work",
            attempt: 1,
            idempotencyKey: encodeURIComponent(`${id}/do`),
            labels: ["gpu"]
          }
        ])
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("a failing attempt is retried after the pauses of the contract, under one idempotency key", () => {
      const { seen, tasks } = failing(2)
      return Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, {
            task: "work",
            retry: { maxAttempts: 3, initialMs: 1000, factor: 3, maxMs: 60_000 }
          })
        ]))
        assert.strictEqual(seen.length, 1)
        yield* pass(999)
        assert.strictEqual(seen.length, 1)
        yield* pass(1)
        assert.strictEqual(seen.length, 2)
        yield* pass(2999)
        assert.strictEqual(seen.length, 2)
        yield* pass(1)
        yield* assertOutput(id, { got: null })
        assert.deepStrictEqual(seen.map(({ attempt }) => attempt), [1, 2, 3])
        assert.strictEqual(new Set(seen.map(({ idempotencyKey }) => idempotencyKey)).size, 1)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("what the handler says cannot pass is not retried, and onError sees it", () => {
      const { seen, tasks } = failing(9, false)
      return Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, { task: "work", retry: { maxAttempts: 5 }, onError: "mend" }),
          step("transform", "mend", null, { set: { e: "{{ steps.do.error }}", o: "{{ steps.do.output }}" } })
        ]))
        yield* assertOutput(id, {
          e: { reason: "task", message: `Task "work" failed: broken 1`, data: { code: 7 } },
          o: null
        })
        assert.strictEqual(seen.length, 1)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("onError with next null completes the run with no output", () => {
      const { tasks } = failing(9)
      return Effect.gen(function*() {
        yield* assertOutput(
          yield* begin(document([step("task", "do", null, { task: "work", onError: { next: null } })])),
          null
        )
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("a task that interrupts itself has failed, and its run goes on", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, { task: "work", onError: "mend" }),
          step("transform", "mend", null, { set: { e: "{{ steps.do.error.reason }}" } })
        ]))
        yield* assertOutput(id, { e: "unexpected" })
      }).pipe(Effect.provide(layer({ tasks: TaskRuntime.layerHandlers({ work: () => Effect.interrupt }) }))))

    it.effect("C-57: a run with a task that nobody knows is left alone, and adopted even if unserved it fails with the names that are known", () => {
      const { tasks } = failing(0)
      return Effect.gen(function*() {
        const id = yield* begin(document([step("task", "do", null, { task: "wrok", retry: { maxAttempts: 3 } })]))
        assert.deepStrictEqual(yield* end(id), { status: "queued" })
        yield* Effect.flatMap(Engine, ({ adopt }) => adopt(id, { evenIfUnserved: true }))
        yield* settled
        assert.match((yield* end(id)).error ?? "", /There is no task "wrok" here; known are "work"/)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("a step whose expression cannot be evaluated is not tried again, since nothing would change", () => {
      const { tasks } = failing(0)
      return Effect.gen(function*() {
        const retry = { maxAttempts: 3, initialMs: 0 }
        const id = yield* begin(
          document([step("task", "do", null, { task: "work", input: "{{ $error('no') }}", retry })])
        )
        assert.strictEqual((yield* end(id)).status, "failed")
        assert.lengthOf((yield* journal(id)).filter(({ _tag }) => _tag === "StepRequested"), 1)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("an attempt that takes longer than timeoutMs is interrupted and fails as timeout", () => {
      let interrupted = 0
      const tasks = TaskRuntime.layerHandlers({
        work: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      })
      return Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, { task: "work", timeoutMs: 5000, onError: "mend" }),
          step("transform", "mend", null, { set: { e: "{{ steps.do.error.reason }}" } })
        ]))
        yield* pass(4999)
        assert.strictEqual(interrupted, 0)
        yield* pass(1)
        assert.strictEqual(interrupted, 1)
        yield* assertOutput(id, { e: "timeout" })
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("S2: an attempt that does not stop at timeoutMs is let go, and its onCrash says what comes next: without one somebody is asked", () =>
      Effect.gen(function*() {
        for (const onCrash of [undefined, "rerun"] as const) {
          let attempts = 0
          const tasks = TaskRuntime.layerHandlers({
            work: () =>
              ++attempts === 1
                ? Effect.uninterruptible(Effect.as(Effect.sleep("1 hour"), "late"))
                : Effect.succeed("in time")
          })
          yield* Effect.gen(function*() {
            const id = yield* begin(document([
              step("task", "do", null, {
                task: "work",
                timeoutMs: 5000,
                onError: "mend",
                ...(onCrash === undefined ? {} : { onCrash })
              }),
              step("transform", "mend", null, { set: { e: "{{ steps.do.error.reason }}" } })
            ]))
            yield* pass(5000)
            yield* pass(1000)
            if (onCrash === "rerun") yield* assertOutput(id, "in time")
            else assert.deepInclude(yield* end(id), { status: "suspended", reason: "outcome-unknown" })
            assert.strictEqual(attempts, onCrash === "rerun" ? 2 : 1)
          }).pipe(Effect.provide(layer({ tasks })))
        }
      }))

    it.effect("C-36, C-63, C-68: a task elsewhere parks the run until its completion is told, once", () => {
      const taken: Array<string> = []
      return Effect.gen(function*() {
        const { heard, result } = yield* hearing(
          "engine.**",
          Effect.gen(function*() {
            const id = yield* begin(
              document([
                step("task", "do", "keep", { task: "any" }),
                step("transform", "keep", null, { set: { got: "{{ steps.do.output }}" } })
              ])
            )
            assert.deepInclude(yield* end(id), { status: "suspended", reason: "signal" })
            yield* publish("engine.step.completed", { runId: id, stepId: "keep", output: 0 })
            yield* publish("engine.step.completed", { runId: "other", stepId: "do", output: 0 })
            assert.strictEqual((yield* end(id)).status, "suspended")
            yield* publish("engine.step.completed", { runId: id, stepId: "do", output: { ok: 1 } })
            yield* publish("engine.step.completed", { runId: id, stepId: "do", output: { ok: 2 } })
            return id
          })
        )
        assert.deepStrictEqual(taken, ["do"])
        yield* assertOutput(result, { got: { ok: 1 } })
        assert.isTrue(heard.every(({ correlationId }) => correlationId === result))
        assert.deepStrictEqual(heard.map(({ name }) => name), [
          "engine.run.requested",
          "engine.run.started",
          "engine.step.requested",
          "engine.run.waiting",
          "engine.step.completed",
          "engine.step.requested",
          "engine.step.completed",
          "engine.run.completed"
        ])
        assert.deepStrictEqual(heard[4]?.payload, {
          runId: result,
          workflow: "sample",
          stepId: "do",
          output: { ok: 1 }
        })
      }).pipe(Effect.provide(layer({ tasks: elsewhere(taken) })))
    })

    it.effect("C-64: a failure told from outside takes the onError way", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, { task: "any", onError: "mend" }),
          step("transform", "mend", null, { set: { e: "{{ steps.do.error }}" } })
        ]))
        yield* publish("engine.step.failed", { runId: id, stepId: "do", error: { code: 3 } })
        yield* assertOutput(id, { e: { reason: "task", message: `task "any" failed: {"code":3}`, data: { code: 3 } } })
      }).pipe(Effect.provide(layer({ tasks: elsewhere() }))))

    it.effect("a task that failed elsewhere is handed over again under a new key while attempts are left", () => {
      const taken: Array<string> = []
      return Effect.gen(function*() {
        const id = yield* begin(document([
          step("task", "do", null, { task: "any", retry: { maxAttempts: 2, initialMs: 1000 } })
        ]))
        yield* publish("engine.step.failed", { runId: id, stepId: "do", error: "lost" })
        assert.deepStrictEqual(taken, ["do"])
        yield* pass(1000)
        assert.deepStrictEqual(taken, ["do", "do~2"])
        yield* publish("engine.step.completed", { runId: id, stepId: "do", output: "late" }, { id: "late" })
        assert.strictEqual((yield* end(id)).status, "suspended")
        yield* publish("engine.step.failed", { runId: id, stepId: "do~2", error: "lost again" })
        assert.match((yield* end(id)).error ?? "", /lost again/)
      }).pipe(Effect.provide(layer({ tasks: elsewhere(taken) })))
    })

    it.effect("a task elsewhere that is not completed within timeoutMs fails as timeout", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([step("task", "do", null, { task: "any", timeoutMs: 60_000 })]))
        yield* pass(59_999)
        assert.strictEqual((yield* end(id)).status, "suspended")
        yield* pass(1)
        assert.match((yield* end(id)).error ?? "", /was not completed within 60000 ms/)
      }).pipe(Effect.provide(layer({ tasks: elsewhere() }))))

    it.effect("S6: a completion that comes before the hand-over is kept", () =>
      Effect.gen(function*() {
        const id = yield* begin(
          document([step("task", "one", "two", { task: "any" }), step("task", "two", null, { task: "any" })])
        )
        yield* publish("engine.step.completed", { runId: id, stepId: "two", output: "early" })
        assert.strictEqual((yield* end(id)).status, "suspended")
        yield* publish("engine.step.completed", { runId: id, stepId: "one", output: "first" })
        yield* assertOutput(id, "early")
      }).pipe(Effect.provide(layer({ tasks: elsewhere() }))))
  })

  describe("wait", () => {
    const waiting = document([
      step("wait", "hold", "keep", { event: "ticket.answered", where: "event.id = trigger.id" }),
      step("transform", "keep", null, { set: { answer: "{{ steps.hold.output.text }}" } })
    ])

    it.effect("C-29: a run waits for the event that fits and passes over others", () =>
      Effect.gen(function*() {
        const id = yield* begin(waiting, { input: { id: "T-1" } })
        yield* publish("ticket.other", { id: "T-1" })
        yield* publish("ticket.answered", { id: "T-2", text: "no" })
        yield* publish("ticket.answered", "no ticket at all")
        assert.deepInclude(yield* end(id), { status: "suspended", reason: "signal" })
        yield* publish("ticket.answered", { id: "T-1", text: "yes" })
        yield* assertOutput(id, { answer: "yes" })
      }).pipe(Effect.provide(layer())))

    it.effect("S6: an event that comes before the wait is kept, and one that comes twice counts once", () => {
      const { tasks } = failing(0)
      return Effect.gen(function*() {
        const contracts = yield* Contracts
        const { runId } = yield* contracts.start({
          contract: document([
            step("task", "do", "first", { task: "work" }),
            step("wait", "first", "second", { event: "go" }),
            step("wait", "second", null, { event: "go" })
          ])
        })
        yield* publish("go", 1, { id: "one" })
        yield* publish("go", 1, { id: "one" })
        assert.deepInclude(yield* end(runId), { status: "suspended" })
        yield* publish("go", 2, { id: "two" })
        yield* assertOutput(runId, 2)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("an event that one wait passes over is there for a later one", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("wait", "a", "b", { event: "go", where: "event = 'a'" }),
          step("wait", "b", null, { event: "go", where: "event = 'b'" })
        ]))
        yield* publish("go", "b")
        yield* publish("go", "a")
        yield* assertOutput(id, "b")
      }).pipe(Effect.provide(layer())))

    it.effect("a wait goes its timeout's way, or fails when it has none", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("wait", "a", "yes", { event: "go", timeout: { ms: 1000, next: "late" } }),
          step("transform", "yes", null, { set: { a: "yes" } }),
          step("wait", "late", null, { event: "go", timeout: { ms: 1000 } })
        ]))
        yield* pass(1000)
        assert.deepInclude(yield* end(id), { status: "suspended" })
        yield* pass(1000)
        assert.match((yield* end(id)).error ?? "", /Step "late" .* no event "go" came within 1000 ms/)
      }).pipe(Effect.provide(layer())))

    it.effect("a wait that ends in time drops its timer", () =>
      Effect.gen(function*() {
        const id = yield* begin(document([
          step("wait", "a", "b", { event: "go", timeout: { ms: 1000, next: null } }),
          step("wait", "b", null, { event: "go" })
        ]))
        yield* publish("go", 1)
        yield* pass(5000)
        assert.deepInclude(yield* end(id), { status: "suspended", reason: "signal" })
        yield* publish("go", 2)
        yield* assertOutput(id, 2)
      }).pipe(Effect.provide(layer())))
  })

  describe("approval", () => {
    const gate = (more: object = {}) =>
      document([
        step("approval", "gate", null, {
          prompt: "Deploy {{ input.what }}?",
          approvers: ["admin", "{{ input.lead }}"],
          nextOnApproved: "deploy",
          nextOnDenied: "cancel",
          timeout: { ms: 86_400_000 },
          args: { what: "{{ input.what }}" },
          ...more
        }),
        step("transform", "deploy", null, { set: { done: "{{ steps.gate.output }}" } }),
        step("transform", "cancel", null, { set: { not: "{{ steps.gate.output }}" } }),
        ...("onTimeout" in more && typeof more.onTimeout === "object"
          ? [step("transform", "late", null, { set: { late: "{{ steps.gate.output.decision }}" } })]
          : [])
      ])
    const input = { what: "v2", lead: "ada" }

    it.effect("C-48..C-51: only an approver's answer for this run and step counts", () =>
      Effect.gen(function*() {
        const runs = yield* Runs
        const id = yield* begin(gate(), { input })
        const [open] = yield* runs.approvals({ run: id })
        assert.deepInclude(open, {
          key: "gate",
          prompt: "Deploy v2?",
          approvers: ["admin", "ada"],
          args: { what: "v2" }
        })
        yield* publish("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "mallory" })
        yield* publish("engine.approval.granted", { runId: id, stepId: "other", grantedBy: "ada" })
        yield* publish("engine.approval.granted", { runId: "other", stepId: "gate", grantedBy: "ada" })
        assert.deepInclude(yield* end(id), { status: "suspended", reason: "approval" })
        yield* publish("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "ada" })
        yield* assertOutput(id, {
          done: { decision: "approved", by: ["ada"], choice: null, note: null, args: { what: "v2" } }
        })
      }).pipe(Effect.provide(layer())))

    it.effect("C-49: an answer that comes as an event brings its choice and its note", () =>
      Effect.gen(function*() {
        const id = yield* begin(gate({ choices: ["now", "later"] }), { input })
        yield* publish("engine.approval.granted", {
          runId: id,
          stepId: "gate",
          grantedBy: "ada",
          choice: "later",
          note: "after lunch"
        })
        yield* assertOutput(id, {
          done: { decision: "approved", by: ["ada"], choice: "later", note: "after lunch", args: { what: "v2" } }
        })
      }).pipe(Effect.provide(layer())))

    it.effect("C-50: a denial takes the denied way", () =>
      Effect.gen(function*() {
        const id = yield* begin(gate(), { input })
        yield* publish("engine.approval.denied", { runId: id, stepId: "gate", deniedBy: "admin", note: "no" })
        yield* assertOutput(id, { not: { decision: "denied", by: ["admin"], note: "no", timedOut: false } })
        assert.notInclude(JSON.stringify(yield* journal(id)), `"key":"deploy"`)
      }).pipe(Effect.provide(layer())))

    it.effect("C-52: the deadline takes the way that the contract says, and a late answer is nothing", () =>
      Effect.gen(function*() {
        const ended: Array<unknown> = []
        for (const onTimeout of ["deny", "approve", "fail", { next: "late" }] as const) {
          const version = `1.0.${ended.length}`
          const id = yield* begin({ ...gate({ onTimeout }), version }, { input })
          yield* pass(86_400_000)
          yield* publish("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "ada" })
          const { error, output } = yield* end(id)
          ended.push(output ?? error)
        }
        assert.deepStrictEqual(ended, [
          { not: { decision: "denied", by: ["deadline"], note: null, timedOut: true } },
          { done: { decision: "approved", by: ["deadline"], choice: null, note: null, args: { what: "v2" } } },
          `ContractFailed: Step "gate" of contract "sample" 1.0.2 failed: nobody answered within 86400000 ms`,
          { late: "timeout" }
        ])
      }).pipe(Effect.provide(layer())))

    it.effect("what an approver has edited is what the run goes on with", () =>
      Effect.gen(function*() {
        const runs = yield* Runs
        const id = yield* begin(gate({ editable: true, quorum: { approvals: 2 } }), { input })
        yield* runs.answer(id, { decision: "approve", by: "admin" })
        yield* settled
        assert.deepInclude(yield* end(id), { status: "suspended" })
        yield* runs.answer(id, { decision: "approve", by: "ada", edit: { what: "v3" }, note: "v2 is broken" })
        yield* settled
        assert.deepInclude(yield* end(id), { status: "suspended" })
        const [asked] = yield* runs.approvals({ run: id })
        assert.deepInclude(asked!.edit, { by: "ada", args: { what: "v3" }, changes: ["what: \"v2\" → \"v3\""] })
        yield* runs.answer(id, { decision: "approve", by: "admin", hash: asked!.hash!, note: "so be it" })
        yield* settled
        yield* assertOutput(id, {
          done: { decision: "approved", by: ["ada", "admin"], choice: null, note: "so be it", args: { what: "v3" } }
        })
      }).pipe(Effect.provide(layer())))
  })

  describe("llm", () => {
    const ask = (more: object = {}) =>
      document([
        step("llm", "ask", "keep", { prompt: "Sort {{ input.title }}", ...more }),
        step("transform", "keep", null, { set: { got: "{{ steps.ask.output }}" } })
      ])

    it.effect("C-27: the answer is in scope, and what it cost is noted", () =>
      Effect.gen(function*() {
        const id = yield* begin(ask(), { input: { title: "a bug" } })
        yield* assertOutput(id, { got: "it is a bug" })
        const usage = (yield* journal(id)).find((entry) => entry._tag === "Note" && entry.kind === "usage")
        assert.deepInclude(usage, { text: "ask", data: { model: "scripted", inputTokens: 3, outputTokens: 4 } })
        const outcome = (yield* journal(id)).find((entry) => entry._tag === "StepCompleted" && entry.key === "ask")
        assert.deepInclude(outcome, { spent: { tokens: 7 } })
      }).pipe(Effect.provide(layer({ rules: [{ when: "a bug", reply: "it is a bug" }] }))))

    it.effect("S17: what it cost is noted only where it can be stored, and the run goes on", () =>
      Effect.gen(function*() {
        const id = yield* begin(ask(), { input: { title: "a bug" } })
        yield* assertOutput(id, { got: "it is a bug" })
        const usage = (yield* journal(id)).find((entry) => entry._tag === "Note" && entry.kind === "usage")
        assert.deepInclude(usage, { text: "ask", data: null })
      }).pipe(Effect.provide(layer({
        llm: Layer.succeed(Llm, {
          invoke: () =>
            Effect.succeed({
              text: "it is a bug",
              model: "odd",
              usage: { inputTokens: 1n as unknown as number, outputTokens: 0 }
            })
        })
      }))))

    it.effect("S17: a task that returns what is too deep to be stored fails its step, which says so, and is not tried again", () => {
      let calls = 0
      let deep: Schema.Json = 1
      for (let level = 0; level < 6_000; level++) deep = [deep]
      const tasks = TaskRuntime.layerHandlers({ work: () => Effect.sync(() => (calls++, deep)) })
      return Effect.gen(function*() {
        const id = yield* begin(
          document([
            step("task", "work", null, {
              task: "work",
              input: null,
              onCrash: "rerun",
              retry: { maxAttempts: 3, initialMs: 0 }
            })
          ])
        )
        const { error, status } = yield* end(id)
        assert.strictEqual(status, "failed")
        assert.include(error, `The outcome of step "work" in run ${id} of workflow "sample" cannot be stored: `)
        assert.include(error, "more than 1,000 levels of lists and objects")
        assert.strictEqual(calls, 1)
      }).pipe(Effect.provide(layer({ tasks })))
    })

    it.effect("an answer that does not have the shape is asked for again", () => {
      let calls = 0
      const rules = [{
        when: /Sort/,
        reply: () => ++calls === 1 ? "I think it is a bug" : "```json\n{\"kind\":\"bug\"}\n```"
      }]
      const output = { type: "object", properties: { kind: { type: "string" } }, required: ["kind"] }
      return Effect.gen(function*() {
        const id = yield* begin(ask({ output, retry: { maxAttempts: 2, initialMs: 0 } }), { input: { title: "x" } })
        yield* pass(0)
        yield* assertOutput(id, { got: { kind: "bug" } })
        assert.strictEqual(calls, 2)
      }).pipe(Effect.provide(layer({ rules })))
    })

    it.effect("C-37: without a model the step fails cleanly", () =>
      Effect.gen(function*() {
        assert.match((yield* end(yield* begin(ask(), { input: { title: "x" } }))).error ?? "", /no model is configured/)
      }).pipe(Effect.provide(layer())))

    it.effect("C-18: a model that the permissions do not cover is never called", () => {
      let calls = 0
      return Effect.gen(function*() {
        const id = yield* begin({
          ...ask({ model: "{{ input.model }}" }),
          permissions: [{ kind: "llm:invoke", model: "small-*" }]
        }, {
          input: { title: "x", model: "big-1" }
        })
        assert.match((yield* end(id)).error ?? "", /no llm:invoke permission covers the model "big-1"/)
        assert.strictEqual(calls, 0)
      }).pipe(Effect.provide(layer({ rules: [{ when: "", reply: () => `${++calls}` }] })))
    })
  })

  describe("limits", () => {
    it.effect("C-20: step 11 of a contract that allows 10 fails the run", () =>
      Effect.gen(function*() {
        const loop = [step("branch", "again", null, { cases: [{ when: "false", next: null }], default: "again" })]
        const id = yield* begin(document(loop, { limits: { maxSteps: 10 } }))
        assert.deepStrictEqual(yield* end(id), {
          status: "failed",
          error: "The run went past a limit: more than 10 steps (maxSteps)"
        })
        assert.deepStrictEqual(
          (yield* journal(id)).flatMap((entry) => entry._tag === "StepCompleted" ? [entry.key] : []),
          ["again", ...Array.from({ length: 9 }, (_, index) => `again~${index + 2}`)]
        )
      }).pipe(Effect.provide(layer())))

    it.effect("C-19: a run that waits past maxRunMs fails at exactly the limit", () =>
      Effect.gen(function*() {
        const id = yield* begin(
          document([step("wait", "hold", null, { event: "never" })], { limits: { maxRunMs: 60_000 } })
        )
        yield* pass(59_999)
        assert.strictEqual((yield* end(id)).status, "suspended")
        yield* pass(1)
        const { error, status } = yield* end(id)
        assert.strictEqual(status, "failed")
        assert.match(error ?? "", /maxRunMs/)
      }).pipe(Effect.provide(layer())))

    it.effect("an onError way is not taken by a cancel", () =>
      Effect.gen(function*() {
        const runs = yield* Runs
        const id = yield* begin(document([
          step("wait", "hold", null, { event: "never", onError: "mend" }),
          step("transform", "mend", null, { set: { a: 1 } })
        ]))
        yield* runs.cancel(id, { by: "ada", reason: "enough" })
        yield* settled
        assert.strictEqual((yield* end(id)).status, "cancelled")
        assert.notInclude(JSON.stringify(yield* journal(id)), `"key":"mend"`)
      }).pipe(Effect.provide(layer())))
  })

  it.effect("step ids may be any identifier, and a loop numbers its steps", () =>
    Effect.gen(function*() {
      const id = yield* begin(document([
        step("transform", "__proto__", "more", { set: { n: "{{ $exists(state.n) ? state.n + 1 : 1 }}" } }),
        step("branch", "more", null, { cases: [{ when: "state.n < 3", next: "__proto__" }], default: "constructor" }),
        step("transform", "constructor", null, { set: { last: "{{ steps.__proto__.output.n }}" } })
      ]))
      yield* assertOutput(id, { last: 3 })
      assert.deepStrictEqual(
        (yield* journal(id)).flatMap((entry) => entry._tag === "StepRequested" ? [entry.key] : []),
        ["__proto__", "more", "__proto__~2", "more~2", "__proto__~3", "more~3", "constructor"]
      )
    }).pipe(Effect.provide(layer())))

  it.effect("C-53: every way of waiting survives a restart in the middle, and nothing runs twice", () => {
    const store = MemoryBackend.makeStore()
    const done: Array<string> = []
    const tasks = Layer.succeed(TaskRuntime, {
      tasks: ["here", "there"],
      submit: ({ stepId, task }) =>
        Effect.sync(() => {
          done.push(stepId)
          return task === "here" ? { _tag: "Done" as const, output: stepId } : { _tag: "Submitted" as const }
        })
    })
    const steps = [
      step("task", "one", "hold", { task: "here" }),
      step("wait", "hold", "away", { event: "go", where: "event.ok" }),
      step("task", "away", "gate", { task: "there" }),
      step("approval", "gate", null, { prompt: "?", approvers: ["ada"], nextOnApproved: "two", nextOnDenied: null }),
      step("task", "two", "tell", {
        task: "here",
        input: [
          "{{ steps.one.output }}",
          "{{ steps.hold.output.n }}",
          "{{ steps.away.output }}",
          "{{ steps.gate.output.by }}"
        ]
      }),
      step("emit", "tell", null, { event: "all.done", payload: "{{ steps.two.output }}" })
    ]
    const session = onHostOf(store, { tasks })
    return Effect.gen(function*() {
      const id = yield* session(begin(document(steps)))
      yield* session(publish("go", { ok: false, n: 0 }))
      yield* session(publish("go", { ok: true, n: 1 }))
      yield* session(publish("engine.step.completed", { runId: id, stepId: "away", output: "far" }))
      const { heard } = yield* session(
        hearing("all.*", publish("engine.approval.granted", { runId: id, stepId: "gate", grantedBy: "ada" }))
      )
      assert.deepStrictEqual(heard.map(({ payload }) => payload), ["two"])
      assert.deepStrictEqual(done, ["one", "away", "two"])
      const asked = (yield* session(journal(id))).find((entry) => entry._tag === "StepRequested" && entry.key === "two")
      assert.deepStrictEqual(asked?._tag === "StepRequested" ? asked.input : undefined, ["one", 1, "far", ["ada"]])
      assert.strictEqual((yield* session(end(id))).status, "completed")
    })
  })
})
