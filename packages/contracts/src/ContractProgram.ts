/**
 * Compiles a contract to a workflow: a definition as hand-written code has one,
 * and a handler that walks the graph of steps.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Program } from "@fermata/engine/Extension"
import * as RunState from "@fermata/engine/RunState"
import * as Workflows from "@fermata/engine/Workflows"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import * as Contract from "./Contract.ts"
import type { Next } from "./ContractParts.ts"
import * as EventCondition from "./EventCondition.ts"
import type * as Expression from "./Expression.ts"
import { standardKinds } from "./StandardKinds.ts"
import { standardShapes } from "./StandardShapes.ts"
import { ContractFailed, StepFailure } from "./StepFailure.ts"
import type { Execute, HostServices, Memory, Services, Settled, StepKinds, Tools, Visit } from "./StepKind.ts"
import { type AnyStep, needsOf, type StepShapes } from "./StepShape.ts"

/** What a run of a contract is given. `trigger` is absent when it is the input. */
export const Payload = Schema.Struct({
  input: Schema.Json,
  trigger: Schema.optionalKey(Schema.Json)
})
export type Payload = typeof Payload.Type

/** A run executed more steps than its contract allows. */
export class LimitExceeded extends Error {
  override readonly name = "LimitExceeded"
  constructor(limit: number) {
    super(`The run went past a limit: more than ${limit} steps (maxSteps)`)
  }
}

/** The definition of a contract's runs. */
export const workflowOf = (contract: Contract.Contract) =>
  Workflow.make(contract.id, {
    payload: Payload,
    success: Schema.Json,
    error: ContractFailed,
    idempotencyKey: StoredJson.textOf
  })
    .annotate(Workflows.Version, contract.version)
    .annotate(Workflows.Limits, contract.limits)

/**
 * The handler of a contract's runs, for the body of a workflow. Returns the
 * output of the last step; fails with the failure of a step that has no
 * `onError`.
 */
export const program = <R = never>(
  contract: Contract.Contract,
  kinds: StepKinds<R> = standardKinds
): (payload: Payload, runId: string) => Effect.Effect<Schema.Json, ContractFailed, Services | R> => {
  const tools: Tools = { contract }
  const steps = new Map(contract.steps.map((step) => {
    const kind = kinds.find(({ kind }) => kind === step.kind)!
    return [step.id, { step, execute: kind.run(step, tools) }]
  }))
  return Effect.fnUntraced(function*(payload, runId) {
    const walk = new Walk(contract, payload, runId)
    let output: Schema.Json = null
    let id: Next = contract.entryStepId
    while (id !== null) {
      if (++walk.executed > contract.limits.maxSteps) {
        return yield* Effect.die(new LimitExceeded(contract.limits.maxSteps))
      }
      const { execute, step }: Node<R> = steps.get(id)!
      const exit: Exit.Exit<Settled, StepFailure> = yield* Effect.exit(execute(walk))
      if (Exit.isSuccess(exit)) {
        output = exit.value.output
        walk.keep(step.id, { output })
        id = exit.value.next
        continue
      }
      if (Cause.hasInterrupts(exit.cause) && (yield* Workflows.isStopping)) {
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
      const failure = StepFailure.ofCause(exit.cause)
      const { onError } = step
      if (onError === undefined) return yield* ContractFailed.of(contract, step.id, failure)
      output = null
      walk.keep(step.id, { output, error: failure.json })
      id = typeof onError === "string" ? onError : onError.next
    }
    return output
  })
}

/** The compiled form that the engine executes. `services` are those of the host; the run's own come before them. */
export const executable = <R = never>(
  contract: Contract.Contract,
  services: Context.Context<HostServices | R>,
  kinds: StepKinds<R> = standardKinds
): Program => {
  const handler = program(contract, kinds)
  const { maxActiveMs, maxRunMs } = contract.limits
  return {
    workflow: workflowOf(contract),
    // The walk counts executed steps itself: a task that is handed over again is one of them.
    limits: { maxActiveMs, maxRunMs, maxSteps: Infinity },
    execute: (payload, runId) =>
      Effect.updateContext(
        Effect.suspend(() => handler(payload as Payload, runId)),
        (own: Context.Context<never>) => Context.merge(services, own) as Context.Context<Services | R>
      )
  }
}

/** What the store says about the schemas of a contract: its input and output are any JSON. */
export const schemas = StoredJson.textOf({ payload: null, success: null, error: null })

/** The events that runs of a contract may wait for. */
export const awaited = (
  contract: Contract.Contract,
  shapes: StepShapes = standardShapes
): ReadonlyArray<string> => subscriptionsOf(contract, shapes).map(({ event }) => event)

/** The same, with the places in them at which waits ask for one value. */
export const subscriptionsOf = (
  contract: Contract.Contract,
  shapes: StepShapes = standardShapes
): ReadonlyArray<{ readonly event: string; readonly paths: ReadonlyArray<string> }> => {
  const found = new Map<string, Set<string>>()
  for (const { event, where } of contract.steps.flatMap((step) => needsOf(shapes, step).events ?? [])) {
    const paths = found.get(event) ?? new Set()
    found.set(event, paths)
    const path = where === undefined ? undefined : EventCondition.of(where)?.path
    if (path !== undefined) paths.add(path)
  }
  return Array.from(found, ([event, paths]) => ({ event, paths: [...paths] }))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const State = RunState.make("state", { schema: Schema.Record(Schema.String, Schema.Json), initial: {} })

interface Node<R> {
  readonly step: AnyStep
  readonly execute: Execute<R>
}

type Kept = { readonly output: Schema.Json; readonly error?: Schema.Json }

/** One run on its way through the graph. */
class Walk implements Visit {
  executed = 0
  readonly memory: Memory = { passedOver: new Map() }
  private readonly steps: { readonly [id: string]: Kept } = {}
  private state: Schema.JsonObject = {}
  private readonly fixed: Pick<Expression.Scope, "trigger" | "input" | "run">

  constructor(contract: Contract.Contract, { input, trigger = input }: Payload, runId: string) {
    this.fixed = { trigger, input, run: { id: runId, workflow: contract.id, version: contract.version } }
  }

  get scope(): Expression.Scope {
    return { ...this.fixed, steps: this.steps, state: this.state }
  }

  /** Ids are any identifiers, `__proto__` too. */
  keep(id: string, value: Kept): void {
    Object.defineProperty(this.steps, id, { value, enumerable: true, configurable: true, writable: true })
  }

  readonly change = (values: Schema.JsonObject) => this.write(values)

  /** Writes values into the run's document. */
  private readonly write = Effect.fnUntraced(function*(this: Walk, values: Schema.JsonObject) {
    const changed = Object.entries(values)
      .filter(([name, value]) =>
        !Object.hasOwn(this.state, name) || StoredJson.textOf(this.state[name]) !== StoredJson.textOf(value)
      )
      .map(([name, value]) => ({ op: "add" as const, path: `/${name}`, value }))
    if (changed.length === 0) return
    const snapshot = yield* Effect.orDie(RunState.patch(State, changed))
    this.state = snapshot.value
  })
}
