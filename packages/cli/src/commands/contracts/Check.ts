import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { exitCodes } from "../../CommandFailed.ts"
import { type Globals, globals } from "../../Globals.ts"
import { document, exitWith, line, out } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** `fermata contracts check` */
export const commandContractsCheck = Command.make("check", {
  files: Argument.String("file").pipe(Argument.withDescription("Contract files"), Argument.variadic({ min: 1 }))
}, ({ files }) =>
  Effect.gen(function*() {
    const { fileLabel, problemLine } = yield* Effect.promise(() => import("../../ContractFile.ts"))
    const { count } = yield* Effect.promise(() => import("../../Words.ts"))
    const values = yield* globals
    const { json } = values
    const found = (yield* checked(files, values)).map(({ file, problems }) => ({
      file,
      valid: problems.length === 0,
      problems
    }))
    if (
      found.some(({ valid }) => !valid)
    ) yield* exitWith(exitCodes.refused)
    if (json) {
      return yield* document(
        found.length === 1 ? found[0] : { valid: found.every(({ valid }) => valid), files: found }
      )
    }
    for (const { file, problems } of found) {
      for (const problem of problems) yield* line(problemLine(file, problem))
      yield* line(
        problems.length === 0
          ? `${fileLabel(file)}: ${out.green("ok")}`
          : `${fileLabel(file)}: ${out.red(count(problems.length, "problem"))}`
      )
    }
  })).pipe(
    Command.withDescription("Find every mistake of contracts, each with its place; exit code 2 when there is one"),
    Sides.either,
    Command.withExamples([
      { command: "fermata contracts check ticket-triage.json", description: "Check a contract" },
      { command: "fermata contracts check contracts/*.json --json", description: "Check several, for a program" }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The files as they are checked here, or at a server, by the kinds of steps that are there. */
const checked = (files: ReadonlyArray<string>, values: Globals) =>
  Effect.gen(function*() {
    if (values.server === undefined) {
      const { checkFiles } = yield* Effect.promise(() => import("../../ContractChecks.ts"))
      return yield* checkFiles(files, values)
    }
    const { check } = yield* Effect.promise(() => import("../../remote/RemoteContracts.ts"))
    const { open } = yield* Effect.promise(() => import("../../remote/Remote.ts"))
    const { operator } = yield* open(values, values.server)
    return yield* Effect.forEach(files, (file) => check(operator, file))
  }).pipe(Effect.scoped)
