/** A part of a text in the place of another. */
import * as Text from "./Text.ts"

/** The text after it, or why there is none. */
export type Replaced = { readonly text: string } | { readonly problem: string }

/**
 * Puts `now` in the place of `old`, which must be there exactly once unless `all` of
 * them are meant. A model is shown no line breaks of two characters: its own stand for
 * whichever the text has there, and what it puts in gets those of what it replaces, or
 * of the text. Nothing else of the text changes. A text of more than `most`
 * characters is not made.
 */
export const of = (text: string, old: string, now: string, all: boolean, most = Infinity): Replaced => {
  if (old === "") return { problem: "old_string is empty: write the file as a whole" }
  if (old === now) return { problem: "old_string and new_string are the same" }
  const found = text.includes(old) || !old.includes("\n") ? placesOf(text, old) : placesOfAnyBreaks(text, old)
  if (found.length === 0) {
    return { problem: "old_string is not in it: it must be there letter by letter, spaces included" }
  }
  const times = found.length > mostPlaces ? `more than ${mostPlaces}` : found.length
  if (found.length > 1 && !all) {
    return { problem: `old_string is in it ${times} times: take more of what stands around it, or set replace_all` }
  }
  if (found.length > mostPlaces) return { problem: `old_string is in it ${times} times: write the file as a whole` }
  const inText = Text.withBreaksOf(text, now)
  const parts: Array<string> = []
  let end = 0
  let length = 0
  for (const { from, to } of found) {
    const part = text.slice(from, to)
    const put = part.includes("\n") ? Text.withBreaksOf(part, now) : inText
    length += from - end + put.length
    if (length > most) return { problem: `would have more than ${most} bytes, which are the most` }
    parts.push(text.slice(end, from), put)
    end = to
  }
  return { text: parts.join("") + text.slice(end) }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Place {
  readonly from: number
  readonly to: number
}

/** Places that are looked for: each takes memory. */
const mostPlaces = 1_000_000

const placesOf = (text: string, old: string): ReadonlyArray<Place> => {
  const places: Array<Place> = []
  for (
    let from = text.indexOf(old);
    from >= 0 && places.length <= mostPlaces;
    from = text.indexOf(old, from + old.length)
  ) {
    places.push({ from, to: from + old.length })
  }
  return places
}

/** The same where every line break stands for every other. */
const placesOfAnyBreaks = (text: string, old: string): ReadonlyArray<Place> => {
  const lines = text.split("\r\n")
  let wide = 0
  // Where in the narrow text the line breaks are that have two characters in the text.
  let at = -1
  const breaks = lines.slice(0, -1).map((line) => at += line.length + 1)
  const before = (offset: number): number => {
    while (wide < breaks.length && breaks[wide]! < offset) wide++
    return offset + wide
  }
  return placesOf(lines.join("\n"), Text.narrow(old)).map(({ from, to }) => ({ from: before(from), to: before(to) }))
}
