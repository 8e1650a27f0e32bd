/**
 * What the step kinds share: the `Step` of the run that each is recorded as,
 * its retry policy, its texts, and what it may do.
 */
import type * as Contract from "@fermata/core/contract/Contract"
import type { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as Policy from "@fermata/core/Policy"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Engine } from "../Engine.ts"
import type { Events } from "../Events.ts"
import * as Step from "../Step.ts"
import * as Expression from "./Expression.ts"
import type { Llm } from "./Llm.ts"
import { StepFailure } from "./StepFailure.ts"
import type { TaskRuntime } from "./TaskRuntime.ts"

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
  /** Events that an earlier build journaled and a wait has passed over, by name: a later wait may want them. */
  readonly passedOver: Map<string, Array<Schema.Json>>
}

/** What steps need of the host, and what they need of their run. */
export type HostServices = Engine | Events | TaskRuntime | Llm
export type Services = HostServices | WorkflowInstance

/** Carries out one step of a contract in the body of a workflow. */
export type Execute = (scope: Expression.Scope, memory: Memory) => Effect.Effect<Settled, StepFailure, Services>

/** What the body of a step sees of its call. `given` is what the step came to before its body. */
export interface Call {
  readonly scope: Expression.Scope
  readonly given: Result.Result<Schema.Json, StepFailure>
}

const CurrentCall: Context.Reference<Call> = Context.Reference<Call>("@fermata/engine/contract/CurrentCall", {
  defaultValue: () => ({ scope: {}, given: Result.succeed(null) })
})

interface Recorded<R> {
  readonly step: Contract.Step
  readonly onCrash?: DocumentCrashRule
  readonly attempts?: number
  readonly body: (
    call: Call,
    input: Schema.Json,
    context: Step.StepContext
  ) => Effect.Effect<Schema.Json, StepFailure, R>
}

/** A step of the run, called with its input. One whose input could not be rendered fails with that, so that it is recorded too. */
export const recorded = <R>(options: Recorded<R>) => {
  const made = makeStep(options)
  return (scope: Expression.Scope, given: Result.Result<Schema.Json, StepFailure>) =>
    Effect.provideService(made(Result.isSuccess(given) ? given.success : null), CurrentCall, { scope, given })
}

/** A step of the run that only keeps what came before it. */
export const record = (step: Contract.Step) => {
  const made = makeStep({ step, body: ({ given }) => Effect.fromResult(given) })
  return (scope: Expression.Scope, given: Result.Result<Schema.Json, StepFailure>) =>
    Effect.provideService(made(null), CurrentCall, { scope, given })
}

const makeStep = <R>({ attempts, body, onCrash = "rerun", step }: Recorded<R>) => {
  const retry = "retry" in step ? step.retry : undefined
  const timeout = "timeoutMs" in step ? step.timeoutMs : undefined
  return Step.make(step.id, {
    input: Schema.Json,
    success: Schema.Json,
    error: StepFailure,
    onCrash,
    label: step.kind,
    ...(timeout === undefined ? {} : { timeout }),
    ...(retry === undefined ? {} : { retry: scheduleOf(retry, attempts ?? retry.maxAttempts) }),
    run: (input, context) =>
      Effect.flatMap(
        CurrentCall,
        (call) => Result.isFailure(call.given) ? Effect.fail(call.given.failure) : body(call, input, context)
      )
  })
}

/** Evaluates a value; the failure is for the step to be recorded with. */
export const render = (value: Schema.Json, scope: Expression.Scope) =>
  Effect.result(Effect.mapError(Expression.evaluate(value, scope), refused))

export const refused = (error: Expression.ExpressionError) =>
  new StepFailure({ reason: "expression", message: error.message, retryable: false })

/** Fails unless the contract may do this. */
export const allowed = Effect.fnUntraced(function*(contract: Contract.Contract, request: Policy.Request) {
  const policy = yield* StepPolicy
  const decision = yield* policy(contract.permissions, request)
  if (decision.decision === "deny") return yield* StepFailure.denied(decision)
})

/** A field of a JSON object. */
export const fieldOf = (value: Schema.Json | undefined, name: string): Schema.Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema.JsonObject)[name] : undefined

// ----------------------------------------------------------------------------
// retry
// ----------------------------------------------------------------------------

/** The pause (ms) after this attempt, before it is varied. */
const pauseMillis = (retry: Contract.Retry, attempt: number): number =>
  Math.min(retry.maxMs, retry.initialMs * retry.factor ** (attempt - 1))

/** The pause (ms) after this attempt. */
export const pauseAfter = (retry: Contract.Retry, attempt: number): Effect.Effect<number> => {
  const millis = pauseMillis(retry, attempt)
  return retry.jitter === true
    ? Effect.map(Random.next, (random) => Math.round(millis * (0.8 + 0.4 * random)))
    : Effect.succeed(millis)
}

/** Attempts up to `maxAttempts`, as long as the failure may pass. */
const scheduleOf = (
  retry: Contract.Retry,
  maxAttempts: number
): Schedule.Schedule<number, StepFailure | Step.StepTimedOut> =>
  Schedule.recurs(maxAttempts - 1).pipe(
    Schedule.setInputType<StepFailure | Step.StepTimedOut>(),
    Schedule.while(({ input }) => !(input instanceof StepFailure) || input.retryable),
    Schedule.modifyDelay(({ attempt }) => Effect.map(pauseAfter(retry, attempt), Duration.millis))
  )
