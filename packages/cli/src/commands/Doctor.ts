import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { exitCodes } from "../CommandFailed.ts"
import { globals } from "../Globals.ts"
import { document, exitWith, line, out } from "../Output.ts"
import * as Sides from "../Sides.ts"

/** `fermata doctor` */
export const commandDoctor = Command.make("doctor", {}, () =>
  Effect.gen(function*() {
    const { diagnose } = yield* Effect.promise(() => import("../Diagnosis.ts"))
    const values = yield* globals
    const findings = yield* Effect.scoped(diagnose(values))
    const ok = findings.every(({ level }) => level !== "problem")
    yield* exitWith(ok ? exitCodes.completed : exitCodes.failed)
    if (values.json) return yield* document({ ok, findings })
    for (const { commands, level, message, name } of findings) {
      const mark = level === "ok" ? out.green("ok     ") : level === "info" ? out.cyan("info   ") : out.red("problem")
      yield* line(`${mark}  ${name}: ${message}`)
      for (const command of commands ?? []) yield* line(`           ${out.bold(command)}`)
    }
  })).pipe(
    Command.withDescription(
      "Examine the database and what happens in it; exit code 1 when something needs an operator"
    ),
    Sides.here("examines the file of a database"),
    Command.withExamples([
      { command: "fermata doctor", description: "What is wrong, and the command that mends it" },
      { command: "fermata doctor --json", description: "The same for a program" }
    ])
  )
