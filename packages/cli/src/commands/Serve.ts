import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { globals } from "../Globals.ts"

/** `fermata serve` */
export const commandServe = Command.make("serve", {
  port: Flag.Int("port").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Listen on this port, 0 for any; default 4314"),
    Flag.filter((port) => port >= 0 && port <= 65_535, (port) => `${port} is not from 0 to 65535`),
    Flag.withDefault(4314)
  ),
  work: Flag.Boolean("work").pipe(
    Flag.withDescription(
      "Work on runs beside it, as a worker does, which is the default; with --no-work it serves alone"
    ),
    Flag.withDefault(true)
  )
}, (options) =>
  Effect.gen(function*() {
    const { serve } = yield* Effect.promise(() => import("../Serving.ts"))
    yield* Effect.scoped(serve(yield* globals, options))
  })).pipe(
    Command.withDescription("Serve runs over HTTP on this machine, and work on them, until it is stopped"),
    Command.withExamples([
      { command: "fermata serve", description: "At http://127.0.0.1:4314, until Ctrl-C" },
      { command: "fermata serve --no-work", description: "Serve what other processes work on" }
    ])
  )
