/** In whose name a request acts: that of its caller, whatever its body says. */
import { Caller } from "@fermata/api/Access"
import { Forbidden } from "@fermata/api/ApiErrors"
import * as Effect from "effect/Effect"

/** The name of whoever calls. */
export const name: Effect.Effect<string, never, Caller> = Effect.map(Caller, ({ name }) => name)

/** The caller as a person who answers; refused where the body names another. */
export const person = Effect.fnUntraced(function*(named: string | undefined) {
  const { name, roles } = yield* Caller
  if (named !== undefined && named !== name) {
    return yield* new Forbidden({ problem: `You are ${name}, and cannot answer as ${named.slice(0, 100)}` })
  }
  return { by: name, roles }
})
