/**
 * Text as a terminal shows it: what would move the cursor, begin a line, turn
 * the order of what follows, or not be seen at all stands there as an escape.
 */

/** Characters that no reader sees as one: controls, ends of lines, changes of direction, zero-width ones, halves of characters. */
const hidden = "[\\p{Cc}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Bidi_C}\\p{DI}]"

/** Letters of scripts that are written with joiners. */
const joining = `[${
  [
    "Arab",
    "Syrc",
    "Mong",
    "Deva",
    "Beng",
    "Guru",
    "Gujr",
    "Orya",
    "Taml",
    "Telu",
    "Knda",
    "Mlym",
    "Sinh",
    "Khmr",
    "Mymr"
  ]
    .map((script) => `\\p{scx=${script}}`).join("")
}]`

/** Where such characters are a part of one that is seen: emoji, flags of regions, keycaps, forms of ideographs, joiners between letters. */
const seen = [
  "\\u{1F3F4}[\\u{E0020}-\\u{E007E}]{1,8}\\u{E007F}",
  "\\p{ExtPict}[\\p{EMod}\\uFE0E\\uFE0F]?(?:\\u200D\\p{ExtPict}[\\p{EMod}\\uFE0E\\uFE0F]?){0,8}",
  "[0-9#*]\\uFE0F\\u20E3",
  "\\p{Ideo}[\\uFE00-\\uFE0F\\u{E0100}-\\u{E01EF}]",
  `(?<=${joining})[\\u200C\\u200D](?=${joining})`
].join("|")

const suspect = new RegExp(hidden, "u")
const escapable = new RegExp(`${seen}|(?<escaped>${hidden})`, "gu")
const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** Text from outside as a part of one line. Text without hidden characters stays as it is. */
export const shown = (text: string): string =>
  suspect.test(text) ? escaped(text, (character) => short[character] ?? escape(character)) : text

/** The same for a JSON text in which line feeds only separate: it stays the JSON of the same value. */
export const shownJson = (text: string): string =>
  suspect.test(text) ? escaped(text, (character) => character === "\n" ? character : escape(character)) : text

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const escaped = (text: string, escape: (character: string) => string): string =>
  text.replace(escapable, (match, ...more) => {
    const { escaped }: { readonly escaped?: string } = more.at(-1)
    return escaped === undefined ? match : escape(escaped)
  })

/** Every unit of the character as `\uXXXX`. */
const escape = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`
  ).join("")
