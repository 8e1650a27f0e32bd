/** What a step does, in a line for people. Nothing is decided by it, so nothing fails for it. */

/** Most characters of a title; a longer one is cut. */
export const maxLength = 120

/** The title that this gives, in one line; undefined where it throws or gives nothing to show. */
export const of = (give: () => unknown): string | undefined => {
  const given = attempt(give)
  if (typeof given !== "string") return undefined
  // A terminal would obey some of these, and others make a line look like another.
  const line = given.slice(0, 10 * maxLength).replaceAll(unshown, " ").replaceAll(/\s+/g, " ").trim()
  if (line === "") return undefined
  return (line.length > maxLength ? `${line.slice(0, maxLength - 1).trimEnd()}…` : line).replaceAll(halves, "")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Signs for controlling, and those that turn the direction of a text. */
const unshown = /[\p{Cc}\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu
const halves = /\p{Surrogate}/gu

const attempt = (give: () => unknown): unknown => {
  try {
    return give()
  } catch {
    return undefined
  }
}
