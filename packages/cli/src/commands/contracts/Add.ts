import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "../../CommandFailed.ts"
import { globals } from "../../Globals.ts"
import type { Operator } from "../../Operator.ts"
import { item, line } from "../../Output.ts"
import { withHost, withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata contracts add` */
export const commandContractsAdd = Command.make("add", {
  files: Argument.String("file").pipe(Argument.withDescription("Contract files"), Argument.variadic({ min: 1 }))
}, ({ files }) =>
  Effect.gen(function*() {
    const { readContract } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const values = yield* globals
    if (values.server !== undefined) {
      const { read } = yield* Effect.promise(() => import("../../remote/RemoteContracts.ts"))
      return yield* withOperator({ command: "contracts add" }, (operator, { json }) =>
        // All are checked before the first is stored.
        Effect.flatMap(Effect.forEach(files, (file) => read(operator, file)), addAll(operator, json)))
    }
    // All are checked before the first is stored.
    const contracts = yield* Effect.forEach(files, (file) => readContract(file, values))
    // Where a contract has kinds of a configuration, it has the standard ones too.
    const kinds = contracts.map(({ kinds }) => kinds).reduce((most, kinds) => kinds.length > most.length ? kinds : most)
    yield* withHost(
      { command: "contracts add", idle: true, kinds },
      (host, { json }) => addAll(host, json)(contracts)
    )
  })).pipe(
    Command.withDescription("Register contracts, so that events and names start them"),
    Sides.either,
    Command.withExamples([{ command: "fermata contracts add ticket-triage.json", description: "Register a contract" }])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const addAll =
  (operator: Operator, json: boolean) =>
  (contracts: ReadonlyArray<{ readonly document: object }>): Effect.Effect<void, CommandFailed> =>
    Effect.forEach(contracts, ({ document }) =>
      Effect.gen(function*() {
        const { at, hash, id, title, version } = yield* operator.refine(operator.contracts.add(document))
        yield* json
          ? item({ id, version, title, hash, at })
          : line(`${id}@${version}  ${hash.slice(0, 12)}  ${title}`)
      }), { discard: true })
