/**
 * What the steps of a contract need from the process that works on them, and
 * who has it.
 */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractNeeds from "@fermata/contracts/ContractNeeds"
import type { StepKinds } from "@fermata/contracts/StepKind"
import type { Owner } from "@fermata/core/Owner"
import type { FermataConfig } from "./Config.ts"
import * as Kinds from "./Kinds.ts"
import { isGone } from "./Owners.ts"

/** What the contract needs and the configuration lacks, as "no handler for ...". */
export const missingIn = (contract: Contract, config: FermataConfig): ReadonlyArray<string> =>
  ContractNeeds.sentences(lackingIn(contract, config))

/** Whether a process that lives and is a worker has all that the contract needs. */
export const isServedBy = (contract: Contract, owner: Owner, kinds: StepKinds): boolean =>
  isWorking(owner) &&
  ContractNeeds.isNone(ContractNeeds.lacking(contract, ContractNeeds.offerOf(owner.serves.offers), kinds))

/** Whether the process takes up due runs. */
export const isWorking = (owner: Owner): boolean => owner.alive && owner.worker && !isGone(owner)

/** Where in a configuration the missing things are declared. */
export const declarations = (contract: Contract, config: FermataConfig): ReadonlyArray<string> => {
  const { model, services, tasks } = lackingIn(contract, config)
  return [
    ...(tasks.length === 0
      ? []
      : [`tasks: { ${tasks.map((task) => `${JSON.stringify(task)}: (input) => …`).join(", ")} }`]),
    ...(model
      ? [
        "llm: …, a Layer of the model (Llm.layerNone says that there is none, and then llm steps fail when they are come to)"
      ]
      : []),
    ...(services.length === 0
      ? []
      : [
        `services: HttpService.make({ services: [${
          services.map((name) => `{ name: ${JSON.stringify(name)}, baseUrl: "…" }`).join(", ")
        }] })`
      ])
  ]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lackingIn = (contract: Contract, config: FermataConfig): ContractNeeds.Needs => {
  const { llm, services, tasks = {} } = config
  const offer = {
    tasks: Object.keys(tasks),
    model: llm !== undefined,
    services: (services?.list ?? []).map(({ entry }) => entry.name)
  }
  return ContractNeeds.lacking(contract, offer, Kinds.of(config))
}
