import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import * as Artifacts from "../../Artifacts.ts"
import { type CommandFailed, refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import type { Operator } from "../../Operator.ts"
import { document, item, lines, note, table, width, write } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs artifact` */
export const commandRunsArtifact = Command.make(
  "artifact",
  {
    run: Arguments.run,
    artifact: Argument.String("artifact").pipe(
      Argument.withDescription(
        "Its name, its hash, or the first characters of that (at least 4); lists all without one"
      ),
      Argument.optional
    ),
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the bytes to this file, in place of what is there"),
      Flag.filter((file) => file !== "", () => "expected the name of a file, found none"),
      Flag.optional
    )
  },
  ({ artifact, out, run }) =>
    Effect.gen(function*() {
      if (Option.isSome(out) && Option.isNone(artifact)) {
        return yield* refused("InvalidValue", "runs artifact: --out needs the artifact that is to be written", [
          `see: ${Commands.seeHelp(["runs", "artifact"])}`
        ])
      }
      yield* withOperator({ command: "runs artifact", readOnly: true, existing: true }, (operator, { json }) =>
        Option.isNone(artifact)
          ? list(operator, run, json)
          : give(operator, run, artifact.value, Option.getOrUndefined(out), json))
    })
).pipe(
  Command.withDescription("List what the steps of a run keep, or give the bytes of one"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs artifact 1f0c", description: "What its steps keep" },
    { command: "fermata runs artifact 1f0c build.log", description: "One of them, by its name" },
    { command: "fermata runs artifact 1f0c 9d5ed678 --out chart.png", description: "By its hash, into a file" }
  ])
)

const list = (operator: Operator, run: string, json: boolean): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const all = yield* operator.refine(operator.runs.artifacts(run))
    if (json) return yield* Effect.forEach(all, item, { discard: true })
    if (all.length === 0) return yield* note("no artifacts")
    yield* lines(table(
      ["ARTIFACT", "STEP", "TYPE", "BYTES", "HASH"],
      all.map(({ bytes, hash, mediaType, name, step }) => [
        name ?? "",
        step,
        mediaType,
        String(bytes),
        hash.slice(0, Artifacts.shortHash)
      ]),
      undefined,
      { width: width(80), shrinks: [1, 0, 2] }
    ))
  })

const give = (
  operator: Operator,
  run: string,
  artifact: string,
  out: string | undefined,
  json: boolean
): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const { content, ...about } = yield* operator.refine(operator.runs.artifact(run, artifact))
    const label = Artifacts.label(about)
    if (out !== undefined) {
      const { why } = yield* Effect.promise(() => import("../../JsonOption.ts"))
      yield* Effect.tryPromise({
        try: () => writeFile(resolve(out), content),
        catch: (cause) => refused("FileUnwritable", `--out: the file ${out} cannot be written: ${why(cause)}`)
      })
      return json
        ? yield* document({ ...about, file: out })
        : yield* note(`${label} of step ${about.step}: ${about.bytes} bytes of ${about.mediaType} are in ${out}`)
    }
    const text = Artifacts.textOf(content)
    if (json) {
      return yield* document({
        ...about,
        ...(text === undefined ? { base64: Buffer.from(content).toString("base64") } : { text })
      })
    }
    if (!process.stdout.isTTY) return yield* write(content)
    if (text !== undefined) return yield* write(Artifacts.forTerminal(text))
    return yield* refused(
      "NoText",
      `Artifact ${label} is no text that a terminal can show: ${about.bytes} bytes of ${about.mediaType}`,
      ["write it to a file with --out FILE, or give it to another program"]
    )
  })
