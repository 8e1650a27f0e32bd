/** In whose name a request acts, and under which key: that of its caller, whatever its body says. */
import { Caller } from "@fermata/api/Access"
import { BadRequest, Forbidden } from "@fermata/api/ApiErrors"
import { sha256Hex } from "@fermata/engine/Digest"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Callers from "./Callers.ts"

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

/** The header `Idempotency-Key`, where there is one. */
export const keyOf = ({ headers }: HttpServerRequest): Effect.Effect<string | undefined, BadRequest> => {
  const key = headers["idempotency-key"]
  return key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)
    ? Effect.succeed(key)
    : refuse("give 1 to 255 characters of ASCII without spaces")
}

/**
 * The key of a run that is started: what the body says, or else the header
 * `Idempotency-Key`, since callers who name one key mean one run.
 */
export const runKey = Effect.fnUntraced(function*(request: HttpServerRequest, said: string | undefined) {
  const key = yield* keyOf(request)
  if (key !== undefined && said !== undefined && key !== said) {
    return yield* refuse("it is another than body.key; give one of the two")
  }
  const chosen = said ?? key
  return chosen === undefined ? {} : { key: chosen }
})

/**
 * The id of a message that the engine takes once: what the body says, or else one
 * that follows from the caller and the header `Idempotency-Key`, so that it is
 * taken once for as long as the engine knows its id, and keys of two callers are two.
 */
export const messageId = Effect.fnUntraced(function*(request: HttpServerRequest, said: string | undefined) {
  if (said !== undefined) return { id: said }
  const key = yield* keyOf(request)
  return key === undefined
    ? {}
    : { id: `http:${(yield* sha256Hex(JSON.stringify([Callers.keyOf(yield* Caller), key]))).slice(0, 32)}` }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refuse = (message: string): Effect.Effect<never, BadRequest> =>
  Effect.fail(
    new BadRequest({
      problem: `header.idempotency-key: ${message}`,
      issues: [{ path: "header.idempotency-key", message }]
    })
  )
