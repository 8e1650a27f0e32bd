/**
 * A kind of step as one value: what a document may say in it (see
 * `StepShape` of core), and what executing it does. Everything that checks,
 * draws, serves or executes contracts goes by a list of these, which it is
 * handed: a package adds a kind by handing over a longer list.
 */
import type { Engine } from "@fermata/engine/Engine"
import type { Events } from "@fermata/engine/Events"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type * as Contract from "./Contract.ts"
import type * as Parts from "./ContractParts.ts"
import type * as Expression from "./Expression.ts"
import type { Llm } from "./Llm.ts"
import type { StepFailure } from "./StepFailure.ts"
import type * as StepShape from "./StepShape.ts"
import type { TaskRuntime } from "./TaskRuntime.ts"

/** What steps need of the host, and what they need of their run. */
export type HostServices = Engine | Events | TaskRuntime | Llm
/** What the body of a step kind may use. */
export type Services = HostServices | WorkflowInstance

/** What a step came to, and what follows it. */
export interface Settled {
  readonly output: Schema.Json
  readonly next: Parts.Next
}

/** What a run remembers between its steps beside what expressions see. */
export interface Memory {
  /** Events that an earlier build journaled and a wait has passed over, by name: a later wait may want them. */
  readonly passedOver: Map<string, Array<Schema.Json>>
}

/** One time that a run comes to a step. */
export interface Visit {
  /** What its expressions see. */
  readonly scope: Expression.Scope
  readonly memory: Memory
  /** What keys begin with where the step is inside another, such as `each[3]/`; empty elsewhere. */
  readonly within: string
  /** The key of the step in its run. */
  readonly key: string
  /** Writes values into the run's `state`. */
  readonly change: (values: Schema.JsonObject) => Effect.Effect<void, never, Services>
}

/** Carries out a step in the body of a workflow. */
export type Execute<R = never> = (visit: Visit) => Effect.Effect<Settled, StepFailure, Services | R>

/** What a kind is given to make a step executable, once for all runs of a contract. */
export interface Tools {
  readonly contract: Contract.Contract
  /** Makes a graph of steps inside the step executable. */
  readonly inside: (body: Parts.Body) => Inside
}

/**
 * Carries out a graph inside a step. Keys of its steps begin with the key of the
 * step and `label`, which is another for each time in one visit; its steps see
 * what the step sees, and `names`. Fails with what one of them failed with.
 */
export type Inside = (
  visit: Visit,
  label: string,
  names: { readonly [name: string]: Schema.Json }
) => Effect.Effect<Schema.Json, StepFailure, Services>

/** A kind of step. `R` are the services that its steps need beside those of every step. */
export interface StepKind<R = never> extends StepShape.AnyShape {
  run(step: StepShape.AnyStep, tools: Tools): Execute<R>
}

/** Makes a kind, with the types of its fields. */
export const make = <const Kind extends string, const Fields extends Parts.Fields, R = never>(
  kind: StepShape.StepShape<Kind, Fields> & {
    run(step: StepShape.StepOf<Kind, Fields>, tools: Tools): Execute<R>
  }
): StepKind<R> => kind as StepKind<R>

/** The kinds that a contract may use. */
export type StepKinds<R = never> = ReadonlyArray<StepKind<R>>
