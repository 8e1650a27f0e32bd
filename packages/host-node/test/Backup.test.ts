import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Backup from "../src/Backup.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

it.live("S2: a database that nobody has open is copied without a write to it, whether it gives pages back or not", () =>
  Effect.gen(function*() {
    const folder = yield* TempFolder.make
    const db = join(folder, "fermata.db")
    yield* Effect.scoped(SqliteBackend.make({ file: db }))
    const modeOf = (file: string) => {
      const open = new DatabaseSync(file, { readOnly: true })
      const { auto_vacuum } = open.prepare("PRAGMA auto_vacuum").get()!
      open.close()
      return auto_vacuum
    }
    assert.strictEqual(modeOf(db), 2)
    const first = join(folder, "first.db")
    yield* Backup.make(db, first)
    assert.strictEqual(modeOf(first), 2)
    // As builds made it that kept free pages.
    const older = new DatabaseSync(db)
    older.exec("PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = DELETE; VACUUM; PRAGMA journal_mode = WAL")
    older.close()
    assert.strictEqual(modeOf(db), 0)
    const second = join(folder, "second.db")
    yield* Backup.make(db, second)
    assert.strictEqual(modeOf(second), 2)
    assert.strictEqual(modeOf(db), 0)
  }).pipe(Effect.scoped))
