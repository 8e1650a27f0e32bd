/**
 * The processes that work on runs, as people know them.
 */
import type { Owner } from "@fermata/core/Owner"
import * as Effect from "effect/Effect"
import { hostname } from "node:os"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Operator } from "./Operator.ts"

/** A process by what people know of it. */
export const ownerName = ({ id, info }: Pick<Owner, "id" | "info">): string => {
  const { host, pid } = info
  if (typeof pid !== "number") return id
  return host === hostname() || typeof host !== "string" ? `pid ${pid}` : `pid ${pid} on ${host}`
}

/** The process that has a run: whether it lives, as far as this one can tell. */
export interface RunProcess {
  readonly name: string
  readonly alive: boolean
}

/** The process that has this run; none for one that nobody has. */
export const processOf = (operator: Operator, runId: string): Effect.Effect<RunProcess | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const { owner } = yield* operator.refine(operator.runs.find(runId))
    return owner === undefined ? undefined : processIn(yield* operator.refine(operator.runs.owners), owner)
  })

/** What is known of this process. The other processes have freed the runs of a process that is not known any more. */
export const processIn = (owners: ReadonlyArray<Owner>, id: string): RunProcess => {
  const owner = owners.find((other) => other.id === id)
  return owner === undefined
    ? { name: id, alive: false }
    : { name: ownerName(owner), alive: owner.alive && !isGone(owner) }
}

/** Whether the process is known to be no more: it ran on this machine, and its pid is free. Of others only the lease tells. */
export const isGone = ({ info }: Pick<Owner, "info">): boolean => {
  const { elsewhere, host, pid } = info
  return typeof pid === "number" && elsewhere !== true && host === hostname() && !isRunning(pid)
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // The process is there and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
