/** Paths as rules see them: by their text alone, beginning at the workspace, or with a slash outside of it. */

/** A path without `.`, `..` and doubled slashes. One that leaves the workspace by `..` has its place outside, whatever that is. */
export const placed = (path: string, workspace: string | undefined): string => {
  const whole = normal(path)
  const root = workspace === undefined ? undefined : normal(workspace)
  if (whole.startsWith("/")) {
    if (root === undefined) return whole
    return whole === root ? "." : whole.startsWith(`${root}/`) ? whole.slice(root.length + 1) : whole
  }
  if (whole !== ".." && !whole.startsWith("../")) return whole
  // Back into the workspace by its own name is inside again.
  return root === undefined ? whole.replace(/^(\.\.(\/|$))+/, "/") : placed(`${root}/${whole}`, root)
}

/** Whether a path that was placed lies in the workspace. */
export const isInside = (path: string): boolean => !path.startsWith("/") && !path.startsWith("~")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

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
