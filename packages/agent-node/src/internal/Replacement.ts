/** A part of a text in the place of another. */

/** The text after it, or why there is none. */
export type Replaced = { readonly text: string } | { readonly problem: string }

/**
 * Puts `now` in the place of `old`, which must be there exactly once unless `all` of
 * them are meant. Where the text has line breaks of two characters and `old` has
 * others, both are taken with those of the text.
 */
export const of = (text: string, old: string, now: string, all: boolean): Replaced => {
  if (old === "") return { problem: "old_string is empty: write the file as a whole" }
  if (old === now) return { problem: "old_string and new_string are the same" }
  if (!text.includes(old) && text.includes("\r\n") && /(^|[^\r])\n/.test(old)) {
    const [wide, wideNow] = [widen(old), widen(now)]
    if (text.includes(wide)) return of(text, wide, wideNow, all)
  }
  const parts = text.split(old)
  const times = parts.length - 1
  if (times === 0) return { problem: "old_string is not in it: it must be there letter by letter, spaces included" }
  if (times > 1 && !all) {
    return { problem: `old_string is in it ${times} times: take more of what stands around it, or set replace_all` }
  }
  return { text: parts.join(now) }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const widen = (text: string): string => text.replace(/\r?\n/g, "\r\n")
