import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { exitCodes } from "../../CommandFailed.ts"
import * as JsonOption from "../../JsonOption.ts"
import { document, exitWith } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources test` */
export const commandSourcesTest = Command.make("test", {
  source: Arguments.source,
  data: Flag.String("data").pipe(
    Flag.withMetavar("J"),
    Flag.withDescription("What the sender might send: JSON, or @file")
  ),
  headers: Flag.KeyValuePair("header").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription("A header that it might have; may be repeated"),
    Flag.optional
  )
}, ({ data, headers, source }) =>
  Effect.gen(function*() {
    const body = yield* JsonOption.read("--data", data)
    yield* withOperator({ command: "sources test", existing: true, idle: true }, (operator) =>
      Effect.gen(function*() {
        const verdict = yield* operator.refine(
          operator.sources.test(source, { headers: Option.getOrElse(headers, () => ({})), body })
        )
        if (verdict.verdict === "refused") yield* exitWith(exitCodes.refused)
        yield* document(verdict)
      }))
  })).pipe(
    Command.withDescription(
      "See what would come of a sample, as JSON: nothing is verified, done or recorded; exit code 2 where it is refused"
    ),
    Sides.either,
    Command.withExamples([
      {
        command: "fermata sources test github --data @pull-request.json --header X-GitHub-Event=pull_request",
        description: "Try a mapping on what GitHub sends"
      }
    ])
  )
