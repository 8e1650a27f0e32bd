/**
 * Copies of a database that are consistent although processes work on it, and
 * what makes of a copy the database that is worked on.
 *
 * A copy says that it is one, and when it was made. Nobody works on it until an
 * operator has said that it was put back: what its runs have done since is in no
 * journal.
 */
import { type OwnerRow, StorageFailed } from "@fermata/engine/Backend"
import { HostClock } from "@fermata/engine/HostClock"
import * as Restoration from "@fermata/engine/Restoration"
import { Store } from "@fermata/engine/Store"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as FreePages from "./internal/FreePages.ts"
import { problemWith } from "./internal/Problems.ts"
import { processOf } from "./internal/Processes.ts"
import { refusal, Refused } from "./Migrations.ts"
import * as NodeHost from "./NodeHost.ts"

/** The operation of the failure that says that a process may still work on the database. */
export const taking = "take a backup for its database"

/** What was copied. */
export interface Copied {
  readonly file: string
  readonly bytes: number
  /** When, ms since the epoch. */
  readonly at: number
}

/**
 * Copies the database `db` into a new file (mode 0600) of its own, as it is at
 * one moment, while others go on with it. Blobs, artifacts and what steps said
 * are in the database, so this one file is all there is to keep. Fails with
 * `StorageFailed` for a file that is there already, and leaves none behind that
 * is not whole.
 */
export const make = Effect.fn("Backup.make")(
  function*(db: string, to: string): Effect.fn.Return<Copied, StorageFailed> {
    const file = resolve(to)
    const at = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    return yield* Effect.try({
      try: () => {
        if (existsSync(file)) throw new Refused("there is a file of this name already; choose another")
        if (!existsSync(db)) throw new Refused(`there is no file ${db}`)
        mkdirSync(dirname(file), { recursive: true })
        const unfinished = `${file}.unfinished`
        rmSync(unfinished, { force: true })
        closeSync(openSync(unfinished, "wx", 0o600))
        try {
          copy(resolve(db), unfinished)
          stamp(unfinished, at)
          renameSync(unfinished, file)
        } catch (cause) {
          rmSync(unfinished, { force: true })
          throw cause
        }
        return { file, bytes: statSync(file).size, at }
      },
      catch: (cause) => new StorageFailed({ operation: "back up a database", problem: problemWith(cause, file), cause })
    })
  }
)

/**
 * Says that the database was put back from a backup. Refused while a process
 * may still work on it. See `Restoration`.
 */
export const declareRestored = (
  db: string,
  options: Restoration.Options
): Effect.Effect<Restoration.Declared, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const services = yield* Layer.buildWithScope(NodeHost.layerStore({ db, copied: true }), yield* Effect.scope)
    const now = Context.get(services, HostClock).now()
    const owners = yield* Context.get(services, Store).backend.owners
    const problem = owners.map((owner) => stillThere(owner, now)).find((problem) => problem !== undefined)
    if (problem !== undefined) {
      return yield* new StorageFailed({ operation: taking, problem })
    }
    return yield* Effect.provideContext(Restoration.declare(options), services)
  })

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Why a process may hold the file that was there before, and work on; undefined when it does not. */
const stillThere = ({ expiresAt, id, info }: OwnerRow, now: number): string | undefined => {
  const told = JSON.parse(info) as Readonly<Record<string, unknown>>
  const state = processOf(told)
  const name = typeof told["pid"] === "number" ? `process ${told["pid"]}` : `owner ${id}`
  if (state === "there") return `${name} still runs and may hold the file that was there before; stop it first`
  return state === "unknown" && expiresAt >= now
    ? `${name} may still work on it; stop it, or wait ${Math.ceil((expiresAt - now) / 1_000)} s for its lease to end`
    : undefined
}

const copy = (db: string, to: string): void => {
  const source = new DatabaseSync(db, { readOnly: true, timeout: 5_000 })
  try {
    const problem = refusal(source)
    if (problem !== null) throw new Refused(problem)
    // The copy gives pages back that are free, also where the database was made by a build that did not.
    FreePages.prepare(source)
    source.prepare("VACUUM INTO ?").run(to)
  } finally {
    source.close()
  }
}

/** Says in the copy that it is one. Without a log beside it, the file is whole by itself. */
const stamp = (file: string, at: number): void => {
  const db = new DatabaseSync(file)
  try {
    db.exec("PRAGMA journal_mode = DELETE")
    const columns = db.prepare("SELECT name FROM pragma_table_info('store')").all()
    if (columns.some(({ name }) => name === "copied_at")) db.prepare("UPDATE store SET copied_at = ?").run(at)
    const check = Object.values(db.prepare("PRAGMA integrity_check(1)").get() ?? {})[0]
    if (check !== "ok") throw new Refused(`the database is damaged: ${String(check)}`)
  } finally {
    db.close()
  }
  const handle = openSync(file, "r+")
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
