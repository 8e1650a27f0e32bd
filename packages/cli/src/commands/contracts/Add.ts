import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { item, line } from "../../Output.ts"
import { withHost } from "../../Session.ts"

/** `fermata contracts add` */
export const commandContractsAdd = Command.make("add", {
  files: Argument.String("file").pipe(Argument.withDescription("Contract files"), Argument.variadic({ min: 1 }))
}, ({ files }) =>
  Effect.gen(function*() {
    const { readContract } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const values = yield* globals
    // All are checked before the first is stored.
    const contracts = yield* Effect.forEach(files, (file) => readContract(file, values))
    // Where a contract has kinds of a configuration, it has the standard ones too.
    const kinds = contracts.map(({ kinds }) => kinds).reduce((most, kinds) => kinds.length > most.length ? kinds : most)
    yield* withHost({ command: "contracts add", idle: true, kinds }, (host, { json }) =>
      Effect.forEach(contracts, ({ document }) =>
        Effect.gen(function*() {
          const { at, hash, id, title, version } = yield* host.refine(host.contracts.add(document))
          yield* json
            ? item({ id, version, title, hash, at })
            : line(`${id}@${version}  ${hash.slice(0, 12)}  ${title}`)
        }), { discard: true }))
  })).pipe(
    Command.withDescription("Register contracts, so that events and names start them"),
    Command.withExamples([{ command: "fermata contracts add ticket-triage.json", description: "Register a contract" }])
  )
