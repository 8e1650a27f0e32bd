import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { document, lines } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** `fermata contracts graph` */
export const commandContractsGraph = Command.make("graph", {
  file: Argument.String("file").pipe(Argument.withDescription("A contract file"))
}, ({ file }) =>
  Effect.gen(function*() {
    const { readContract } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const { drawingOf } = yield* Effect.promise(() => import("@fermata/contracts/ContractGraph"))
    const values = yield* globals
    const { contract, kinds } = yield* readContract(file, values)
    const drawing = drawingOf(contract, kinds)
    yield* values.json ? document(drawing) : lines(drawing.mermaid.trimEnd().split("\n"))
  })).pipe(
    Command.withDescription("Draw a contract as a Mermaid flowchart"),
    Sides.here("draws a file"),
    Command.withExamples([{
      command: "fermata contracts graph ticket-triage.json > graph.mmd",
      description: "Draw a contract"
    }])
  )
