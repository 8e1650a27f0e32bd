/**
 * Checks several contract files beside each other: what one reads of the output
 * of another that it calls is checked too, as far as that says what it comes to.
 */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractCalls from "@fermata/contracts/ContractCalls"
import * as Effect from "effect/Effect"
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
    const checked = yield* Effect.forEach(files, (file) => checkContract(file, globals))
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
