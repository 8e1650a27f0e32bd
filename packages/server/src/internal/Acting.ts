/** In whose name a request acts, and under which key: that of its caller, whatever its body says. */
import { Caller } from "@fermata/api/Access"
import { BadRequest, Forbidden } from "@fermata/api/ApiErrors"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

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
 * The id under which the engine does once what is asked twice: what the body
 * says in this field, or else the header `Idempotency-Key`. The engine keeps the
 * id with what it did, for as long as it keeps that.
 */
export const once = Effect.fnUntraced(function*<const Field extends "id" | "key">(
  request: HttpServerRequest,
  field: Field,
  said: string | undefined
): Effect.fn.Return<{ readonly [F in Field]?: string }, BadRequest> {
  const key = yield* keyOf(request)
  if (key !== undefined && said !== undefined && key !== said) {
    return yield* refuse(`it is another than body.${field}; give one of the two`)
  }
  const chosen = said ?? key
  return (chosen === undefined ? {} : { [field]: chosen }) as { readonly [F in Field]?: string }
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
