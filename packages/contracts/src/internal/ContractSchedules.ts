/** Has the schedules of the store be those that contracts say: of each contract its newest version. */
import type { StorageFailed } from "@fermata/engine/Backend"
import { CurrentTenant } from "@fermata/engine/CurrentTenant"
import type { Schedules } from "@fermata/engine/Schedules"
import * as Effect from "effect/Effect"
import type { ContractRegistry } from "../ContractRegistry.ts"
import * as ContractTimes from "./ContractTimes.ts"

/**
 * Says them where contracts have changed since it was last asked. What a process
 * that died in between has left unsaid the next one says.
 */
export const make = (
  schedules: Schedules["Service"],
  registry: Pick<ContractRegistry, "newest">,
  writes: boolean
): Effect.Effect<void, StorageFailed> => {
  let said = ""
  const say = Effect.gen(function*() {
    const newest = yield* registry.newest
    const now = newest.map(({ hash }) => hash).join()
    if (now === said) return
    const wanted = new Map(
      newest.flatMap(({ contract: { id, triggers } }) =>
        Array.from(ContractTimes.of(id, triggers), ([name, options]) => [name, { id, options }] as const)
      )
    )
    for (const [name, { id, options }] of wanted) {
      yield* Effect.catchTag(
        schedules.put(name, options, { by: `contract ${id}` }),
        ["ScheduleRefused", "ProducerTaken"],
        ({ message }) => Effect.logWarning(`contract "${id}" is not started at its times: ${message}`)
      )
    }
    for (let after = ContractTimes.namePrefix;;) {
      const page = yield* schedules.list({ after, limit: pageSize })
      const own = page.filter(({ name }) => name.startsWith(ContractTimes.namePrefix))
      for (const { name } of own) {
        if (!wanted.has(name)) yield* Effect.ignore(schedules.remove(name, { by: "contracts" }))
      }
      // Names with one beginning stand together.
      if (own.length < pageSize) break
      after = own.at(-1)!.name
    }
    said = now
  })
  // Contracts are of no tenant, and so is what starts them at times.
  return writes ? Effect.provideService(say, CurrentTenant, undefined) : Effect.void
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pageSize = 100
