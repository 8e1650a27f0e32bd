/**
 * The seven step kinds, each as what a hand-written workflow would do.
 *
 * Every executed step is one `Step` of the run under the id of the contract's
 * step (then `id~2`, `id~3`): `task` and `llm` work in its body; `branch` and
 * `transform` evaluate in it, so that what was decided stands in the journal;
 * `emit` checks in it and publishes after it; `wait` and `approval` wait before
 * it and record what came. Texts of `task`, `llm`, `emit` and `approval` are
 * rendered in the body of the workflow and recorded as the step's input.
 */
import type * as Contract from "@fermata/core/contract/Contract"
import * as Policy from "@fermata/core/Policy"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Engine } from "../Engine.ts"
import * as EventsModule from "../Events.ts"
import { Events } from "../Events.ts"
import { CurrentRun, type Place } from "../internal/ExecutorTypes.ts"
import * as Signal from "../Signal.ts"
import * as Step from "../Step.ts"
import * as Expression from "./Expression.ts"
import { Llm, type LlmAnswer, type LlmRequest, valueOf } from "./Llm.ts"
import { StepFailure } from "./StepFailure.ts"
import { Completion, isSubmission, signalName, type Submission } from "./Submission.ts"
import { TaskRuntime } from "./TaskRuntime.ts"

/** Decides whether a contract with these permissions may do something. Covers what its permissions do, unless a host says otherwise. */
export const StepPolicy: Context.Reference<
  (permissions: ReadonlyArray<Policy.Permission>, request: Policy.Request) => Effect.Effect<Policy.Decision>
> = Context.Reference("@fermata/engine/StepPolicy", {
  defaultValue: () => (permissions: ReadonlyArray<Policy.Permission>, request: Policy.Request) =>
    Effect.sync(() => Policy.decide(permissions, request))
})

/** What a step came to, and what follows it. */
export interface Settled {
  readonly output: Schema.Json
  readonly next: Contract.Next
}

/** What a run remembers between its steps beside what expressions see. */
export interface Memory {
  /** Events that a wait has passed over, by name: a later wait may want them. */
  readonly passedOver: Map<string, Array<Schema.Json>>
}

export type Services = Engine | WorkflowInstance | Events | TaskRuntime | Llm

/** Carries out one step of a contract in the body of a workflow. */
export type Execute = (scope: Expression.Scope, memory: Memory) => Effect.Effect<Settled, StepFailure, Services>

/** Makes a step of a contract executable. */
export const compile = (contract: Contract.Contract, step: Contract.Step): Execute => {
  switch (step.kind) {
    case "task":
      return task(contract, step)
    case "llm":
      return llm(contract, step)
    case "emit":
      return emit(contract, step)
    case "wait":
      return wait(step)
    case "branch":
      return branch(step)
    case "transform":
      return transform(step)
    case "approval":
      return approval(step)
  }
}

// ----------------------------------------------------------------------------
// recorded steps
// ----------------------------------------------------------------------------

/** What the body of a step sees of its call. `given` is what the step came to before its body. */
interface Call {
  readonly scope: Expression.Scope
  readonly given: Result.Result<Schema.Json, StepFailure>
}

const CurrentCall: Context.Reference<Call> = Context.Reference<Call>("@fermata/engine/contract/CurrentCall", {
  defaultValue: () => ({ scope: {}, given: Result.succeed(null) })
})

interface Recorded<R> {
  readonly step: Contract.Step
  readonly onCrash?: Contract.StepOf<"task">["onCrash"]
  readonly attempts?: number
  readonly body: (call: Call, input: Schema.Json, context: Step.StepContext) => Effect.Effect<Schema.Json, StepFailure, R>
}

