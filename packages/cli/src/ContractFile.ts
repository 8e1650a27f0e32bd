/**
 * Contracts in files: reads them, and tells their mistakes with their places.
 */
import type { Contract } from "@fermata/contracts/Contract"
import type { ContractProblem } from "@fermata/contracts/ContractProblem"
import * as ContractValidation from "@fermata/contracts/ContractValidation"
import { standardKinds } from "@fermata/contracts/StandardKinds"
import type { StepKinds } from "@fermata/contracts/StepKind"
import type { OutputOf } from "@fermata/contracts/StepShape"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { CommandFailed, exitCodes, refused } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { label } from "./ConfigFile.ts"
import type { Globals } from "./Globals.ts"
import { why } from "./JsonOption.ts"
import * as Kinds from "./Kinds.ts"
import * as Words from "./Words.ts"

/** A contract as it stands in a file: its document and what was read from it. */
export interface ContractFile {
  readonly file: string
  readonly document: object
  readonly contract: Contract
  /** The kinds of steps that it was read with. */
  readonly kinds: StepKinds
}

/** What a check of a file found. */
export interface CheckedFile {
  readonly file: string
  readonly document?: unknown
  /** There when there are no problems. */
  readonly contract?: Contract
  readonly problems: ReadonlyArray<ContractProblem>
  readonly kinds: StepKinds
}

/** Where the kinds of a configuration come from: those that are at hand, or the configuration that is named, or the nearest to the file. */
export type Reading = StepKinds | Pick<Globals, "config">

/** Reads and checks a file. Every mistake is told at once. */
export const readContract = (file: string, reading: Reading): Effect.Effect<ContractFile, CommandFailed> =>
  Effect.flatMap(checkContract(file, reading), ({ contract, document, kinds, problems }) =>
    contract === undefined
      ? Effect.fail(invalid(file, problems))
      : Effect.succeed({ file, document: document as object, contract, kinds }))

/**
 * Checks a file. Fails only when it cannot be read. A configuration is loaded
 * only where the contract uses a kind of steps that is none of the standard ones,
 * so that no mistake in it stands in the way of other contracts.
 */
export const checkContract = (
  file: string,
  reading: Reading,
  outputOf?: OutputOf
): Effect.Effect<CheckedFile, CommandFailed> =>
  Effect.gen(function*() {
    const text = yield* readText(file)
    const check = (kinds: StepKinds) => ({ file, kinds, ...ContractValidation.checkText(text, kinds, outputOf) })
    if (isList(reading)) return check(reading)
    const checked = check(standardKinds)
    if (checked.problems.every(({ code }) => code !== "unknown-kind")) return checked
    const { config } = yield* Config.load(reading.config, [dirname(resolve(file)), process.cwd()])
    return (config.kinds ?? []).length === 0 ? checked : check(Kinds.of(config))
  })

/** The text of a file. */
export const readText = (file: string): Effect.Effect<string, CommandFailed> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) => refused("FileUnreadable", `The contract ${fileLabel(file)} cannot be read: ${why(cause)}`)
  })

/** A file as people see it from here. */
export const fileLabel: (file: string) => string = label

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

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isList = (reading: Reading): reading is StepKinds => Array.isArray(reading)
