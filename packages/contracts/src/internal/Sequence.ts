/**
 * Goes through a graph of steps, one after another: that of a contract, or one
 * inside a step. What is inside a step has a scope of its own, which begins with
 * what the step sees, and keys of its own, which begin with where it is:
 * `each[3]/charge` is the step `charge` for the fourth item of `each`, and
 * `each~2[3]/charge` the same when the run comes to `each` again.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as RunState from "@fermata/engine/RunState"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Contract from "../Contract.ts"
import type * as Parts from "../ContractParts.ts"
import * as Expression from "../Expression.ts"
import { refused } from "../RecordedStep.ts"
import { StepFailure } from "../StepFailure.ts"
import type { Execute, Inside, Memory, Services, Settled, StepKinds, Tools, Visit } from "../StepKind.ts"
import type { AnyStep } from "../StepShape.ts"
import * as FirstFailure from "./FirstFailure.ts"
import * as Undo from "./Undo.ts"

/** A sequence executed more steps than its contract allows. */
export class LimitExceeded extends Error {
  override readonly name = "LimitExceeded"
  constructor(limit: number) {
    super(`The run went past a limit: more than ${limit} steps (maxSteps)`)
  }
}

/** A step of the sequence failed, and has no `onError`. `key` is its key in the run. */
export class StepFailed extends Data.TaggedError("StepFailed")<{
  /** What failed: a step, or the expression for what the sequence comes to. */
  readonly of: "step" | "output"
  readonly step: string
  readonly key: string
  readonly failure: StepFailure
}> {}

/** What all sequences of one run share. */
export class RunMemory implements Memory {
  readonly passedOver = new Map<string, Array<Schema.Json>>()
  state: Schema.JsonObject = {}

  readonly change = (values: Schema.JsonObject) => this.write(values)

  /** Writes values into the run's document. */
  private readonly write = Effect.fnUntraced(function*(this: RunMemory, values: Schema.JsonObject) {
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

/** A sequence that can be gone through. */
export type Sequence<R> = (walk: Walk) => Effect.Effect<Schema.Json, StepFailed, Services | R>

/** Makes the steps of a graph executable. It comes to `output`, or to the output of its last step. */
export const compile = <R>(
  contract: Contract.Contract,
  graph: Parts.Body,
  kinds: StepKinds<R>
): Sequence<R> => {
  const tools: Tools = { contract, inside: (body) => insideOf(compile(contract, body, kinds)) }
  const nodes = new Map<string, Node<R>>(graph.steps.map((step) => {
    const kind = kinds.find(({ kind }) => kind === step.kind)!
    const execute = kind.run(step, tools)
    return [step.id, { step, execute, undo: step.undo === undefined ? undefined : tools.inside(step.undo) }]
  }))
  const entry = graph.entryStepId ?? graph.steps[0]!.id
  const { maxSteps } = contract.limits
  return Effect.fnUntraced(function*(walk) {
    let output: Schema.Json = null
    let id: Parts.Next = entry
    while (id !== null) {
      if (++walk.executed > maxSteps) return yield* Effect.die(new LimitExceeded(maxSteps))
      const { execute, step, undo }: Node<R> = nodes.get(id)!
      const visit = walk.visit(id)
      const exit: Exit.Exit<Settled, StepFailure> = yield* Effect.exit(
        undo === undefined
          ? execute(visit)
          : Undo.registered(execute(visit), visit, undo, ({ output }) => {
            walk.keep(step.id, { output })
            return walk.scope
          })
      )
      if (Exit.isSuccess(exit)) {
        output = exit.value.output
        walk.keep(id, { output })
        id = exit.value.next
        continue
      }
      if (isBeyondLimits(exit.cause) || (Cause.hasInterrupts(exit.cause) && (yield* Workflows.isStopping))) {
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
      const failure = StepFailure.ofCause(exit.cause)
      const { onError } = step
      if (onError === undefined) return yield* new StepFailed({ of: "step", step: id, key: visit.key, failure })
      output = null
      walk.keep(id, { output, error: failure.json })
      id = typeof onError === "string" ? onError : onError.next
    }
    return graph.output === undefined
      ? output
      : yield* Effect.mapError(
        Expression.evaluate(graph.output, walk.scope),
        (error) =>
          new StepFailed({ of: "output", step: "output", key: `${walk.within}output`, failure: refused(error) })
      )
  })
}

type Kept = { readonly output: Schema.Json; readonly error?: Schema.Json }
type Steps = { readonly [id: string]: Kept }

/** One time that a sequence is gone through. */
export class Walk {
  executed = 0
  readonly memory: RunMemory
  readonly within: string
  /** What is in scope beside the steps and the state. */
  private readonly names: Expression.Scope
  private readonly steps: Steps
  private readonly times = new Map<string, number>()

  constructor(memory: RunMemory, within: string, names: Expression.Scope, steps: Steps = {}) {
    this.memory = memory
    this.within = within
    this.names = names
    this.steps = Object.defineProperties({}, Object.getOwnPropertyDescriptors(steps))
  }

  get scope(): Expression.Scope {
    return { ...this.names, steps: this.steps, state: this.memory.state }
  }

  visit(id: string): Visit {
    const time = (this.times.get(id) ?? 0) + 1
    this.times.set(id, time)
    const { memory, scope, within } = this
    return { scope, memory, within, key: `${within}${id}${time === 1 ? "" : `~${time}`}`, change: memory.change }
  }

  /** Ids are any identifiers, `__proto__` too. */
  keep(id: string, value: Kept): void {
    Object.defineProperty(this.steps, id, { value, enumerable: true, configurable: true, writable: true })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const State = RunState.make("state", { schema: Schema.Record(Schema.String, Schema.Json), initial: {} })

interface Node<R> {
  readonly step: AnyStep
  readonly execute: Execute<R>
  readonly undo: Inside | undefined
}

/** The run is over by that, whatever the steps around say of failures. */
const isBeyondLimits = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Die" && reason.defect instanceof LimitExceeded)

/** A sequence as a part of the step that it is in. The services of its steps are those of the run. */
const insideOf = <R>(sequence: Sequence<R>): Inside =>
  Effect.fnUntraced(function*(visit, label, names) {
    const within = `${visit.key}[${label}]/`
    const { steps, ...scope } = visit.scope
    const walk = new Walk(visit.memory as RunMemory, within, { ...scope, ...names }, steps)
    return yield* Effect.mapError(
      Step.within((sequence as Sequence<never>)(walk), within),
      ({ failure, key }) => FirstFailure.around(key, failure)
    )
  })
