/**
 * Numbers as people write them, and what JavaScript makes of them.
 *
 * A number of JavaScript has 53 bits for its digits. Of most decimal numbers
 * the last digits are rounded, which everybody expects; but the id of a ticket
 * becomes that of another, and `1e400` no number at all.
 */

/** What would become of the number without a word, and what to do about it; undefined where it stays what it is. */
export const problemOf = (source: string): string | undefined => {
  // Fifteen digits always keep.
  if (source.length <= 15 && !/e/i.test(source)) return undefined
  const value = Number(source)
  const quoted = `quote it: ${brief(`"${source}"`)}`
  if (!Number.isFinite(value)) return `the number ${brief(source)} is too large; ${quoted}`
  const wanted = digitsOf(source)
  if (value === 0) return wanted.digits === "" ? undefined : `the number ${brief(source)} would become 0; ${quoted}`
  if (Math.abs(value) < largest) return undefined
  const kept = digitsOf(String(value))
  if (kept.digits !== wanted.digits || kept.exponent !== wanted.exponent) {
    return `the number ${brief(source)} would become ${value}; ${quoted}`
  }
  return /^-?\d+$/.test(source) && Math.abs(value) > largest
    ? `the number ${brief(source)} is beyond 2^53, where whole numbers change without a word; ${quoted}`
    : undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** From here on not every whole number is one of JavaScript. */
const largest = 2 ** 53

const brief = (text: string): string => text.length > 40 ? `${text.slice(0, 24)}…${text.slice(-8)}` : text

/** The significant digits of a number, and the power of ten that belongs to the last of them. */
const digitsOf = (source: string): { readonly digits: string; readonly exponent: number } => {
  const [mantissa = "", power = "0"] = source.replace(/^-/, "").toLowerCase().split("e")
  const [whole = "", fraction = ""] = mantissa.split(".")
  const all = `${whole}${fraction}`.replace(/^0+/, "")
  const digits = all.replace(/0+$/, "")
  return { digits, exponent: digits === "" ? 0 : Number(power) - fraction.length + all.length - digits.length }
}
