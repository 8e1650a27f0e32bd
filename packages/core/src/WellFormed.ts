/**
 * Texts that were cut inside a character, kept apart from each other.
 *
 * A JavaScript string may hold half of a character. Encoders to bytes put one
 * and the same sign in the place of every such half, so that different texts
 * become one key, one row, one digest. What is made into bytes goes through
 * here first: different texts stay different, and texts without halves stay
 * what they are.
 */

/** Two code points that stand for no character, so that no text of people begins with them. */
const mark = "\uFDD0\uFDD1"

const halves = /\p{Surrogate}|\uFDD0/gu

/** A text without halves of characters that stands for this one alone. One without halves stands for itself. */
export const encode = (text: string): string =>
  text.isWellFormed() && !text.startsWith(mark)
    ? text
    : mark + text.replace(halves, (half) => half === "\uFDD0" ? "\uFDD0-" : `\uFDD0${half.charCodeAt(0).toString(16)}`)

/** The text that {@link encode} was given. */
export const decode = (text: string): string =>
  text.startsWith(mark)
    ? text.slice(mark.length).replace(/\uFDD0(?:-|([0-9a-f]{4}))/g, (_, half: string | undefined) =>
      half === undefined ? "\uFDD0" : String.fromCharCode(Number.parseInt(half, 16)))
    : text

/** As `encodeURIComponent`, for every text: half of a character has three bytes, as others of its range have. */
export const encodeUri = (text: string): string =>
  text.isWellFormed()
    ? encodeURIComponent(text)
    : text.replace(/\p{Surrogate}|\P{Surrogate}+/gu, (part) => {
      const code = part.charCodeAt(0)
      return part.length > 1 || part.isWellFormed()
        ? encodeURIComponent(part)
        : `%ED%${(0x80 | (code >> 6 & 0x3f)).toString(16).toUpperCase()}%${
          (0x80 | (code & 0x3f)).toString(16).toUpperCase()
        }`
    })
