/**
 * What is wrong with a database file: errors of `node:sqlite` and of the file
 * system, for people and for code.
 */

/** SQLite's extended result code, if it was SQLite that failed. */
export const codeOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode : undefined

/** What went wrong, for people. */
export const problemOf = (cause: unknown): string =>
  known(cause)?.problem ?? (cause instanceof Error ? cause.message : String(cause))

/** The same about this file, and what can be done. */
export const problemWith = (cause: unknown, file: string): string => {
  const advice = known(cause)?.advice
  return `${problemOf(cause)} (${file})${advice === undefined ? "" : `; ${advice}`}`
}

/**
 * Whether there was no room for what should be written: nothing of the
 * transaction is stored, and the same is stored once there is some.
 */
export const lacksRoom = (cause: unknown): boolean => isLogFull(cause) || roomless.has(codeOf(cause) ?? NaN)

/** Whether the file may be readable although it was refused for writing. */
export const isUnwritable = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code === undefined
    ? unwritable.has(errnoOf(cause) ?? "")
    : (code & 0xff) === readOnly || (code & 0xff) === cannotOpen
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const readOnly = 8
const full = 13
const cannotOpen = 14
/** A quota, a limit on the size of files, or a disk that fails. */
const writeFailed = 778
/** The file that processes share in memory could not grow. */
const sharedMemoryFull = 4_874

const roomless: ReadonlySet<number> = new Set([full, writeFailed, sharedMemoryFull])
const unwritable: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"])

interface Problem {
  readonly problem: string
  readonly advice?: string
}

const fullDisk: Problem = { problem: "the disk is full", advice: "free some space there" }
const writable = "the file, and the -wal and -shm beside it, must be writable for this user, and so must their folder"
const readOnlyFile: Problem = { problem: "the database is read-only", advice: writable }

const known = (cause: unknown): Problem | undefined => {
  if (isLogFull(cause)) {
    return { problem: cause.message, advice: "close what reads from it; what waits then goes on by itself" }
  }
  const code = codeOf(cause)
  if (code === undefined) return byErrno[errnoOf(cause) ?? ""]
  return byCode[code] ?? byCode[code & 0xff]
}

const isLogFull = (cause: unknown): cause is Error => cause instanceof Error && cause.name === "LogFull"

const errnoOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

/** By SQLite's extended result code, else by its primary one. */
const byCode: Readonly<Record<number, Problem>> = {
  5: { problem: "another process keeps the database locked" },
  6: { problem: "the database is locked" },
  [readOnly]: readOnlyFile,
  10: { problem: "the disk failed to read or write" },
  [writeFailed]: {
    problem: "the disk takes no more",
    advice:
      "free some space there; if it has some, a quota, a limit on the size of files, or the disk itself is at fault"
  },
  [sharedMemoryFull]: fullDisk,
  11: { problem: "the database is damaged", advice: "restore it from a backup" },
  [full]: fullDisk,
  [cannotOpen]: { problem: "the database cannot be opened", advice: writable },
  26: { problem: "the file is not a SQLite database", advice: "choose another file" }
}

const byErrno: Readonly<Record<string, Problem>> = {
  EACCES: readOnlyFile,
  EPERM: readOnlyFile,
  EROFS: readOnlyFile,
  EISDIR: { problem: "it is a folder", advice: "name a file in it" },
  ENOSPC: fullDisk,
  EDQUOT: fullDisk
}
