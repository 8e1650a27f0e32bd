import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { exitCodes, refused } from "../CommandFailed.ts"
import { globals } from "../Globals.ts"
import { document, exitWith, line, out } from "../Output.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata doctor` */
export const commandDoctor = Command.make("doctor", {
  restored: Flag.Boolean("restored").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Say that the database was put back from a backup: its open runs are in doubt from now on"),
    Flag.withDefault(false)
  ),
  setup: Flag.Boolean("setup").pipe(
    Flag.withoutNegation,
    Flag.withDescription(
      "Examine the installation alone, as before an update: Node, configuration, keys, disk and database, and not what happens in it"
    ),
    Flag.withDefault(false)
  ),
  from: Arguments.time("from", "With --restored: when the backup was made; by default what the database says")
}, ({ from, restored, setup }) =>
  Effect.gen(function*() {
    const values = yield* globals
    if (restored && setup) return yield* refused("InvalidValue", "doctor takes --restored or --setup, and not both")
    if (restored) {
      const { restore } = yield* Effect.promise(() => import("../Restored.ts"))
      return yield* restore(values, Option.getOrUndefined(from))
    }
    if (Option.isSome(from)) {
      return yield* refused("InvalidValue", "doctor takes --from TIME with --restored only")
    }
    const { diagnose } = yield* Effect.promise(() => import("../Diagnosis.ts"))
    const findings = yield* Effect.scoped(diagnose(values, setup))
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
      { command: "fermata doctor --setup", description: "Whether a new version may start here" },
      { command: "fermata doctor --json", description: "The same for a program" },
      {
        command: "fermata doctor --restored",
        description: "The database was put back from a backup; to be said before anything works on it"
      }
    ])
  )
