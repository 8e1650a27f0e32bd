/**
 * Where a function is written, asked of the platform when somebody must be told
 * and never before, so that what is registered costs nothing.
 */

/** `src/purchase.ts:12`, from the working directory where the file is in it; undefined where the platform does not tell, and for a function of a dependency or of the engine's own. */
export const writtenAt = (made: (...args: never) => unknown): string | undefined => {
  const place = locate(made)
  if (place === undefined) return undefined
  const file = decodeURI(place.file.replace(/^file:\/\//, ""))
  return /\/node_modules\//.test(file) || file.startsWith(own)
    ? undefined
    : `${fromWorkingDirectory(file)}:${place.line}`
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Place {
  readonly file: string
  /** From 1. */
  readonly line: number
}

interface InternalProperty {
  readonly name: string
  readonly value?: { readonly value?: { readonly scriptId: string; readonly lineNumber: number } }
}

/** What is used of Node. */
interface Session {
  connect(): void
  disconnect(): void
  on(
    event: "Debugger.scriptParsed",
    hear: (message: { readonly params: { readonly scriptId: string; readonly url: string } }) => void
  ): void
  post(method: "Debugger.enable"): void
  post(
    method: "Runtime.evaluate",
    params: { readonly expression: string },
    answer: (error: unknown, result: { readonly result: { readonly objectId: string } }) => void
  ): void
  post(
    method: "Runtime.getProperties",
    params: { readonly objectId: string; readonly ownProperties: boolean },
    answer: (error: unknown, result: { readonly internalProperties?: ReadonlyArray<InternalProperty> }) => void
  ): void
}
interface NodeProcess {
  cwd(): string
  getBuiltinModule?(name: "node:inspector"): { readonly Session: new() => Session } | undefined
}

const node = (globalThis as { readonly process?: NodeProcess }).process
const key = Symbol.for("@fermata/engine/WrittenAt")
const own = decodeURI(new URL("../", import.meta.url).pathname)

/** V8 knows; it answers its inspector at once, in this thread. */
const locate = (made: unknown): Place | undefined => {
  const shared = globalThis as { [key]?: unknown }
  try {
    const Session = node?.getBuiltinModule?.("node:inspector")?.Session
    if (Session === undefined) return undefined
    const session = new Session()
    session.connect()
    try {
      const files = new Map<string, string>()
      session.on("Debugger.scriptParsed", ({ params }) => files.set(params.scriptId, params.url))
      session.post("Debugger.enable")
      shared[key] = made
      let place: Place | undefined
      session.post(
        "Runtime.evaluate",
        { expression: `globalThis[Symbol.for("${key.description}")]` },
        (_, { result }) =>
          session.post("Runtime.getProperties", { objectId: result.objectId, ownProperties: true }, (_, found) => {
            const { value } = found.internalProperties?.find(({ name }) => name === "[[FunctionLocation]]")?.value ?? {}
            const file = value === undefined ? undefined : files.get(value.scriptId)
            if (value !== undefined && file !== undefined && file !== "") place = { file, line: value.lineNumber + 1 }
          })
      )
      return place
    } finally {
      delete shared[key]
      session.disconnect()
    }
  } catch {
    // A process that may not look into itself (Node's permissions) leaves the place out of what it says.
    return undefined
  }
}

const fromWorkingDirectory = (file: string): string => {
  const folder = `${node?.cwd() ?? ""}/`
  return file.startsWith(folder) ? file.slice(folder.length) : file
}
