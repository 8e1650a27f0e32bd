import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { refused } from "../CommandFailed.ts"
import * as Commands from "../Commands.ts"
import { document, note } from "../Output.ts"
import { withOperator } from "../Session.ts"
import * as Sides from "../Sides.ts"
import * as Words from "../Words.ts"

/** `fermata import` */
export const commandImport = Command.make(
  "import",
  { file: Argument.String("file").pipe(Argument.withDescription("The document that an export has written")) },
  ({ file }) =>
    Effect.gen(function*() {
      const { why } = yield* Effect.promise(() => import("../JsonOption.ts"))
      const text = yield* Effect.tryPromise({
        try: () => readFile(resolve(file), "utf8"),
        catch: (cause) => refused("FileUnreadable", `the file ${file} cannot be read: ${why(cause)}`)
      })
      const parsed = yield* Effect.try({
        try: () => JSON.parse(text) as unknown,
        catch: (cause) => refused("InvalidValue", `the file ${file} is no JSON: ${why(cause)}`)
      })
      yield* withOperator({ command: "import", idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const imported = yield* operator.refine(operator.exports.import(parsed, { by: as }))
          if (json) return yield* document(imported)
          yield* note(
            `run ${imported.runId} is here${imported.runs === 1 ? "" : `, and ${imported.runs - 1} below it`}`
          )
          if (imported.paused === 0) return
          yield* note(
            `${Words.count(imported.paused, "run")} of these has not ended and is paused; to go on here: ${
              Commands.resumeHeld(imported.runId)
            }`
          )
        }))
    })
).pipe(
  Command.withDescription("Take in a run that was exported, whole or not at all; one that is open is paused"),
  Sides.either,
  Command.withExamples([{ command: "fermata import run.json", description: "See it, replay it, fork it here" }])
)
