/**
 * What the steps of a contract need from the process that works on its runs. A
 * process without it leaves these runs to others: taking them up would fail
 * steps that somebody else can do.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Contract } from "./Contract.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { StepShapes } from "./StepShape.ts"
import { stepsOf } from "./StepTree.ts"

/** What the steps of a contract need from a process. */
export interface Needs {
  /** Names of tasks, each once. */
  readonly tasks: ReadonlyArray<string>
  /** Whether there are `llm` steps. */
  readonly model: boolean
  /** Names of services that are asked over HTTP, each once. */
  readonly services: ReadonlyArray<string>
}

/** What a process has for contracts. */
export interface Offer {
  readonly tasks: ReadonlyArray<string>
  readonly model: boolean
  readonly services: ReadonlyArray<string>
}

/** What a process says that it has (`Runs.owners`); nothing where it does not say so. */
export const offerOf = (offers: unknown): Offer =>
  Option.match(decodeOffer(offers), {
    onNone: () => ({ tasks: [], model: false, services: [] }),
    onSome: (offer) => ({ services: [], ...offer })
  })

/** The needs of all steps together. */
export const of = (contract: Contract, shapes: StepShapes = standardShapes): Needs => {
  const needs = stepsOf(contract, shapes).map((step) => StepShape.needsOf(shapes, step))
  return {
    tasks: [...new Set(needs.flatMap(({ tasks = [] }) => tasks))],
    model: needs.some(({ model }) => model === true),
    services: [...new Set(needs.flatMap(({ services = [] }) => services))]
  }
}

/** What the contract needs and the offer lacks. */
export const lacking = (contract: Contract, offer: Offer, shapes: StepShapes = standardShapes): Needs => {
  const needs = of(contract, shapes)
  return {
    tasks: needs.tasks.filter((task) => !offer.tasks.includes(task)),
    model: needs.model && !offer.model,
    services: needs.services.filter((service) => !offer.services.includes(service))
  }
}

/** Whether nothing is needed. */
export const isNone = ({ model, services, tasks }: Needs): boolean =>
  tasks.length === 0 && !model && services.length === 0

/** What is missing, for people: "no handler for ...". */
export const sentences = ({ model, services, tasks }: Needs): ReadonlyArray<string> => [
  ...tasks.map((task) => `no handler for the task "${task}"`),
  ...(model ? ["no model for its llm steps"] : []),
  ...services.map((service) => `no service "${service}"`)
]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeOffer = Schema.decodeUnknownOption(
  Schema.Struct({
    tasks: Schema.Array(Schema.String),
    model: Schema.Boolean,
    services: Schema.optionalKey(Schema.Array(Schema.String))
  })
)