/** A step of the run. One whose input could not be rendered fails with that, so that it is recorded too. */
const recorded = <R>({ attempts, body, onCrash = "rerun", step }: Recorded<R>) => {
  const retry = "retry" in step ? step.retry : undefined
  const timeout = "timeoutMs" in step ? step.timeoutMs : undefined
  const made = Step.make(step.id, {
    input: Schema.Json,
    success: Schema.Json,
    error: StepFailure,
    onCrash,
    label: step.kind,
    ...(timeout === undefined ? {} : { timeout }),
    ...(retry === undefined ? {} : { retry: scheduleOf(retry, attempts ?? retry.maxAttempts) }),
    run: (input, context) =>
      Effect.flatMap(CurrentCall, (call) => Result.isFailure(call.given) ? Effect.fail(call.given.failure) : body(call, input, context))
  })
  return (scope: Expression.Scope, given: Result.Result<Schema.Json, StepFailure>) =>
    Effect.provideService(made(Result.isSuccess(given) ? given.success : null), CurrentCall, { scope, given })
}

/** A step whose body only keeps what came. */
const record = (step: Contract.Step) => {
  const keep = recorded({ step, body: (call) => Effect.fromResult(call.given) })
  return (scope: Expression.Scope, given: Result.Result<Schema.Json, StepFailure>) => keep(scope, given)
}

const render = (value: Schema.Json, scope: Expression.Scope) =>
  Effect.result(Effect.mapError(Expression.evaluate(value, scope), refused))

const refused = (error: Expression.ExpressionError) =>
  new StepFailure({ reason: "expression", problem: error.message, retryable: false })

const allowed = Effect.fnUntraced(function*(contract: Contract.Contract, request: Policy.Request) {
  const policy = yield* StepPolicy
  const decision = yield* policy(contract.permissions, request)
  if (decision.decision === "deny") return yield* StepFailure.denied(decision)
})

// ----------------------------------------------------------------------------
// retry
// ----------------------------------------------------------------------------

/** The pause (ms) after this attempt, before it is varied. */
const pauseAfter = (retry: Contract.Retry, attempt: number): number =>
  Math.min(retry.maxMs, retry.initialMs * retry.factor ** (attempt - 1))

const varied = (retry: Contract.Retry, millis: number): Effect.Effect<number> =>
  retry.jitter === true ? Effect.map(Random.next, (random) => Math.round(millis * (0.8 + 0.4 * random))) : Effect.succeed(millis)

/** Attempts up to `maxAttempts`, as long as the failure may pass. */
const scheduleOf = (retry: Contract.Retry, maxAttempts: number): Schedule.Schedule<number, StepFailure | Step.StepTimedOut> =>
  Schedule.recurs(maxAttempts - 1).pipe(
    Schedule.setInputType<StepFailure | Step.StepTimedOut>(),
    Schedule.while(({ input }) => !(input instanceof StepFailure) || input.retryable),
    Schedule.modifyDelay(({ attempt }) => Effect.map(varied(retry, pauseAfter(retry, attempt)), Duration.millis))
  )

// ----------------------------------------------------------------------------
// task
// ----------------------------------------------------------------------------

