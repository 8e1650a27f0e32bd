import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import { refused } from "../CommandFailed.ts"
import { document, line, note, write } from "../Output.ts"
import { withOperator } from "../Session.ts"
import * as Sides from "../Sides.ts"
import * as Words from "../Words.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata export` */
export const commandExport = Command.make(
  "export",
  {
    run: Arguments.run,
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write it to this file, which must not be there yet"),
      Flag.filter((file) => file !== "", () => "expected the name of a file, found none"),
      Flag.optional
    )
  },
  ({ out, run }) =>
    withOperator({ command: "export", readOnly: true, existing: true }, (operator, { json }) =>
      Effect.gen(function*() {
        const exported = yield* operator.refine(operator.exports.export(run))
        const text = `${JSON.stringify(exported)}\n`
        if (Option.isNone(out)) return yield* process.stdout.isTTY ? line(text) : write(text)
        const file = resolve(out.value)
        const { why } = yield* Effect.promise(() => import("../JsonOption.ts"))
        yield* Effect.tryPromise({
          try: () => writeFile(file, text, { flag: "wx", mode: 0o600 }),
          catch: (cause) => refused("FileUnwritable", `--out: the file ${file} cannot be written: ${why(cause)}`)
        })
        const runs = exported.runs.length
        if (json) return yield* document({ file, runs })
        yield* note(`${Words.count(runs, "run")} in ${file}`)
      }))
).pipe(
  Command.withDescription("Write a run, with all that was asked for below it, as one JSON document"),
  Sides.either,
  Command.withExamples([
    { command: "fermata export 1f0c > run.json", description: "Journals, artifacts, definitions; no secrets" },
    { command: "fermata export 1f0c --out run.json", description: "Into a file of your own" }
  ])
)
