/**
 * Options that take JSON: the text itself, `@file`, or `@-` for stdin.
 */
import { renderPath } from "@fermata/contracts/ContractProblem"
import * as JsonText from "@fermata/core/JsonText"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { type CommandFailed, refused } from "./CommandFailed.ts"

/** The value of a JSON option. `option` is its name as typed, such as `--input`. */
export const read = (option: string, text: string): Effect.Effect<unknown, CommandFailed> =>
  text.startsWith("@")
    ? Effect.flatMap(
      readText(option, text.slice(1)),
      (content) => parse(content, `${option}: the file ${text.slice(1)}`)
    )
    : parse(text, option, text)

/** The value of a JSON option that may be absent. */
export const readOptional = (option: string, text: string | undefined): Effect.Effect<unknown, CommandFailed> =>
  text === undefined ? Effect.undefined : read(option, text)

/** The value of an option for words: what is typed, or stands in the file, as it is; what is a string of JSON, in quotes, is what that says. */
export const readWords = (option: string, text: string): Effect.Effect<string, CommandFailed> =>
  Effect.map(text.startsWith("@") ? readText(option, text.slice(1)) : Effect.succeed(text), (words) => {
    const quoted = /^\s*"[^]*"\s*$/.test(words) ? JsonText.parse(words) : undefined
    return quoted?._tag === "Json" && typeof quoted.value === "string" ? quoted.value : words
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const readText = (option: string, file: string): Effect.Effect<string, CommandFailed> =>
  file === "-"
    ? Effect.tryPromise({
      try: readStdin,
      catch: (cause) => refused("FileUnreadable", `${option}: stdin cannot be read: ${String(cause)}`)
    })
    : file === ""
    ? Effect.fail(
      refused(
        "FileUnreadable",
        `${option}: @ must be followed by the name of a file, such as @input.json, or by - for stdin`
      )
    )
    : Effect.tryPromise({
      try: () => readFile(resolve(file), "utf8"),
      catch: (cause) => refused("FileUnreadable", `${option}: the file ${file} cannot be read: ${why(cause)}`)
    })

/** Why a file could not be read or made, in words. */
export const why = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  return code === "ENOENT"
    ? "there is no such file or folder"
    : code === "EISDIR"
    ? "it is a folder"
    : code === "EACCES"
    ? "you have no permission"
    : code === "EROFS"
    ? "the disk is read-only"
    : code === "ENOTDIR" || code === "EEXIST"
    ? "a part of the path is no folder"
    : cause instanceof Error
    ? cause.message
    : String(cause)
}

const readStdin = async (): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

/** What would be lost, and where. */
export const lossText = ({ column, line, path, problem }: JsonText.Loss): string =>
  `${problem} (${path.length === 0 ? "" : `${renderPath(path)}, `}line ${line}, column ${column})`

const parse = (text: string, what: string, typed?: string): Effect.Effect<unknown, CommandFailed> =>
  Effect.suspend(() => {
    const result = JsonText.parse(text)
    if (result._tag === "Json") return Effect.succeed(result.value)
    if (result._tag === "Lossy") {
      const [first, ...more] = result.losses.map(lossText)
      return Effect.fail(refused("InvalidJson", `${what}: ${first}`, more))
    }
    const { column, line, offset, problem } = result
    const shown = typed === undefined
      ? ""
      : `; it was ${JSON.stringify(typed.length > 60 ? `${typed.slice(0, 57)}...` : typed)}`
    const file = typed !== undefined && /^[\w./-]+\.json$/.test(typed) ? `; to read the file write @${typed}` : ""
    return Effect.fail(
      refused(
        "InvalidJson",
        `${what} is not JSON: ${problem} at line ${line}, column ${column} (character ${offset})${shown}${file}`
      )
    )
  })
