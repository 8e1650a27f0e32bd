/**
 * Where the configuration of a folder is, and whether its text speaks of a
 * server. It imports nothing but Node's own modules: whoever looks at it before
 * the rest is loaded must not wait for that.
 */
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

/** Names under which a configuration is searched, in this order. */
export const fileNames = ["fermata.config.ts", "fermata.config.mts", "fermata.config.js", "fermata.config.mjs"] as const

export const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile()

/** The nearest configuration in this folder or one above. */
export const find = (folder: string): string | undefined => {
  for (let current = resolve(folder);; current = dirname(current)) {
    const found = fileNames.map((name) => join(current, name)).find(isFile)
    if (found !== undefined || dirname(current) === current) return found
  }
}

/** A configuration as people are told of it: from the working directory, unless it is not below that. */
export const label = (file: string): string => {
  const path = relative(process.cwd(), file)
  return path === "" || path.startsWith("..") ? file : path
}

/**
 * Whether a configuration may have a `server`, by its text alone: commands that
 * only look load none, unless it may name the server that they are to ask, or
 * extends one that does. One whose `server` stands elsewhere is refused when it
 * is loaded.
 */
export const mayNameServer = (file: string): boolean => {
  try {
    return /(?<!\.)\b(?:server|extends)\b|\.server\s*=(?!=)/.test(readFileSync(file, "utf8"))
  } catch {
    // Whoever loads it tells that it cannot be read.
    return true
  }
}
