/**
 * What a tool writes while a call of it is carried out, such as the lines of a long
 * command: told to those who follow the run, and no part of it. It is kept beside
 * the journal until the outcome of the call is in there, which says what came of it.
 */
import type { Writer } from "@fermata/engine/Chunks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"

/** A piece of it, as a chunk of the step that carries the call out. */
export const ToolOutput = Schema.Struct({
  type: Schema.Literal("tool-output"),
  stream: Schema.Literals(["stdout", "stderr"]),
  text: Schema.String
})
export type ToolOutput = typeof ToolOutput.Type

/** What a chunk says of this; none for one that says something else. */
export const decode = Schema.decodeUnknownOption(ToolOutput)

/** Tells one piece. */
export type Teller = (stream: ToolOutput["stream"], text: string) => Effect.Effect<void>

/**
 * Tells pieces, in the handler of a tool, until the scope closes: at once to those
 * who follow in this process, and in rows of 100 ms to others. What the call was told
 * of secrets is cut out. Outside of a tool step nobody is told.
 */
export const teller: Effect.Effect<Teller, never, Scope> = Effect.gen(function*() {
  const open = yield* CurrentWriter
  if (open === undefined) return (): Effect.Effect<void> => Effect.void
  const { write } = yield* open
  return (stream: ToolOutput["stream"], text: string): Effect.Effect<void> =>
    write({ type: "tool-output", stream, text })
})

/** Opens the stream of the call that is carried out, as the loop provides it. */
export const CurrentWriter: Context.Reference<Effect.Effect<Writer, never, Scope> | undefined> = Context.Reference<
  Effect.Effect<Writer, never, Scope> | undefined
>("@fermata/agent/ToolOutput/CurrentWriter", { defaultValue: () => undefined })