const task = (contract: Contract.Contract, step: Contract.StepOf<"task">): Execute => {
  const made = new Map<number, ReturnType<typeof submitting>>()
  const submitting = (attempts: number) =>
    recorded({
      step,
      attempts,
      onCrash: step.onCrash,
      body: Effect.fnUntraced(function*({ scope }, input, { attempt, idempotencyKey, key }) {
        yield* allowed(contract, { kind: "task:run", task: step.task })
        const runtime = yield* TaskRuntime
        const { labels, task } = step
        const request = { runId: scope.run?.id ?? "", stepId: key, task, input, attempt, idempotencyKey, labels }
        const reply = yield* Effect.mapError(runtime.submit(request), (error) =>
          new StepFailure({
            reason: "task",
            problem: error.message,
            retryable: error._tag === "TaskFailed" && error.retryable,
            ...(error._tag === "TaskFailed" && error.data !== undefined ? { data: error.data } : {})
          }))
        if (reply._tag === "Submitted") return { _tag: "TaskSubmitted", task, stepId: key, attempt } satisfies Submission
        if (!isSubmission(reply.output)) return reply.output
        return yield* new StepFailure({ reason: "task", problem: `task "${task}" returned what only the engine may record`, retryable: false })
      })
    })
  const submit = (attempts: number) => {
    const known = made.get(attempts) ?? submitting(attempts)
    made.set(attempts, known)
    return known
  }
  return Effect.fnUntraced(function*(scope) {
    const input = yield* render(step.input, scope)
    // A task that was handed over and failed there is handed over again under a new key, as long as attempts are left.
    for (let used = 0;;) {
      const output = yield* submit((step.retry?.maxAttempts ?? 1) - used)(scope, input)
      if (!isSubmission(output)) return { output, next: step.next }
      used += output.attempt
      const result = yield* completion(output, step.timeoutMs)
      if (Result.isSuccess(result)) return { output: result.success, next: step.next }
      if (step.retry === undefined || used >= step.retry.maxAttempts) return yield* result.failure
      yield* Effect.sleep(yield* varied(step.retry, pauseAfter(step.retry, used)))
    }
  })
}

/** Waits until the one who has the work says what came of it. */
const completion = Effect.fnUntraced(function*(submission: Submission, timeoutMs: number | undefined) {
  const { stepId, task } = submission
  const received = Signal.receive(Signal.make(signalName(stepId), { schema: Completion }))
  const told = yield* timeoutMs === undefined ? Effect.asSome(received) : Effect.timeoutOption(received, timeoutMs)
  if (Option.isNone(told)) {
    return Result.fail(new StepFailure({ reason: "timeout", problem: `task "${task}" was not completed within ${timeoutMs} ms`, retryable: true }))
  }
  const { error, output = null } = told.value
  if (error === undefined) return Result.succeed(output)
  const said = typeof error === "string" ? error : JSON.stringify(error)
  return Result.fail(new StepFailure({ reason: "task", problem: `task "${task}" failed: ${said}`, retryable: true, data: error }))
})

// ----------------------------------------------------------------------------
// llm
// ----------------------------------------------------------------------------

const llm = (contract: Contract.Contract, step: Contract.StepOf<"llm">): Execute => {
  const ask = recorded({
    step,
    body: Effect.fnUntraced(function*(_call, input, { key }) {
      const { model, prompt, system } = yield* Effect.fromResult(textsOf(input))
      yield* allowed(contract, { kind: "llm:invoke", model })
      const { invoke } = yield* Llm
      const request: LlmRequest = {
        prompt,
        ...(model === undefined ? {} : { model }),
        ...(system === undefined ? {} : { system }),
        ...(step.maxTokens === undefined ? {} : { maxTokens: step.maxTokens }),
        ...(step.output === "text" ? {} : { output: step.output })
      }
      const answer = yield* Effect.mapError(invoke(request), failed)
      noteUsage(yield* CurrentRun, key, answer)
      return yield* Effect.mapError(Effect.fromResult(valueOf(request, answer)), failed)
    })
  })
  const { model, prompt, system } = step
  const texts = { prompt, ...(system === undefined ? {} : { system }), ...(model === undefined ? {} : { model }) }
  return Effect.fnUntraced(function*(scope) {
    const output = yield* ask(scope, yield* render(texts, scope))
    return { output, next: step.next }
  })
}

const failed = (error: { readonly message: string; readonly retryable: boolean }) =>
  new StepFailure({ reason: "model", problem: error.message, retryable: error.retryable })

/** The texts of a question as they were rendered; a value that an expression gave in place of a text is shown as JSON. */
const textsOf = (input: Schema.Json): Result.Result<{ readonly prompt: string; readonly system?: string; readonly model?: string }, StepFailure> => {
  const text = (name: string): string | undefined => {
    const value = fieldOf(input, name)
    return value === undefined || value === null || typeof value === "string" ? value ?? undefined : JSON.stringify(value)
  }
  const prompt = text("prompt")
  const system = text("system")
  const model = text("model")
  if (prompt === undefined || prompt === "") {
    return Result.fail(new StepFailure({ reason: "expression", problem: "its prompt came out empty", retryable: false }))
  }
  return Result.succeed({ prompt, ...(system === undefined ? {} : { system }), ...(model === undefined ? {} : { model }) })
}

