/**
 * Somebody who answers by the library, in a process of their own: for each line
 * `<run> <decision> <who>` on stdin it says on stdout what became of the answer.
 */
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer } from "effect"
import { createInterface } from "node:readline"

const answering = Effect.gen(function*() {
  const runs = yield* Runs
  const answer = (line: string) => {
    const [run = "", decision = "", by = ""] = line.split(" ")
    return runs.answer(run, { by, decision: decision === "deny" ? "deny" : "approve" }).pipe(
      Effect.match({ onFailure: ({ message }) => message, onSuccess: ({ progress }) => `taken: ${progress}` }),
      Effect.map((text) => process.stdout.write(`${text.replaceAll("\n", " ")}\n`))
    )
  }
  process.stdout.write("ready\n")
  yield* Effect.promise(async () => {
    for await (const line of createInterface({ input: process.stdin })) await Effect.runPromise(answer(line))
  })
})

await Effect.runPromise(
  Effect.provide(
    answering,
    Runs.layer.pipe(Layer.provide(NodeHost.layer({ db: process.env["FERMATA_DB"]!, worker: false })))
  )
)
