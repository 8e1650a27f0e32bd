/**
 * What a run waits for, as a column of its row. Most runs wait for one thing, and
 * its reason is a column already: of `[{"reason":"signal","key":"go"}]` there is
 * `"key":"go"`. Any other text stands as it is, behind a mark where it would be
 * taken for a short one.
 */

/** The text of the column. */
export const shorten = (reason: string | null, waits: string | null): string | null => {
  if (waits === null || reason === null) return waits
  const before = `[{"reason":"${reason}",`
  if (waits.startsWith(before) && waits.endsWith("}]")) {
    const rest = waits.slice(before.length, -2)
    if (rest.startsWith("\"") && !rest.includes("{") && !rest.includes("}")) return rest
  }
  return waits.startsWith("\"") || waits.startsWith(mark) ? mark + waits : waits
}

/** What it stands for. */
export const lengthen = (reason: string | null, text: string | null): string | null => {
  if (text === null || reason === null) return text
  if (text.startsWith(mark)) return text.slice(mark.length)
  return text.startsWith("\"") ? `[{"reason":"${reason}",${text}}]` : text
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const mark = "="
