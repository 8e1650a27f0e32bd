/**
 * The files below a folder of a workspace, in the order of their names: not what
 * is hidden, nor what `.gitignore` leaves out, nor where links lead.
 */
import ignore, { type Ignore } from "ignore"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"

/** Files that are looked at, at most. */
export const mostFiles = 200_000

export interface Walked {
  /** From the root of the workspace on, with slashes, in the order of their letters. */
  readonly names: ReadonlyArray<string>
  /** There are more than `mostFiles`. */
  readonly isPart: boolean
}

/** The files at or below `start`, which is a name from the root on; the root itself is "". */
export const walk = (root: string, start: string, isHidden: (name: string) => boolean): Walked => {
  const stats = statSync(join(root, start), { throwIfNoEntry: false })
  if (stats === undefined) throw new Error("there is no such file or folder")
  if (stats.isFile()) return { names: isHidden(start) ? [] : [start], isPart: false }
  const names: Array<string> = []
  const folders: Array<Folder> = [{ name: start, rules: rulesAbove(root, start) }]
  while (folders.length > 0) {
    const { name, rules } = folders.pop()!
    const here = [...rules, ...rulesIn(root, name)]
    for (const entry of entriesOf(join(root, name))) {
      const child = name === "" ? entry.name : `${name}/${entry.name}`
      const isFolder = entry.isDirectory()
      if (!isFolder && !entry.isFile()) continue
      if ((isFolder && entry.name === ".git") || isHidden(child) || isLeftOut(here, child, isFolder)) continue
      // Rules that an inner file overruled for a folder would find all that is in it left out.
      if (isFolder) folders.push({ name: child, rules: here.filter((rules) => !isLeftOut([rules], child, true)) })
      else if (names.push(child) > mostFiles) return { names: names.slice(0, -1).sort(), isPart: true }
    }
  }
  return { names: names.sort(), isPart: false }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Folder {
  readonly name: string
  readonly rules: ReadonlyArray<Rules>
}

/** What one `.gitignore` says of what lies below its folder. */
interface Rules {
  readonly prefix: string
  readonly ignore: Ignore
}

/** A folder that cannot be read has nothing in it. */
const entriesOf = (folder: string) => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

const largest = 1_000_000

const rulesIn = (root: string, name: string): ReadonlyArray<Rules> => {
  const file = join(root, name, ".gitignore")
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isFile() || stats.size > largest) return []
  return [{
    prefix: name === "" ? "" : `${name}/`,
    ignore: ignore({ ignorecase: false, allowRelativePaths: true }).add(readFileSync(file, "utf8"))
  }]
}

/** What is said above a folder; nothing of it counts where the folder itself is left out, since whoever names that means it. */
const rulesAbove = (root: string, start: string): ReadonlyArray<Rules> => {
  if (start === "") return []
  const parts = start.split("/")
  const rules: Array<Rules> = []
  for (let depth = 0; depth < parts.length; depth++) {
    rules.push(...rulesIn(root, parts.slice(0, depth).join("/")))
    if (isLeftOut(rules, parts.slice(0, depth + 1).join("/"), true)) return []
  }
  return rules
}

/** The innermost file that says anything of it decides. */
const isLeftOut = (rules: ReadonlyArray<Rules>, name: string, isFolder: boolean): boolean => {
  for (const { ignore, prefix } of rules.toReversed()) {
    const { ignored, unignored } = ignore.test(name.slice(prefix.length) + (isFolder ? "/" : ""))
    if (ignored) return true
    if (unignored) return false
  }
  return false
}
