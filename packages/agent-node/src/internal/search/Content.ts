/** The text of a file of a workspace, as a search reads it. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs"
import { join, sep } from "node:path"
import * as Text from "../Text.ts"

/** The text; undefined where it is gone, no text in UTF-8, too large, or not where it was found. */
export const read = (root: string, name: string, maxBytes: number): string | undefined => {
  let file: number | undefined
  try {
    file = openSync(join(root, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = fstatSync(file)
    if (!stats.isFile() || stats.size > maxBytes) return undefined
    // A folder on the way may have become a link since.
    if (process.platform === "linux" && !readlinkSync(`/proc/self/fd/${file}`).startsWith(inside(root))) {
      return undefined
    }
    return Text.read(readFileSync(file))?.replace(/^\uFEFF/, "")
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const inside = (root: string): string => root.endsWith(sep) ? root : root + sep
