/**
 * What a contract calls, held against the workflows that are known where it is
 * checked or started.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import { didYouMean } from "@fermata/core/Suggestion"
import { newestFirst } from "@fermata/core/VersionOrder"
import type { Contract } from "./Contract.ts"
import * as Problem from "./ContractProblem.ts"
import type { ContractProblem } from "./ContractProblem.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { OutputOf, StepShapes } from "./StepShape.ts"
import * as StepTree from "./StepTree.ts"

/** A workflow that is known: a program, or a contract by its id. */
export interface Known {
  readonly name: string
  readonly version: string
}

/** A call of a workflow that is not known. */
export interface MissingCall extends StepShape.Call {
  /** The id of the step. */
  readonly step: string
  /** Where it is and what there is, as a sentence. */
  readonly message: string
}

/** The workflows that the steps of a contract run. */
export const callsOf = (
  contract: Contract,
  shapes: StepShapes = standardShapes
): ReadonlyArray<StepShape.Call> =>
  StepTree.stepsOf(contract, shapes).flatMap((step) => StepShape.needsOf(shapes, step).calls ?? [])

/** The calls of a contract that would fail now, since nothing that is known has the name, or the version. */
export const missing = (
  contract: Contract,
  known: ReadonlyArray<Known>,
  shapes: StepShapes = standardShapes
): ReadonlyArray<MissingCall> =>
  StepTree.stepsOf(contract, shapes).flatMap((step) =>
    (StepShape.needsOf(shapes, step).calls ?? []).flatMap((call): ReadonlyArray<MissingCall> => {
      const versions = known.filter(({ name }) => name === call.workflow).map(({ version }) => version)
      if (call.version === undefined ? versions.length > 0 : versions.includes(call.version)) return []
      const name = StoredJson.quote(call.workflow)
      const meant = didYouMean(call.workflow, new Set(known.map(({ name }) => name)))
      const what = versions.length > 0
        ? `version ${call.version} of workflow ${name}, of which there is ${
          list(newestFirst(versions, (version) => version))
        }`
        : `workflow ${name}, which there is not${
          meant === undefined ? "" : `; did you mean ${StoredJson.quote(meant)}?`
        }`
      return [{ ...call, step: step.id, message: `step ${StoredJson.quote(step.id)} calls ${what}` }]
    })
  )

/** The agents that steps of a valid document name and that are none of these, each with its place. */
export const missingAgents = (
  document: object,
  agents: ReadonlyArray<string>,
  shapes: StepShapes = standardShapes
): ReadonlyArray<ContractProblem> =>
  StepTree.graphsOf(document, shapes).flatMap(({ nodes }) => nodes).flatMap(({ path, step }) =>
    agentsOf(step as object as StepShape.AnyStep, shapes).filter((agent) => !agents.includes(agent)).map((agent) =>
      Problem.make({
        path: [...path, "agent"],
        code: "unknown-reference",
        found: StoredJson.quote(agent),
        expected: agents.length === 0 ? "an agent, and there is none" : `one of ${list(agents)}`,
        suggestion: didYouMean(agent, agents)
      })
    )
  )

/** Whether a step of a contract names an agent. */
export const hasAgents = (contract: Contract, shapes: StepShapes = standardShapes): boolean =>
  StepTree.stepsOf(contract, shapes).some((step) => agentsOf(step, shapes).length > 0)

/** The contracts among these that a run of the contract may come to run, by its calls and by theirs; itself only where it is called again. */
export const reachable = (
  contract: Contract,
  contracts: ReadonlyArray<Contract>,
  shapes: StepShapes = standardShapes
): ReadonlyArray<Contract> => {
  const seen = new Set<Contract>()
  const visit = (from: Contract): void => {
    for (const call of callsOf(from, shapes)) {
      const found = called(call, contracts)
      if (found === undefined || seen.has(found)) continue
      seen.add(found)
      visit(found)
    }
  }
  visit(contract)
  return [...seen]
}

/** What these contracts come to, as far as they say so; of several versions the newest, where a call names none. */
export const outputsOf = (contracts: ReadonlyArray<Contract>): OutputOf => (call) =>
  called(call, contracts)?.outputSchema

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const agentsOf = (step: StepShape.AnyStep, shapes: StepShapes): ReadonlyArray<string> =>
  StepShape.needsOf(shapes, step).agents ?? []

/** The contract that a call would run if these are all that there are. */
const called = ({ version, workflow }: StepShape.Call, contracts: ReadonlyArray<Contract>): Contract | undefined => {
  const named = newestFirst(contracts.filter(({ id }) => id === workflow), (contract) => contract.version)
  return version === undefined ? named[0] : named.find((contract) => contract.version === version)
}

const list = (items: ReadonlyArray<string>): string =>
  items.length > 8 ? `${items.slice(0, 8).join(", ")} and ${items.length - 8} more` : items.join(", ")
