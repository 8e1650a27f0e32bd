/** Paths as rules see them: by their text alone, beginning at the workspace, or with a slash outside of it. */

/** A path without `.`, `..` and doubled slashes. One that leaves a workspace of which nobody knows where it is has its place outside, and is told from all others by the `..` behind its first slash. */
export const placed = (path: string, workspace: string | undefined): string => {
  const whole = normal(path)
  const root = workspace === undefined ? undefined : normal(workspace)
  if (whole.startsWith("/")) {
    if (root === undefined) return whole
    return whole === root ? "." : whole.startsWith(`${root}/`) ? whole.slice(root.length + 1) : whole
  }
  if (whole !== ".." && !whole.startsWith("../")) return whole
  // Back into the workspace by its own name is inside again.
  return root === undefined ? `/${whole}` : placed(`${root}/${whole}`, root)
}

/** Where a path that was placed may lie at worst, for what forbids: anywhere, where nobody knows how far up `..` leads. */
export const atWorst = (path: string): string => path.replace(/^\/(\.\.(\/|$))+/, "/")

/** Whether a file can be there at all: no system takes longer paths, nor longer names in them, and nobody has so many folders in each other. */
export const canBe = (path: string): boolean => {
  if (path.length > longestPath) return false
  const parts = path.split("/")
  return parts.length <= mostParts && parts.every(({ length }) => length <= longestName)
}

/** Whether a path that was placed lies in the workspace. */
export const isInside = (path: string): boolean => !path.startsWith("/") && !path.startsWith("~")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters; each is a byte at least, of which Linux takes this many. */
const longestPath = 4_096
const longestName = 255
const mostParts = 128

const normal = (path: string): string => {
  const isAbsolute = path.startsWith("/")
  const parts: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (!isAbsolute) parts.push("..")
  }
  const joined = parts.join("/")
  return isAbsolute ? `/${joined}` : joined === "" ? "." : joined
}
