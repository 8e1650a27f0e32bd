/** The processes below one, and what they take, as Linux tells it. Elsewhere there is nothing to be seen. */
import { readdirSync, readFileSync } from "node:fs"

/** A process below another. */
export interface Below {
  readonly pid: number
  /** Memory that it holds, in bytes. */
  readonly memory: number
}

/** All processes below one, without itself, parents first. */
export const below = (pid: number): ReadonlyArray<Below> => {
  const children = new Map<number, Array<Below>>()
  for (const { memory, parent, pid: each } of all()) {
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [{ pid: each, memory }])
    else siblings.push({ pid: each, memory })
  }
  const found: Array<Below> = []
  const wanted = [pid]
  for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child)
      wanted.push(child.pid)
    }
  }
  return found
}

/** Kills a process and its group, and all below it. */
export const kill = (pid: number): void => {
  // They are looked for first: when their parent is gone, nobody knows any more whose they were.
  for (const each of below(pid)) end(each.pid)
  killGroup(pid)
  end(pid)
}

/** Kills what is left of a group whose leader is gone. */
export const killGroup = (leader: number): void => end(-leader)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whoever is gone already is no mistake. */
const end = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It is gone.
  }
}

const pageSize = 4_096

const all = (): ReadonlyArray<Below & { readonly parent: number }> =>
  process.platform !== "linux" ? [] : readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const stat = statOf(name)
    // The name of the program stands in parentheses, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return fields.length < 22 ? [] : [{
      pid: Number(name),
      parent: Number(fields[1]),
      memory: Number(fields[21]) * pageSize
    }]
  })

const statOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1")
  } catch {
    return ""
  }
}
