/**
 * Opening a SQLite file, and waiting for it without blocking.
 *
 * `node:sqlite` is synchronous. A busy timeout inside SQLite would stop the
 * event loop for as long as another process writes, so there is none: a busy
 * attempt is repeated by a schedule instead.
 */
import * as TimeText from "@fermata/core/TimeText"
import { StorageFailed } from "@fermata/engine/Backend"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { defaultPatience, isBusy, patiently } from "./internal/Busy.ts"
import * as FreePages from "./internal/FreePages.ts"
import { isUnwritable, lacksRoom, problemWith } from "./internal/Problems.ts"
import { migrate, migrations, outdated, refusal, Refused, versionOf } from "./Migrations.ts"

/** Which file is opened, and how safely it is written. Times in ms. */
export interface Options {
  /** Path of the database; the file (mode 0600) and its folder are created. */
  readonly file: string
  /**
   * `FULL` (the default): what was acknowledged survives a power loss.
   * `NORMAL`: it survives a crash of the process, but not always of the machine.
   */
  readonly synchronous?: "FULL" | "NORMAL" | undefined
  /** How long to wait while another process has the database locked; 30 seconds by default. */
  readonly patience?: Duration.Input | undefined
  /**
   * Bytes of the write-ahead log at which writes wait, as on a full disk, until
   * whoever keeps a read transaction open has closed it; 1 GiB by default.
   */
  readonly maxLogBytes?: number | undefined
  /** Opens also a copy of which nobody has said yet that it was put back; see `Backup`. */
  readonly copied?: boolean | undefined
  /** Only reads, so that a database which may not be written is opened all the same. */
  readonly readOnly?: boolean | "untouched" | undefined
}

/** An open database that is migrated and in WAL mode. Closes with its scope. */
export interface Sqlite {
  readonly file: string
  readonly db: DatabaseSync
  /**
   * Runs a synchronous piece of work, again and again while another process has
   * the database locked. Without a lock it completes at once, so that
   * `Effect.runSync` may run it.
   */
  readonly attempt: <A>(operation: string, work: () => A) => Effect.Effect<A, StorageFailed>
}

/** Opens the database, after checking that it is one of ours and of a version that this build knows. */
export const open = (options: Options): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  options.readOnly === true
    ? openToWrite(options).pipe(
      Effect.catchIf(({ cause }) => cause instanceof Copy, () => openForReading(options)),
      Effect.catchIf(isForbidden, () => openToRead(options)),
      Effect.catchIf(isForbidden, (failure) => copyOr(options, migrations, failure))
    )
    : openToWrite(options)

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const openToWrite = (options: Options): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const file = resolve(options.file)
    const attempt = attemptOn(file, options.patience ?? defaultPatience)
    const db = yield* Effect.acquireRelease(
      attempt("open its database", () => {
        mkdirSync(dirname(file), { recursive: true })
        closeSync(openSync(file, "a", 0o600))
        return new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true })
      }),
      (db) => Effect.sync(() => close(db))
    )
    yield* attempt("open its database", () => {
      const problem = refusal(db)
      if (problem !== null) throw new Refused(problem)
      const copiedAt = options.copied === true ? null : copied(db)
      if (copiedAt !== null) throw new Copy(copiedAt)
      // Counts for a new file alone, and before its log.
      FreePages.prepare(db)
      db.exec(FreePages.overwriting)
      const mode = db.prepare("PRAGMA journal_mode = WAL").get()
      if (mode?.["journal_mode"] !== "wal") {
        throw new Refused("it cannot use a write-ahead log there; put it on a local disk")
      }
      db.exec(`PRAGMA synchronous = ${options.synchronous === "NORMAL" ? "NORMAL" : "FULL"}`)
      migrate(db)
    })
    return { file, db, attempt }
  })

/** When the database was made as a copy, ms since the epoch; null for one that is none. */
const copied = (db: DatabaseSync): number | null => {
  const knows = db.prepare("SELECT 1 FROM pragma_table_info('store') WHERE name = 'copied_at'").get() !== undefined
  return (knows ? db.prepare("SELECT copied_at FROM store").get()?.["copied_at"] ?? null : null) as number | null
}

/** What the runs of a copy have done since it was made is in no journal. */
class Copy extends Refused {
  constructor(at: number) {
    super(
      `it is a backup of ${TimeText.time(at)}, and what its runs have done since is in no journal; `
        + "once it was put back for good, an operator has to say so (doctor --restored)"
    )
  }
}