/** What a call cost stands in the journal even when its answer is not used. */
const noteUsage = (place: Place | undefined, key: string, { model, usage }: LlmAnswer): void => {
  place?.executor.append({ _tag: "Note", kind: "usage", text: key, data: { model, ...usage } })
}

// ----------------------------------------------------------------------------
// emit
// ----------------------------------------------------------------------------

const emit = (contract: Contract.Contract, step: Contract.StepOf<"emit">): Execute => {
  const prepare = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }, input, { key }) {
      yield* allowed(contract, { kind: "event:emit", event: step.event })
      yield* Effect.mapError(EventsModule.check(step.event, input), unpublishable)
      return `${scope.run?.id}:emit:${key}`
    })
  })
  return Effect.fnUntraced(function*(scope) {
    const payload = yield* render(step.payload, scope)
    const id = yield* prepare(scope, payload)
    const events = yield* Events
    yield* events.emit(step.event, Result.getOrElse(payload, () => null), { id: String(id) }).pipe(
      Effect.catchTags({ EventRefused: (error) => Effect.fail(unpublishable(error)), StorageFailed: Effect.die })
    )
    return { output: id, next: step.next }
  })
}

const unpublishable = (error: EventsModule.EventRefused) =>
  new StepFailure({ reason: "event", problem: error.message, retryable: false })

// ----------------------------------------------------------------------------
// wait
// ----------------------------------------------------------------------------

/** The name of the signal by which a run gets an event that it has subscribed to. */
export const eventSignal = (event: string): string => `event:${event}`

const wait = (step: Contract.StepOf<"wait">): Execute => {
  const { event, timeout, where } = step
  const signal = Signal.make(eventSignal(event), { schema: Schema.Json })
  const keep = record(step)
  /** An event that the condition cannot cope with is one that it does not want: anybody may send one. */
  const wants = (scope: Expression.Scope, payload: Schema.Json): Effect.Effect<boolean> =>
    where === undefined
      ? Effect.succeed(true)
      : Expression.evaluateCondition(where, { ...scope, event: payload }).pipe(
        Effect.catch((error) => Effect.as(Effect.logWarning(`step "${step.id}" passes over an event "${event}": ${error.message}`), false))
      )
  const next = Effect.fnUntraced(function*(scope: Expression.Scope, passedOver: Array<Schema.Json>) {
    for (let index = 0; index < passedOver.length; index++) {
      if (yield* wants(scope, passedOver[index]!)) return passedOver.splice(index, 1)[0]!
    }
    while (true) {
      const payload = yield* Signal.receive(signal)
      if (yield* wants(scope, payload)) return payload
      passedOver.push(payload)
    }
  })
  return Effect.fnUntraced(function*(scope, memory) {
    const passedOver = memory.passedOver.get(event) ?? []
    memory.passedOver.set(event, passedOver)
    const taken = next(scope, passedOver)
    const payload = yield* timeout === undefined ? Effect.asSome(taken) : Effect.timeoutOption(taken, timeout.ms)
    if (Option.isSome(payload)) return { output: yield* keep(scope, Result.succeed(payload.value)), next: step.next }
    if (timeout?.next !== undefined) return { output: yield* keep(scope, Result.succeed(null)), next: timeout.next }
    const late = new StepFailure({ reason: "timeout", problem: `no event "${event}" came within ${timeout?.ms} ms`, retryable: false })
    return { output: yield* keep(scope, Result.fail(late)), next: null }
  })
}

// ----------------------------------------------------------------------------
// branch, transform
// ----------------------------------------------------------------------------

