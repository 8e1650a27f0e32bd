/** Takes what a service sends, by the mapping of its bridge. */
import type { Bridge } from "@fermata/operations/Bridge"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { refused } from "../../CommandFailed.ts"
import * as JsonOption from "../../JsonOption.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { told } from "../sensors/Event.ts"

/** The command of a bridge; `path` is what is typed. */
export const make = (name: string, path: string, { description, name: bridge }: Pick<Bridge, "description" | "name">) =>
  Command.make(name, {
    file: Flag.String("file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("What the service has sent, as JSON; - for stdin")
    )
  }, ({ file }) =>
    Effect.gen(function*() {
      const body = yield* JsonOption.read("--file", `@${file}`)
      const { bridges } = yield* Effect.promise(() => import("@fermata/operations/Bridges"))
      const { readSample } = yield* Effect.promise(() => import("@fermata/operations/Sources"))
      const { mapping } = bridges.find((known) => known.name === bridge)!
      const event = yield* Effect.mapError(
        readSample(bridge, mapping, { body }),
        ({ message }) => refused("InvalidValue", `--file: the bridge ${bridge} cannot read ${file}: ${message}`)
      )
      yield* withOperator({ command: path, idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          if (event === undefined) {
            return yield* json
              ? document({ result: "ignored" })
              : note(`nothing comes of it: this is nothing that the bridge ${bridge} takes`)
          }
          yield* told(operator, yield* operator.refine(operator.sensors.ingest(event, { tell: true, by: as })), json)
        }))
    })).pipe(
      Command.withDescription(`${description}, once`),
      Sides.either,
      Command.withExamples([{ command: `fermata ${path} --file sent.json`, description }])
    )
