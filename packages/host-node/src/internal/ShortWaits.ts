/**
 * What a run waits for, as a column of its row. Most runs wait for one thing, and
 * its reason is a column already: of `[{"reason":"timer","key":"timer 1","until":5}]`
 * there is `~timer 1,"until":5`. Any other text stands as it is, behind a mark where
 * it would be taken for a short one. Rows of older builds have the name of the key.
 */

/** The text of the column. */
export const shorten = (reason: string | null, waits: string | null): string | null => {
  if (waits === null || reason === null) return waits
  const before = `[{"reason":"${reason}","key":"`
  if (waits.startsWith(before) && waits.endsWith("}]")) {
    const [, key, rest] = keyAndRest.exec(waits.slice(before.length, -2)) ?? []
    if (key !== undefined) return `~${key}${rest}`
  }
  return looksShort.test(waits) ? mark + waits : waits
}

/** What it stands for. */
export const lengthen = (reason: string | null, text: string | null): string | null => {
  if (text === null || reason === null) return text
  if (text.startsWith(mark)) return text.slice(mark.length)
  if (text.startsWith("\"")) return `[{"reason":"${reason}",${text}}]`
  if (!text.startsWith("~")) return text
  const comma = text.indexOf(",")
  const end = comma < 0 ? text.length : comma
  return `[{"reason":"${reason}","key":"${text.slice(1, end)}"${text.slice(end)}}]`
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const mark = "="
const looksShort = /^["=~]/

/** A key that can be said without its quotes, and the fields behind it. */
const keyAndRest = /^([^"\\,]*)"((?:,"[^{}]*)?)$/
