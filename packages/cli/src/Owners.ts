/**
 * The processes that work on runs, as people know them.
 */
import type { Owner } from "@fermata/engine/Runs"
import { hostname } from "node:os"

/** A process by what people know of it. */
export const ownerName = ({ id, info }: Pick<Owner, "id" | "info">): string => {
  const { host, pid } = info
  if (typeof pid !== "number") return id
  return host === hostname() || typeof host !== "string" ? `pid ${pid}` : `pid ${pid} on ${host}`
}

/** Whether the process is known to be no more: it ran on this machine, and its pid is free. Of others only the lease tells. */
export const isGone = ({ info }: Pick<Owner, "info">): boolean => {
  const { host, pid } = info
  return typeof pid === "number" && host === hostname() && !isRunning(pid)
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
