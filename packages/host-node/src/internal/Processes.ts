/**
 * What can be known of a process on this machine, so that the runs of one that
 * is dead need not wait for the end of its lease.
 *
 * A pid is a name that is given again. With the time at which its process
 * started, the boot of the machine and the namespace that pids are counted in,
 * it is one process for good. Where the system tells these (Linux), what a
 * process says of itself can be compared; elsewhere nothing is known.
 */
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

/** This process, for people and for {@link processOf}. */
export const self = (): Readonly<Record<string, string | number>> => ({
  pid: process.pid,
  host: hostname(),
  ...(place === undefined ? {} : { place }),
  ...(startedAt === undefined ? {} : { started: startedAt })
})

/** What became of the process that was once described by `self`. */
export const processOf = (info: Readonly<Record<string, unknown>>): "gone" | "there" | "unknown" => {
  const { pid, started } = info
  if (place === undefined || info["place"] !== place || typeof pid !== "number" || typeof started !== "number") {
    return "unknown"
  }
  if (!isTaken(pid)) return "gone"
  const now = statOf(pid)
  if (now === undefined) return "unknown"
  return now.started === started && !now.isOver ? "there" : "gone"
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const tryTo = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** The boot of this machine and its namespace of pids. Two containers may have one name, and pids of their own. */
const place = tryTo(() =>
  `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`
)

/** Whether some process has the pid. */
const isTaken = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH")
  }
}

/** When a process started, in ticks since the boot, and whether only its exit code is left of it. */
const statOf = (pid: number): { readonly started: number; readonly isOver: boolean } | undefined =>
  tryTo(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name of the command stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { started: Number(fields[19]), isOver: fields[0] === "Z" || fields[0] === "X" }
  })

const startedAt = statOf(process.pid)?.started
