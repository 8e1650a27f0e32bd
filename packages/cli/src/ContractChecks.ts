/**
 * Checks several contract files beside each other: what one reads of the output
 * of another that it calls is checked too, as far as that says what it comes to.
 */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractCalls from "@fermata/contracts/ContractCalls"
import * as Effect from "effect/Effect"
import { dirname, resolve } from "node:path"
import type { CommandFailed } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { checkContract, type CheckedFile } from "./ContractFile.ts"
import type { Globals } from "./Globals.ts"
import * as Kinds from "./Kinds.ts"

/** Checks the files, also against the contracts of the configuration where they call some that are not among them. */
export const checkFiles = (
  files: ReadonlyArray<string>,
  globals: Pick<Globals, "config">
): Effect.Effect<ReadonlyArray<CheckedFile>, CommandFailed> =>
  Effect.gen(function*() {
    const checked = yield* Effect.forEach(
      files,
      (file) => Effect.flatMap(checkContract(file, globals), withAgents(globals))
    )
    const calling = checked.filter(callsSomething)
    if (calling.length === 0) return checked
    const given = checked.flatMap(({ contract }) => contract ?? [])
    const isComplete = calling.every(({ contract, kinds }) =>
      ContractCalls.missing(contract!, given.map(({ id, version }) => ({ name: id, version })), kinds).length === 0
    )
    const outputOf = ContractCalls.outputsOf(isComplete ? given : [...given, ...(yield* configured(globals))])
    return yield* Effect.forEach(checked, (one) =>
      callsSomething(one) ? checkContract(one.file, one.kinds, outputOf) : Effect.succeed(one))
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/**
 * The file, with the agents that its configuration has not. Where there is no
 * configuration, or one that is no good, nobody knows which agents there are.
 */
const withAgents = ({ config }: Pick<Globals, "config">) => (one: CheckedFile): Effect.Effect<CheckedFile> =>
  one.contract === undefined || !ContractCalls.hasAgents(one.contract, one.kinds)
    ? Effect.succeed(one)
    : Config.load(config, [dirname(resolve(one.file)), process.cwd()]).pipe(
      Effect.map(({ config: { agents = [] }, file }): CheckedFile => {
        const names = agents.map(({ agent: { name } }) => name)
        const problems = file === undefined
          ? []
          : ContractCalls.missingAgents(one.document as object, names, one.kinds)
        return problems.length === 0 ? one : { file: one.file, document: one.document, kinds: one.kinds, problems }
      }),
      Effect.orElseSucceed(() => one)
    )

const callsSomething = ({ contract, kinds }: CheckedFile): boolean =>
  contract !== undefined && ContractCalls.missing(contract, [], kinds).length > 0

/** The contracts of the configuration; none where it, or one of them, is no good, which is for others to tell. */
const configured = ({ config }: Pick<Globals, "config">): Effect.Effect<ReadonlyArray<Contract>> =>
  Effect.gen(function*() {
    const loaded = yield* Config.load(config, [process.cwd()])
    const kinds = Kinds.of(loaded.config)
    const found = yield* Effect.forEach(Config.contractFiles(loaded), (file) => checkContract(file, kinds))
    return found.flatMap(({ contract }) => contract ?? [])
  }).pipe(Effect.orElseSucceed(() => []))
