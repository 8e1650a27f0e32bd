/**
 * Glob patterns over names, matched in bounded time.
 */

/**
 * Whether `name` matches `pattern`. With a `separator`, `*` stands for any
 * characters except it and `**` for any characters; without one `*` stands for
 * any characters. Takes time proportional to the product of the two lengths,
 * whatever the pattern.
 */
export const matches = (pattern: string, name: string, separator?: string): boolean => {
  // reachable[j]: the part of the pattern read so far can produce the first j characters of the name.
  let reachable = new Array<boolean>(name.length + 1).fill(false)
  reachable[0] = true
  for (let i = 0; i < pattern.length; i++) {
    const next = new Array<boolean>(name.length + 1).fill(false)
    const star = pattern[i] === "*"
    const any = star && (separator === undefined || pattern[i + 1] === "*")
    for (let j = 0; j <= name.length; j++) {
      next[j] = star
        ? reachable[j] === true || (j > 0 && next[j - 1] === true && (any || name[j - 1] !== separator))
        : j > 0 && reachable[j - 1] === true && name[j - 1] === pattern[i]
    }
    reachable = next
    if (star && pattern[i + 1] === "*") i++
  }
  return reachable[name.length] === true
}
