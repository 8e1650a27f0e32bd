/**
 * What the step kinds share: the `Step` of the run that each is recorded as,
 * its texts, and what it may do.
 */
import type { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as Permission from "@fermata/core/Permission"
import * as Step from "@fermata/engine/Step"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Contract from "./Contract.ts"
import type * as Parts from "./ContractParts.ts"
import * as Expression from "./Expression.ts"
import * as Retries from "./internal/Retries.ts"
import { StepFailure } from "./StepFailure.ts"
import type { AnyStep } from "./StepShape.ts"

/** Decides whether a contract with these permissions may do something. Covers what its permissions do, unless a host says otherwise. */
export const StepPolicy: Context.Reference<
  (permissions: ReadonlyArray<Permission.Permission>, request: Permission.Request) => Effect.Effect<Permission.Decision>
> = Context.Reference("@fermata/contracts/StepPolicy", {
  defaultValue: () => (permissions: ReadonlyArray<Permission.Permission>, request: Permission.Request) =>
    Effect.sync(() => Permission.decide(permissions, request))
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
    ...(retry === undefined ? {} : { retry: Retries.scheduleOf(retry, attempts ?? retry.maxAttempts) }),
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
export const allowed = Effect.fnUntraced(function*(contract: Contract.Contract, request: Permission.Request) {
  const policy = yield* StepPolicy
  const decision = yield* policy(contract.permissions, request)
  if (decision.decision === "deny") return yield* StepFailure.denied(decision)
})

/** A field of a JSON object. */
export const fieldOf = (value: Schema.Json | undefined, name: string): Schema.Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema.JsonObject)[name] : undefined
