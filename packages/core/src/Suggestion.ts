/**
 * What somebody most likely meant who wrote a name that there is not.
 */

/** The candidate that `found` was most likely meant to be, if any is close enough. */
export const didYouMean = (found: string, candidates: Iterable<string>): string | undefined => {
  let best: string | undefined
  let least = Math.min(3, Math.max(1, Math.floor(found.length / 3))) + 1
  for (const candidate of candidates) {
    const distance = editDistance(found.toLowerCase(), candidate.toLowerCase(), least)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Insertions, deletions, replacements and swaps of neighbours between two texts; gives up at `limit`. */
const editDistance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit || a.length > 128) return limit
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (previous[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1)
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    if (row.every((cost) => cost >= limit)) return limit
    before = previous
    previous = row
  }
  return previous[b.length] ?? limit
}