const branch = (step: Contract.StepOf<"branch">): Execute => {
  const decide = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }) {
      for (let index = 0; index < step.cases.length; index++) {
        if (yield* Effect.mapError(Expression.evaluateCondition(step.cases[index]!.when, scope), refused)) return index + 1
      }
      return null
    })
  })
  return Effect.fnUntraced(function*(scope) {
    const output = yield* decide(scope, Result.succeed(null))
    const taken = typeof output === "number" ? step.cases[output - 1] : undefined
    return { output, next: taken === undefined ? step.default : taken.next }
  })
}

const transform = (step: Contract.StepOf<"transform">): Execute => {
  const evaluate = recorded({ step, body: ({ scope }) => Effect.mapError(Expression.evaluate(step.set, scope), refused) })
  return Effect.fnUntraced(function*(scope) {
    const output = yield* evaluate(scope, Result.succeed(null))
    return { output, next: step.next }
  })
}

// ----------------------------------------------------------------------------
// approval
// ----------------------------------------------------------------------------

const decodeTexts = Schema.decodeUnknownResult(Schema.Array(Schema.NonEmptyString))

const approval = (step: Contract.StepOf<"approval">): Execute => {
  const keep = record(step)
  const { onTimeout } = step
  return Effect.fnUntraced(function*(scope) {
    const place = yield* CurrentRun
    if (place === undefined) return yield* Effect.die(new Error("a contract runs only in a run"))
    const question = yield* render({ prompt: step.prompt, approvers: step.approvers, choices: step.choices ?? [], args: step.args ?? null }, scope)
    if (Result.isFailure(question)) return { output: yield* keep(scope, question), next: null }
    const prompt = fieldOf(question.success, "prompt") ?? ""
    const args = fieldOf(question.success, "args") ?? null
    const approvers = decodeTexts(fieldOf(question.success, "approvers"))
    const choices = decodeTexts(fieldOf(question.success, "choices"))
    if (Result.isFailure(approvers) || Result.isFailure(choices)) {
      const unclear = new StepFailure({ reason: "expression", problem: "its approvers or choices did not come out as texts", retryable: false })
      return { output: yield* keep(scope, Result.fail(unclear)), next: null }
    }
    const result = yield* place.executor.askApproval({
      name: step.id,
      key: undefined,
      prompt: typeof prompt === "string" ? prompt : JSON.stringify(prompt),
      approvers: approvers.success,
      choices: choices.success,
      quorum: step.quorum?.approvals ?? 1,
      editable: step.editable,
      args: step.args === undefined ? undefined : args,
      deadlineMs: step.timeout?.ms,
      // Where the run goes when nobody has answered is the contract's matter; to the journal it is an end without an answer.
      onTimeout: typeof onTimeout === "string" ? onTimeout : "fail",
      accepts: () => step.editable
    })
    switch (result._tag) {
      case "Approved": {
        const given = {
          decision: "approved",
          by: result.by,
          choice: result.choice ?? null,
          note: result.note ?? null,
          args: (result.edit as Schema.Json | undefined) ?? args
        }
        return { output: yield* keep(scope, Result.succeed(given)), next: step.nextOnApproved }
      }
      case "Denied": {
        const given = { decision: "denied", by: [result.by], note: result.note ?? null, timedOut: result.timedOut }
        return { output: yield* keep(scope, Result.succeed(given)), next: step.nextOnDenied }
      }
      case "TimedOut": {
        if (typeof onTimeout !== "string") {
          const given = { decision: "timeout", by: [], timedOut: true }
          return { output: yield* keep(scope, Result.succeed(given)), next: onTimeout.next }
        }
        const late = new StepFailure({ reason: "timeout", problem: `nobody answered within ${step.timeout?.ms} ms`, retryable: false })
        return { output: yield* keep(scope, Result.fail(late)), next: null }
      }
    }
  })
}

const fieldOf = (value: Schema.Json | undefined, name: string): Schema.Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema.JsonObject)[name] : undefined
