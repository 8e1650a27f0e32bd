/** The events that start the runs of a contract. */
import type { Contract } from "./Contract.ts"

/** The event that triggers a contract, where there is one and it is no pattern. */
export const eventOf = ({ triggers }: Pick<Contract, "triggers">): string | undefined => {
  const names = triggers.flatMap((trigger) =>
    trigger.type === "event" && !trigger.event.includes("*") ? [trigger.event] : []
  )
  return names[0]
}
