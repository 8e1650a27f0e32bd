/**
 * The folder that an agent works in. Nothing outside of it is reached: not by `..`,
 * an absolute path, or a link; devices, pipes and sockets are no files; some files
 * are hidden from agents, and some are only read. What the policy of an agent denies
 * to be read is read by none of its tools (`AgentTool.CurrentUnreadable`).
 *
 * What a path means is settled by the real place of what it names, and a file that
 * is open is where it was looked for: on Linux that is asked of the kernel.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { constants, type Dirent } from "node:fs"
import { type FileHandle, lstat, mkdir, open, readdir, readlink, realpath, rename, rm } from "node:fs/promises"
import { basename, dirname, join, relative, resolve, sep } from "node:path"
import { anchored, guarding } from "./internal/NamePatterns.ts"
import { Pace } from "./internal/Pace.ts"

/** A path that was not taken, with why: nothing was read or written. */
export class WorkspaceRefused extends Schema.TaggedError<WorkspaceRefused>()("WorkspaceRefused", {
  /** As it was given. */
  path: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.problem}`
  }
}

/** What a workspace is. Patterns are those of ignore files: a name without a slash is meant wherever it lies. */
export interface Options {
  /** The folder; it must be there. */
  readonly root: string
  /** Nothing is written. */
  readonly readOnly?: boolean
  /** Files that are neither read nor written, instead of `hiddenFiles`. */
  readonly hidden?: ReadonlyArray<string>
  /** Files that are read and not written, instead of `protectedFiles`. */
  readonly protect?: ReadonlyArray<string>
  /** Largest file that is read or written, in bytes; 20 MB by default. */
  readonly maxBytes?: number
}

/** What is hidden from agents by default: where people keep what lets them in. */
export const hiddenFiles: ReadonlyArray<string> = [
  ".env",
  ".env.!(example|sample|template)",
  ".netrc",
  ".npmrc",
  ".pypirc",
  ".git-credentials",
  "*.pem",
  "id_{rsa,dsa,ecdsa,ed25519}",
  ".fermata/**",
  ".ssh/**",
  ".aws/**"
]

/** What agents do not write by default: what others carry out, or go by, when the agent is done. */
export const protectedFiles: ReadonlyArray<string> = [
  "**/.git/**",
  ".git",
  "**/.husky/**",
  "fermata.config.*",
  ".envrc",
  ".mcp.json",
  "**/.{vscode,idea,devcontainer,claude,cursor}/**"
]

/** A file of a workspace. */
export interface Place {
  /** From the root on, with slashes. */
  readonly name: string
  /** Where it really is. */
  readonly real: string
}

/** A file that was read. */
export interface Content extends Place {
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly digest: string
}

/** The real places of what is hidden from agents, and of what they only read; a folder stands for all that is in it. */
export interface Guarded {
  readonly hidden: ReadonlyArray<string>
  readonly protect: ReadonlyArray<string>
  /** Folders that are repositories of Git. */
  readonly repositories: ReadonlyArray<string>
}

/** The folder that an agent works in. */
export class Workspace extends Context.Service<Workspace, {
  /** Its real place. */
  readonly root: string
  readonly maxBytes: number
  /** The patterns of what is hidden. */
  readonly hidden: ReadonlyArray<string>
  /** Nothing is written. */
  readonly readOnly: boolean
  /** What is to be kept from whoever sees the folder itself, such as a command. */
  readonly guarded: Effect.Effect<Guarded, WorkspaceRefused>
  /** Where a path leads; to a file that need not be there. */
  readonly locate: (path: string, purpose: "read" | "write") => Effect.Effect<Place, WorkspaceRefused>
  /** Reads a file. */
  readonly read: (path: string) => Effect.Effect<Content, WorkspaceRefused>
  /** As `read`; undefined where there is no such file yet and one could be written. */
  readonly find: (path: string) => Effect.Effect<Content | undefined, WorkspaceRefused>
  /**
   * Puts a file in the place of what is there, with the rights of that, at once:
   * whoever reads sees the one or the other, also after a crash. Nothing is written
   * where the digest of what is there is not `before` (null for no file). With a
   * `key` a second attempt uses what the first one left behind.
   */
  readonly write: (
    path: string,
    bytes: Uint8Array,
    options?: { readonly before?: string | null; readonly key?: string }
  ) => Effect.Effect<Place, WorkspaceRefused>
}>()("@fermata/agent-node/Workspace") {}

/** The workspace at a folder. Fails where that is none. */
export const make = (options: Options): Effect.Effect<Workspace["Service"], WorkspaceRefused> =>
  Effect.gen(function*() {
    const root = yield* attempt(options.root, async () => {
      const real = await realpath(resolve(options.root))
      if (!(await lstat(real)).isDirectory()) throw new Refusal("is not a folder")
      return real
    })
    return new Folder(root, options)
  })

/** As `make`, as a layer. Policies of agents that are given it judge paths from its root on. */
export const layer = (options: Options): Layer.Layer<Workspace, WorkspaceRefused> =>
  Layer.effectContext(Effect.map(
    make(options),
    (workspace) => Context.add(Context.make(Workspace, workspace), AgentTool.CurrentWorkspace, workspace.root)
  ))

/** SHA-256 of bytes, in hexadecimal. */
export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

class Folder {
  readonly root: string
  readonly maxBytes: number
  readonly hidden: ReadonlyArray<string>
  readonly readOnly: boolean
  private readonly isHidden: (name: string) => boolean
  private readonly isProtected: (name: string) => boolean

  constructor(root: string, options: Options) {
    this.root = root
    this.maxBytes = options.maxBytes ?? 20_000_000
    this.readOnly = options.readOnly === true
    this.hidden = options.hidden ?? hiddenFiles
    this.isHidden = guarding(this.hidden)
    this.isProtected = guarding(options.protect ?? protectedFiles)
  }

  readonly guarded: Effect.Effect<Guarded, WorkspaceRefused> = Effect.flatMap(
    isUnreadable,
    (isUnreadable) => attempt(this.root, () => this.guard((name) => this.isHidden(name) || isUnreadable(name)))
  )

  readonly locate = (path: string, purpose: "read" | "write"): Effect.Effect<Place, WorkspaceRefused> =>
    Effect.flatMap(isUnreadable, (isUnreadable) => attempt(path, () => this.place(path, purpose, isUnreadable)))

  readonly read = (path: string): Effect.Effect<Content, WorkspaceRefused> =>
    Effect.flatMap(
      isUnreadable,
      (isUnreadable) => attempt(path, async () => this.contentOf(await this.place(path, "read", isUnreadable)))
    )

  readonly find = (path: string): Effect.Effect<Content | undefined, WorkspaceRefused> =>
    attempt(path, async () => {
      const place = await this.place(path, "write")
      return (await isThere(place.real)) ? this.contentOf(place) : undefined
    })

  readonly write: Workspace["Service"]["write"] = (path, bytes, { before, key } = {}) =>
    // What has begun is brought to its end, so that nothing lies about.
    Effect.uninterruptible(attempt(path, async () => {
      if (bytes.length > this.maxBytes) {
        throw new Refusal(`would have ${bytes.length} bytes, and ${this.maxBytes} is the most`)
      }
      const place = await this.place(path, "write")
      const there = (await isThere(place.real)) ? await this.contentOf(place) : undefined
      if (before !== undefined && (there?.digest ?? null) !== before) {
        throw new Refusal(
          there === undefined ? "is gone since it was looked at" : "has changed since it was looked at: read it again"
        )
      }
      await this.replace(place, bytes, key ?? `${process.pid} ${++drafts}`)
      return place
    }))

  /** Finds what is guarded in the workspace. What a link leads to is guarded by its own name. */
  private async guard(isHidden: (name: string) => boolean): Promise<Guarded> {
    const hidden: Array<string> = []
    const protect: Array<string> = []
    const repositories: Array<string> = []
    const folders = [{ real: this.root, isProtected: false }]
    const pace = new Pace()
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      // One folder after another, and others have their turn meanwhile.
      // oxlint-disable-next-line no-await-in-loop
      for (const entry of await entriesOf(folder.real)) {
        // oxlint-disable-next-line no-await-in-loop
        if (pace.isDue()) await pace.giveWay()
        if (entry.name === ".git") repositories.push(folder.real)
        if (entry.isSymbolicLink()) continue
        const real = join(folder.real, entry.name)
        const name = this.nameOf(real)
        if (isHidden(name)) {
          hidden.push(real)
          continue
        }
        const isOwn = !folder.isProtected && this.isProtected(name)
        if (isOwn) protect.push(real)
        if (entry.isDirectory()) folders.push({ real, isProtected: folder.isProtected || isOwn })
      }
    }
    return { hidden, protect, repositories }
  }

  /** Where a path leads, if it may. */
  private async place(
    path: string,
    purpose: "read" | "write",
    isUnreadable: (name: string) => boolean = () => false
  ): Promise<Place> {
    if (path === "" || path.includes("\0")) throw new Refusal("is no path")
    const wanted = resolve(this.root, path)
    const real = await realOf(wanted)
    if (!this.holds(real)) throw new Refusal("lies outside of the workspace")
    if (devices.some((folder) => real.startsWith(folder))) throw new Refusal("is no file of a workspace")
    const names = [real, wanted].filter((each) => this.holds(each)).map((each) => this.nameOf(each))
    if (names.some(this.isHidden)) throw new Refusal("is hidden from agents")
    if (purpose === "read" && names.some(isUnreadable)) {
      throw new Refusal("is not read: a rule of the policy forbids it")
    }
    if (purpose === "write") {
      if (this.readOnly) throw new Refusal("is not written: the workspace is only read")
      if (names.some(this.isProtected)) throw new Refusal("is protected: agents only read it")
      if (real === this.root) throw new Refusal("is a folder")
      // Policies and people go by the name, and allow what it says.
      if (real !== wanted && this.holds(wanted)) {
        throw new Refusal(`is by a link what is named ${this.nameOf(real)}: write to that`)
      }
    }
    return { name: this.nameOf(real), real }
  }

  private async contentOf(place: Place): Promise<Content> {
    const file = await open(place.real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { size } = await this.fileOf(file)
      if (size > this.maxBytes) throw new Refusal(`has ${size} bytes, and ${this.maxBytes} is the most`)
      const bytes = await whole(file, size)
      return { ...place, bytes, digest: digestOf(bytes) }
    } finally {
      await file.close()
    }
  }

  /** What an open file is, if it is one, and lies where it was looked for. */
  private async fileOf(file: FileHandle): Promise<{ readonly size: number; readonly mode: number }> {
    const stats = await file.stat()
    if (stats.isDirectory()) throw new Refusal("is a folder")
    if (!stats.isFile()) throw new Refusal("is no file, but a device, a pipe or a socket")
    if (process.platform === "linux" && !this.holds(await readlink(`/proc/self/fd/${file.fd}`))) {
      throw new Refusal("lies outside of the workspace")
    }
    return stats
  }

  private async replace({ real }: Place, bytes: Uint8Array, key: string): Promise<void> {
    const folder = dirname(real)
    await mkdir(folder, { recursive: true })
    if (!this.holds(await realpath(folder))) throw new Refusal("lies outside of the workspace")
    const { gid, mode, uid } = await rightsOf(real)
    const draft = join(folder, `.${digestOf(Buffer.from(`${key} ${real}`)).slice(0, 16)}.tmp`)
    await rm(draft, { force: true })
    const file = await open(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600
    )
    try {
      try {
        await this.fileOf(file)
        await file.writeFile(bytes)
        if (uid !== undefined) await chown(file, uid, gid)
        await file.chmod(mode)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(draft, real)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    await sync(folder)
  }

  private holds(real: string): boolean {
    return real === this.root || real.startsWith(this.root.endsWith(sep) ? this.root : this.root + sep)
  }

  private nameOf(real: string): string {
    return relative(this.root, real).split(sep).join("/")
  }
}

/** What the policy of the agent does not let be read. */
const isUnreadable = Effect.map(AgentTool.CurrentUnreadable, anchored)

/** Thrown on the way; told as a `WorkspaceRefused` of the path that was given. */
class Refusal extends Error {}

const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, WorkspaceRefused> =>
  Effect.tryPromise({
    try: work,
    catch: (error) => new WorkspaceRefused({ path, problem: problemOf(error) })
  })

const problemOf = (error: unknown): string => {
  if (error instanceof Refusal) return error.message
  switch (codeOf(error)) {
    case "ENOENT":
      return "there is no such file"
    case "ENOTDIR":
      return "a part of it is no folder"
    case "EISDIR":
      return "is a folder"
    case "EACCES":
    case "EPERM":
      return "this process has no right to it"
    case "ELOOP":
      return "its links lead in a circle"
    case "ENAMETOOLONG":
      return "its name is too long"
    case "ENXIO":
      return "is no file, but a device, a pipe or a socket"
    case "ENOSPC":
    case "EDQUOT":
      return "there is no room left for it"
    default:
      return error instanceof Error ? error.message : String(error)
  }
}

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined

/** The real place of as much of a path as is there, and the names behind it. */
const realOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
    // A link that leads nowhere would be followed by whoever writes there.
    if (await isThere(path)) throw new Refusal("is a link that leads nowhere")
    return join(await realOf(dirname(path)), basename(path))
  }
}

/** All of an open file. It may grow meanwhile, and a read may give less than it was asked for. */
const whole = async (file: FileHandle, size: number): Promise<Uint8Array> => {
  const buffer = new Uint8Array(size + 1)
  const fill = async (length: number): Promise<number> => {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
    return bytesRead === 0 || length + bytesRead === buffer.length ? length + bytesRead : fill(length + bytesRead)
  }
  const length = await fill(0)
  if (length > size) throw new Refusal("grows while it is read: try again")
  return buffer.subarray(0, length)
}

/** What is in a folder; nothing where it is gone by now, or closed to this process and so to whatever it starts. */
const entriesOf = async (folder: string): Promise<ReadonlyArray<Dirent>> => {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) return []
    throw error
  }
}

const isThere = async (path: string): Promise<boolean> => {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false
    throw error
  }
}

interface Rights {
  readonly mode: number
  readonly uid?: number
  readonly gid: number
}

/** The rights of what is there, and whose it is; of a new file those that the process gives its files. Nobody is lent another's rights by what an agent writes. */
const rightsOf = async (real: string): Promise<Rights> => {
  if (!(await isThere(real))) return { mode: 0o666 & ~process.umask(), gid: -1 }
  const stats = await lstat(real)
  if (!stats.isFile()) throw new Refusal(stats.isDirectory() ? "is a folder" : "is no file")
  return { mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid }
}

/** Gives a file to its owner, as far as this process may. */
const chown = async (file: FileHandle, uid: number, gid: number): Promise<void> => {
  const own = await file.stat()
  if (own.uid === uid && own.gid === gid) return
  try {
    await file.chown(uid, gid)
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error
  }
}

/** A name that was changed is there after a power loss once its folder is. */
const sync = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Drafts of writes that have no key, in this process. */
let drafts = 0

const devices = ["/dev/", "/proc/", "/sys/"]
