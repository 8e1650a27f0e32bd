/** The schemas of a step, compiled: how what comes out of it becomes text and is read back. */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { jsonCodec, outcomeCodec } from "./JsonCodec.ts"

export const make = <A extends Schema.Top, E extends Schema.Top>(
  successSchema: Schema.Top,
  errorSchema: Schema.Top
) => {
  const success = outcomeCodec(successSchema)
  const errorCodec = jsonCodec(errorSchema)
  const decodeError = Schema.decodeUnknownExit(errorCodec)
  const encodeError = Schema.encodeUnknownExit(errorCodec)
  const decode = (
    json: JournalEntry.ExitJson,
    unfit: (problem: string) => Effect.Effect<void>
  ): Effect.Effect<A["Type"], E["Type"]> => {
    if (json._tag === "Success") return readAs(success.decode(json.value), unfit) as Effect.Effect<A["Type"]>
    const exit = ExitJson.fromJson(json)
    if (Exit.isFailure(exit)) {
      for (const reason of exit.cause.reasons) {
        if (reason._tag === "Fail") {
          return Effect.flatMap(readAs(decodeError(reason.error), unfit), Effect.fail) as Effect.Effect<
            never,
            E["Type"]
          >
        }
      }
    }
    return exit as Exit.Exit<never>
  }
  return {
    success,
    // A failure without an error is recorded as null.
    error: { encode: (error: unknown) => Exit.map(encodeError(error), (json) => json ?? null), decode: decodeError },
    decode
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const settled = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown> =>
  Exit.isSuccess(exit)
    ? Effect.succeed(exit.value)
    : Effect.die(new Error(`its schema refuses the outcome: ${String(exit.cause)}`))

/** What an outcome was decoded to; `unfit` is told when it could not be. */
const readAs = (
  exit: Exit.Exit<unknown, unknown>,
  unfit: (problem: string) => Effect.Effect<void>
): Effect.Effect<unknown> =>
  Exit.isSuccess(exit) ? settled(exit) : Effect.andThen(unfit(Cause.pretty(exit.cause).split("\n")[0]!), settled(exit))
