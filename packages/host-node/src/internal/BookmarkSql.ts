/** Bookmarks, as SQL. To be called inside a write transaction. */
import type { Answers, BookmarkOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, text, textOrNull } from "./Rows.ts"

/** Takes a bookmark, and moves it. */
export const take = (db: DatabaseSync) => {
  const find = prepare(
    db,
    "SELECT position, holder, until, EXISTS (SELECT 1 FROM owners WHERE id = holder) AS lives FROM bookmarks WHERE name = ?"
  )
  const put = prepare(db, "INSERT OR REPLACE INTO bookmarks (name, position, holder, until) VALUES (?, ?, ?, ?)")
  return ({ holder, move, name, now, until }: BookmarkOp): Answers["bookmark"] => {
    const row = find.get(name)
    const at = row === undefined ? null : textOrNull(row, "position")
    const isHeld = row !== undefined && number(row, "lives") === 1 && number(row, "until") > now
    if (isHeld && text(row, "holder") !== holder) {
      return { held: false, position: at, until: number(row, "until") }
    }
    const position = move !== undefined && move.from === at ? move.to : at
    put.run(name, position, holder, until)
    return { held: true, position, until }
  }
}
