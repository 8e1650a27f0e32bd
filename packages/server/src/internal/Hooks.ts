/**
 * `POST /hooks/:source`: where those who send webhooks send them. No token lets
 * them in; their signature over the body is who they are, and it is looked at
 * before anything reads the body.
 */
import { Unauthorized } from "@fermata/api/ApiErrors"
import * as Problem from "@fermata/api/Problem"
import { SentRefused, type SourceAnswer, SourcePaused } from "@fermata/core/Source"
import { StorageFailed } from "@fermata/core/StorageFailed"
import * as Tenant from "@fermata/core/Tenant"
import { HostClock } from "@fermata/engine/HostClock"
import { type Received, Sources } from "@fermata/operations/Sources"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { CurrentPlace, InFlight } from "./InFlight.ts"
import * as ProblemResponse from "./ProblemResponse.ts"
import * as Refusals from "./Refusals.ts"

/** The pattern of the route, for metrics. */
export const pattern = "/hooks/:source"

/** Whether a request is for it, so that its body is for nobody else to read. */
export const isHook = (path: string): boolean => path.startsWith("/hooks/")

/** The route. */
export const layer: Layer.Layer<never, never, HostClock | HttpRouter.HttpRouter | InFlight | Sources> = HttpRouter.use(
  Effect.fnUntraced(function*(router) {
    const sources = yield* Sources
    const inFlight = yield* InFlight
    const count = Refusals.make(yield* HostClock)
    yield* router.add("POST", pattern, (request) =>
      Effect.gen(function*() {
        const { source = "" } = yield* HttpRouter.params
        const body = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
        const place = yield* CurrentPlace
        // It takes the room of its source, once it is known to be from there.
        const tenant = Tenant.of(source)
        const who = {
          how: "token",
          name: `hooks/${Tenant.local(source)}`,
          ...(tenant === undefined ? {} : { tenant })
        } as const
        const admit = Effect.suspend(() => {
          const refusal = place?.of(who)
          return refusal === undefined ? Effect.void : Effect.fail(refusal)
        })
        return yield* sources.receive(source, { headers: request.headers, body }, admit).pipe(
          Effect.map(answerOf),
          Effect.catchTags({
            SenderUnknown: ({ source, why }) =>
              Effect.as(
                count(request, new Unauthorized({ reason: "unknown", problem: `${source.slice(0, 80)}: ${why}` })),
                unknown
              ),
            TooManyRequests: (refusal) => inFlight.refuse(request, refusal),
            SourcePaused: (paused) =>
              Effect.succeed(problem(SourcePaused, paused, { "retry-after": String(paused.retryAfter) })),
            SentRefused: (refused) => Effect.succeed(problem(SentRefused, refused)),
            StorageFailed: (failed) =>
              Effect.as(
                Effect.logWarning(`what came in at ${ProblemResponse.pathOf(request)} could not be taken`, failed),
                problem(StorageFailed, failed, { "retry-after": "10" })
              )
          })
        )
      }))
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The same for a source that there is and one that there is not. */
const unknown = ProblemResponse.of(
  new Unauthorized({ reason: "unknown", problem: "Nobody is known here by what this request shows" })
)

const answerOf = (received: Received): HttpServerResponse.HttpServerResponse => {
  if (received._tag === "Challenged") return HttpServerResponse.jsonUnsafe(received.answer)
  if (received._tag === "Ignored") return told(200, { result: "ignored" })
  const { duplicate, event: { outcome, position } } = received.ingested
  return duplicate
    ? told(200, { result: "duplicate", position, outcome })
    : told(202, { result: "accepted", position, outcome })
}

const told = (status: number, answer: SourceAnswer) => HttpServerResponse.jsonUnsafe(answer, { status })

const problem = <E extends Error & { readonly _tag: string }>(
  self: Problem.ErrorClass<E>,
  error: E,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => {
  const body = Schema.encodeSync(Problem.of(self, { hidden: ["cause"] }))(error)
  return HttpServerResponse.jsonUnsafe(body, { status: body.status, contentType: Problem.contentType, headers })
}
