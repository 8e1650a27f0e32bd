/**
 * Contracts in files: reads them, and tells their mistakes with their places.
 */
import type { ContractProblem } from "@fermata/core/contract/ContractProblem"
import * as ContractValidation from "@fermata/engine/contract/ContractValidation"
import type { Contract } from "@fermata/core/contract/Contract"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { relative } from "node:path"
import { CommandFailed, exitCodes, refused } from "./CommandFailed.ts"
import { why } from "./JsonOption.ts"
import * as JsonText from "./JsonText.ts"
import * as Words from "./Words.ts"

/** A contract as it stands in a file: its document and what was read from it. */
export interface ContractFile {
  readonly file: string
  readonly document: object
  readonly contract: Contract
}

/** Reads and checks a file. Every mistake is told at once. */
export const readContract = (file: string): Effect.Effect<ContractFile, CommandFailed> =>
  Effect.gen(function*() {
    const text = yield* readText(file)
    const document = yield* parseContract(file, text)
    const { contract, problems } = ContractValidation.check(document)
    return contract === undefined ? yield* invalid(file, problems) : { file, document: document as object, contract }
  })

/** The problems of a file, none when it is right. Fails only when it cannot be read. */
export const problemsOf = (file: string): Effect.Effect<ReadonlyArray<ContractProblem>, CommandFailed> =>
  Effect.flatMap(readText(file), (text) =>
    Effect.map(Effect.result(parseContract(file, text)), (document) =>
      document._tag === "Failure"
        ? [notJson(text)]
        : ContractValidation.check(document.success).problems))

/** The text of a file. */
export const readText = (file: string): Effect.Effect<string, CommandFailed> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) => refused("FileUnreadable", `The contract ${fileLabel(file)} cannot be read: ${why(cause)}`)
  })

/** The JSON of a file. */
export const parseContract = (file: string, text: string): Effect.Effect<unknown, CommandFailed> =>
  Effect.suspend(() => {
    const parsed = JsonText.parse(text)
    if (parsed._tag === "Json") return Effect.succeed(parsed.value)
    return Effect.fail(invalid(file, [notJson(text)]))
  })

/** A file as people see it from here. */
export const fileLabel = (file: string): string => {
  const path = relative(process.cwd(), file)
  return path === "" || path.startsWith("..") ? file : path
}

/** One line for a mistake: where, what was found, what is expected. */
export const problemLine = (file: string, { message, position }: ContractProblem): string =>
  `${fileLabel(file)}: ${message}${position === undefined || message.includes(`character ${position}`) ? "" : ` (at character ${position} of the text)`}`

/** What is said about an invalid file. */
export const invalid = (file: string, problems: ReadonlyArray<ContractProblem>): CommandFailed =>
  new CommandFailed({
    exitCode: exitCodes.refused,
    code: "ContractInvalid",
    message: `The contract ${fileLabel(file)} has ${Words.count(problems.length, "problem")}; nothing was stored`,
    details: problems.map((problem) => problemLine(file, problem)),
    fields: { file, problems }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const notJson = (text: string): ContractProblem => {
  const parsed = JsonText.parse(text)
  const place = parsed._tag === "Json" ? "" : `: ${parsed.problem} at line ${parsed.line}, column ${parsed.column}`
  return {
    path: "",
    code: "not-json",
    expected: "a JSON text",
    ...(parsed._tag === "Json" ? {} : { position: parsed.offset }),
    message: `the document is not JSON${place}`
  }
}
