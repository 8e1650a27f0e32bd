/** Bookmarks in a memory store. */
import type { Answers, BookmarkOp } from "../Backend.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"

export const take = (
  changes: MemoryChanges,
  { holder, move, name, now, until }: BookmarkOp
): Answers["bookmark"] => {
  const { bookmarks, owners } = changes.store
  const known = bookmarks.get(name)
  const at = known?.position ?? null
  if (known !== undefined && known.holder !== holder && known.until > now && owners.has(known.holder)) {
    return { held: false, position: at, until: known.until }
  }
  const position = move !== undefined && move.from === at ? move.to : at
  changes.put(bookmarks, name, { position, holder, until })
  return { held: true, position, until }
}
