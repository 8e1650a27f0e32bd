/**
 * What the step kinds share: the `Step` of the run that each is recorded as,
 * its retry policy, its texts, and what it may do.
 */
import type { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as Policy from "@fermata/core/Policy"
import * as Step from "@fermata/engine/Step"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Contract from "./Contract.ts"
import type * as Parts from "./ContractParts.ts"
import * as Expression from "./Expression.ts"
import { StepFailure } from "./StepFailure.ts"
import type { AnyStep } from "./StepShape.ts"

/** Decides whether a contract with these permissions may do something. Covers what its permissions do, unless a host says otherwise. */
export const StepPolicy: Context.Reference<
  (permissions: ReadonlyArray<Policy.Permission>, request: Policy.Request) => Effect.Effect<Policy.Decision>
> = Context.Reference("@fermata/contracts/StepPolicy", {
  defaultValue: () => (permissions: ReadonlyArray<Policy.Permission>, request: Policy.Request) =>
    Effect.sync(() => Policy.decide(permissions, request))
})

/** What the body of a step sees of its call. `given` is what the step came to before its body. */
export interface Call {
  readonly scope: Expression.Scope
  readonly given: Result.Result<Schema.Json, StepFailure>
}

const CurrentCall: Context.Reference<Call> = Context.Reference<Call>("@fermata/contracts/CurrentCall", {
  defaultValue: () => ({ scope: {}, given: Result.succeed(null) })
})

/** As much of a step as its record needs. */
export interface Recordable extends Pick<AnyStep, "id" | "kind"> {
  readonly retry?: Parts.Retry
  readonly timeoutMs?: number
}

interface Recorded<R> {
  readonly step: Recordable
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
export const record = (step: Recordable) => {
  const made = makeStep({ step, body: ({ given }) => Effect.fromResult(given) })
  return (scope: Expression.Scope, given: Result.Result<Schema.Json, StepFailure>) =>
    Effect.provideService(made(null), CurrentCall, { scope, given })
}

const makeStep = <R>({ attempts, body, onCrash = "rerun", step }: Recorded<R>) => {
  const { retry, timeoutMs: timeout } = step
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

/** The failure of a step whose expression could not be evaluated. */
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
const pauseMillis = (retry: Parts.Retry, attempt: number): number =>
  Math.min(retry.maxMs, retry.initialMs * retry.factor ** (attempt - 1))

/** The pause (ms) after this attempt. */
export const pauseAfter = (retry: Parts.Retry, attempt: number): Effect.Effect<number> => {
  const millis = pauseMillis(retry, attempt)
  return retry.jitter === true
    ? Effect.map(Random.next, (random) => Math.round(millis * (0.8 + 0.4 * random)))
    : Effect.succeed(millis)
}

/** Attempts up to `maxAttempts`, as long as the failure may pass. */
const scheduleOf = (
  retry: Parts.Retry,
  maxAttempts: number
): Schedule.Schedule<number, StepFailure | Step.StepTimedOut> =>
  Schedule.recurs(maxAttempts - 1).pipe(
    Schedule.setInputType<StepFailure | Step.StepTimedOut>(),
    Schedule.while(({ input }) => !(input instanceof StepFailure) || input.retryable),
    Schedule.modifyDelay(({ attempt }) => Effect.map(pauseAfter(retry, attempt), Duration.millis))
  )
