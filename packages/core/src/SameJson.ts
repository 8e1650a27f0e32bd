/**
 * When two JSON values are the same: whatever the order of the keys, and a
 * member that is `undefined` is one that is not there.
 */

/** Whether two texts that differ stand for the same. */
export type SameText = (a: string, b: string) => boolean

/** Whether two JSON values are equal; with `sameText`, texts count as equal where it says so. */
export const same = (a: unknown, b: unknown, sameText?: SameText): boolean => {
  if (a === b) return true
  if (sameText !== undefined && typeof a === "string" && typeof b === "string") return sameText(a, b)
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index], sameText))
  }
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  let count = 0
  for (const key in left) {
    if (left[key] === undefined) continue
    count++
    if (!same(left[key], right[key], sameText)) return false
  }
  for (const key in right) if (right[key] !== undefined) count--
  return count === 0
}
