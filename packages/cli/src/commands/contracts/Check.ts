import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { exitCodes } from "../../CommandFailed.ts"
import { globals } from "../../Globals.ts"
import { document, exitWith, line, out } from "../../Output.ts"

/** `fermata contracts check` */
export const commandContractsCheck = Command.make("check", {
  files: Argument.String("file").pipe(Argument.withDescription("Contract files"), Argument.variadic({ min: 1 }))
}, ({ files }) =>
  Effect.gen(function*() {
    const { fileLabel, problemLine } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const { checkFiles } = yield* Effect.promise(() => import("../../ContractChecks.ts"))
    const { count } = yield* Effect.promise(() => import("../../Words.ts"))
    const values = yield* globals
    const { json } = values
    const checked = (yield* checkFiles(files, values)).map(({ file, problems }) => ({
      file,
      valid: problems.length === 0,
      problems
    }))
    if (
      checked.some(({ valid }) => !valid)
    ) yield* exitWith(exitCodes.refused)
    if (json) {
      return yield* document(
        checked.length === 1 ? checked[0] : { valid: checked.every(({ valid }) => valid), files: checked }
      )
    }
    for (const { file, problems } of checked) {
      for (const problem of problems) yield* line(problemLine(file, problem))
      yield* line(
        problems.length === 0
          ? `${fileLabel(file)}: ${out.green("ok")}`
          : `${fileLabel(file)}: ${out.red(count(problems.length, "problem"))}`
      )
    }
  })).pipe(
    Command.withDescription("Find every mistake of contracts, each with its place; exit code 2 when there is one"),
    Command.withExamples([
      { command: "fermata contracts check ticket-triage.json", description: "Check a contract" },
      { command: "fermata contracts check contracts/*.json --json", description: "Check several, for a program" }
    ])
  )
