import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { document, lines } from "../../Output.ts"

/** `fermata contracts graph` */
export const commandContractsGraph = Command.make("graph", {
  file: Argument.String("file").pipe(Argument.withDescription("A contract file"))
}, ({ file }) =>
  Effect.gen(function*() {
    const { readContract } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const { edges, mermaid } = yield* Effect.promise(() => import("@fermata/contracts/ContractGraph"))
    const values = yield* globals
    const { contract, kinds } = yield* readContract(file, values)
    const drawn = mermaid(contract, kinds)
    if (!values.json) return yield* lines(drawn.trimEnd().split("\n"))
    yield* document({
      id: contract.id,
      version: contract.version,
      entryStepId: contract.entryStepId,
      steps: contract.steps.map(({ id, kind, name }) => ({ id, kind, name })),
      edges: edges(contract, kinds).map(({ from, label, to }) => ({ from, to, label })),
      mermaid: drawn
    })
  })).pipe(
    Command.withDescription("Draw a contract as a Mermaid flowchart"),
    Command.withExamples([{
      command: "fermata contracts graph ticket-triage.json > graph.mmd",
      description: "Draw a contract"
    }])
  )
