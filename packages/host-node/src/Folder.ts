/**
 * A folder of this machine, as far as it is read: what is in it and below, and
 * nothing that a link leads to elsewhere.
 *
 * @example
 * ```ts
 * const skills = SkillFolder.source(Folder.at("skills"))
 * ```
 */
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import { open, readdir, realpath } from "node:fs/promises"
import { join, resolve, sep } from "node:path"

/** A folder whose texts can be read. Whatever fails says what and where, as text. */
export interface Folder {
  readonly path: string
  /** The names of the folders in it. */
  readonly folders: Effect.Effect<ReadonlyArray<string>, string>
  /** The names of the files in a folder below; none where there is no such folder. */
  readonly files: (below: string) => Effect.Effect<ReadonlyArray<string>, string>
  /** The text of a file below, or so many bytes of its beginning; nothing where there is no such file. */
  readonly read: (file: string, bytes?: number) => Effect.Effect<string | undefined, string>
}

/** The folder at a path, taken from the current folder of the process. It is not looked at before it is read. */
export const at = (path: string): Folder => {
  const root = resolve(path)
  const tried = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({ try: read, catch: (error) => `${root} cannot be read: ${said(error)}` })
  return {
    path: root,
    folders: tried(() => namesIn(root, "folders")),
    files: (below) => tried(async () => await inside(root, below, (found) => namesIn(found, "files")) ?? []),
    read: (file, bytes) => tried(() => inside(root, file, (found) => textOf(found, bytes)))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The most bytes of a text that is read whole. */
const mostBytes = 1024 * 1024

/** Reads what is at a path below; nothing where nothing is there. Where it leads is looked at first, for links lead anywhere. */
const inside = async <A>(root: string, below: string, read: (path: string) => Promise<A>): Promise<A | undefined> => {
  try {
    const home = await realpath(root)
    const found = await realpath(join(home, below))
    if (found !== home && !found.startsWith(home + sep)) throw new Error(`${below} leads out of it`)
    return await read(found)
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}

/** A link in the folder counts as what it leads to, which is looked at when it is read. */
const namesIn = async (path: string, kind: "folders" | "files"): Promise<ReadonlyArray<string>> =>
  (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isSymbolicLink() || (kind === "folders" ? entry.isDirectory() : entry.isFile()))
    .map(({ name }) => name)

const textOf = async (path: string, bytes: number | undefined): Promise<string> => {
  // Whoever opens a pipe waits for its writer, and one of the few threads of the process with it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new Error(`${path} is no file`)
    const { size } = stats
    if (bytes === undefined && size > mostBytes) throw new Error(`${path} has more than ${mostBytes} bytes`)
    const buffer = Buffer.alloc(Math.min(size, bytes ?? mostBytes))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    return buffer.toString("utf8", 0, bytesRead)
  } finally {
    await file.close()
  }
}

const said = (error: unknown): string => error instanceof Error ? error.message : String(error)
