/**
 * Contracts in files: reads them, and tells their mistakes with their places.
 */
import type { Contract } from "@fermata/contracts/Contract"
import type { ContractProblem } from "@fermata/contracts/ContractProblem"
import * as ContractValidation from "@fermata/contracts/ContractValidation"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { relative } from "node:path"
import { CommandFailed, exitCodes, refused } from "./CommandFailed.ts"
import { why } from "./JsonOption.ts"
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
    const { contract, document, problems } = ContractValidation.checkText(yield* readText(file))
    return contract === undefined ? yield* invalid(file, problems) : { file, document: document as object, contract }
  })

/** The problems of a file, none when it is right. Fails only when it cannot be read. */
export const problemsOf = (file: string): Effect.Effect<ReadonlyArray<ContractProblem>, CommandFailed> =>
  Effect.map(readText(file), (text) => ContractValidation.checkText(text).problems)

/** The text of a file. */
export const readText = (file: string): Effect.Effect<string, CommandFailed> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) => refused("FileUnreadable", `The contract ${fileLabel(file)} cannot be read: ${why(cause)}`)
  })

/** A file as people see it from here. */
export const fileLabel = (file: string): string => {
  const path = relative(process.cwd(), file)
  return path === "" || path.startsWith("..") ? file : path
}

/** One line for a mistake: where, what was found, what is expected. */
export const problemLine = (file: string, { message, position }: ContractProblem): string =>
  `${fileLabel(file)}: ${message}${
    position === undefined || /(?:character|column) \d/.test(message) ? "" : ` (at character ${position} of the text)`
  }`

/** What is said about an invalid file. */
export const invalid = (file: string, problems: ReadonlyArray<ContractProblem>): CommandFailed =>
  new CommandFailed({
    exitCode: exitCodes.refused,
    code: "ContractInvalid",
    message: `The contract ${fileLabel(file)} has ${Words.count(problems.length, "problem")}; nothing was stored`,
    details: problems.map((problem) => problemLine(file, problem)),
    fields: { file, problems }
  })