/** Leaves no trace: without a log the file is all there is, and nothing need be made beside it. */
const openToRead = (options: Options): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const file = resolve(options.file)
    const attempt = attemptOn(file, options.patience ?? defaultPatience)
    const db = yield* Effect.acquireRelease(
      attempt("open its database", () => {
        if (isLogged(file)) return new DatabaseSync(file, { readOnly: true, timeout: 0 })
        return new DatabaseSync(new URL(`${pathToFileURL(file).href}?immutable=1`), { readOnly: true, timeout: 0 })
      }),
      (db) => Effect.sync(() => db.close())
    )
    yield* attempt("open its database", () => {
      const problem = refusal(db) ?? outdated(db)
      if (problem !== null) throw new Refused(problem)
    })
    return { file, db, attempt }
  })

/** Whether it is the place that lets nothing be written, and the file may be readable all the same. */
const isForbidden = ({ cause }: StorageFailed): boolean => isUnwritable(cause) || lacksRoom(cause)

/** A file that is not there has no copy. */
const copyOr = (options: Options, known: ReadonlyArray<string>, failure: StorageFailed) =>
  existsSync(options.file) ? openCopy(options, known) : Effect.fail(failure)

/**
 * Reads what is there from a copy that goes with the scope: the last resort,
 * where SQLite can make nothing beside the file, and a log was left behind that
 * cannot be read without.
 */
const openCopy = (options: Options, known: ReadonlyArray<string>): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const file = resolve(options.file)
    const attempt = attemptOn(file, options.patience ?? defaultPatience)
    const folder = yield* temporaryFolder
    const copy = join(folder, "copy.db")
    const db = yield* Effect.acquireRelease(
      attempt("copy its database", () => {
        for (const end of ["-wal", ""]) {
          if (existsSync(file + end)) writeFileSync(copy + end, readFileSync(file + end), { mode: 0o600 })
        }
        return new DatabaseSync(copy, { timeout: 0, enableForeignKeyConstraints: true })
      }),
      (db) => Effect.sync(() => db.close())
    )
    yield* attempt("open its database", () => {
      const problem = refusal(db, known)
      if (problem !== null) throw new Refused(problem)
      migrate(db, known)
    })
    return { file, db, attempt }
  })

const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Whether there is more than the file: others have it open, or have left a log behind. */
const isLogged = (file: string): boolean => {
  const log = `${file}-wal`
  return existsSync(log) && (statSync(log).size > 0 || existsSync(`${file}-shm`))
}

/**
 * Opens the database for reading: nothing of it changes, and other processes may
 * go on with it. One of an older version is read as it will be once this build
 * has migrated it, from a copy that is deleted with the scope.
 */
export const openForReading = (
  options: Omit<Options, "synchronous">,
  known: ReadonlyArray<string> = migrations
): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  Effect.catchIf(openInPlace(options, known), isForbidden, (failure) => copyOr(options, known, failure))

const openInPlace = (
  options: Omit<Options, "synchronous">,
  known: ReadonlyArray<string>
): Effect.Effect<Sqlite, StorageFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const file = resolve(options.file)
    const attempt = attemptOn(file, options.patience ?? defaultPatience)
    const reader = (path: string) =>
      Effect.acquireRelease(
        attempt("open its database", () => new DatabaseSync(path, { readOnly: true, timeout: 0 })),
        (db) => Effect.sync(() => db.close())
      )
    const db = yield* reader(file)
    const isCurrent = yield* attempt("open its database", () => {
      const problem = refusal(db, known)
      if (problem !== null) throw new Refused(problem)
      return versionOf(db) === known.length
    })
    if (isCurrent) return { file, db, attempt }
    const copy = join(yield* temporaryFolder, "copy.db")
    yield* attempt("copy its database", () => {
      db.prepare("VACUUM INTO ?").run(copy)
      const copied = new DatabaseSync(copy)
      migrate(copied, known)
      copied.close()
    })
    return { file, db: yield* reader(copy), attempt }
  })

const close = (db: DatabaseSync): void => {
  try {
    db.exec("PRAGMA wal_checkpoint(PASSIVE)")
  } catch {
    // The log stays beside the database and is read at the next open.
  }
  db.close()
}

const attemptOn = (file: string, patience: Duration.Input): Sqlite["attempt"] => (operation, work) =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(work())
    } catch (cause) {
      return isBusy(cause)
        ? Effect.mapError(
          patiently(Effect.try({ try: work, catch: (cause) => cause }), isBusy, patience),
          (cause) => failed(file, operation, cause)
        )
        : Effect.fail(failed(file, operation, cause))
    }
  })

const failed = (file: string, operation: string, cause: unknown): StorageFailed =>
  new StorageFailed({
    operation,
    problem: problemWith(cause, file),
    ...(lacksRoom(cause) ? { noRoom: true } : {}),
    cause
  })
