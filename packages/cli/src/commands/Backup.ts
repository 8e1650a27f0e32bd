import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { fromUnknown, refused } from "../CommandFailed.ts"
import { globals } from "../Globals.ts"
import { document, note } from "../Output.ts"
import * as Sides from "../Sides.ts"

/** `fermata backup` */
export const commandBackup = Command.make("backup", {
  file: Argument.String("file").pipe(Argument.withDescription("The file that is made; there must be none of this name"))
}, ({ file }) =>
  Effect.gen(function*() {
    const { db, json } = yield* globals
    if (existsSync(file)) return yield* refused("FileExists", `there is a file ${file} already; choose another name`)
    if (!existsSync(db)) return yield* refused("DatabaseNotFound", `there is no file ${db}`)
    const { Backup, Words } = yield* Effect.promise(async () => ({
      Backup: await import("@fermata/host-node/Backup"),
      Words: await import("../Words.ts")
    }))
    const copied = yield* Effect.mapError(Backup.make(db, file), fromUnknown)
    if (json) return yield* document(copied)
    yield* note(`${copied.file}, ${Words.bytes(copied.bytes)}: all that ${db} had, while others may go on with it`)
  })).pipe(
    Command.withDescription("Copy the database into one file, as it is at one moment, while processes work on it"),
    Sides.here("copies the file of a database"),
    Command.withExamples([{
      command: "fermata backup backups/monday.db",
      description: "Runs, journals, blobs and artifacts are all in it"
    }])
  )
