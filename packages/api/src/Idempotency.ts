/** How a write that is asked for again is done once: by the header `Idempotency-Key`. */
import { StorageFailed } from "@fermata/core/StorageFailed"
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import { Caller } from "./Access.ts"
import { AnswerToldOnce, BadRequest, Forbidden, KeyReused } from "./ApiErrors.ts"
import * as Problem from "./Problem.ts"

/**
 * By what a write is done once. `request`: by the key, of its caller alone, which is
 * kept for 24 h with what was answered. `itself`: by what the engine keeps of it for
 * as long as it lasts, as a run has its key and a signal its id; the header becomes
 * that where there is such an id, and nothing is kept of the request.
 */
export type OnceBy = "request" | "itself"

/** By what a route does a write once. */
export const DoneOnce: Context.Reference<OnceBy> = Context.Reference<OnceBy>("@fermata/api/DoneOnce", {
  defaultValue: () => "request"
})

/** On the answer to a request that was answered before: it is that answer. */
export const replayedHeader = "idempotency-replayed"

/** Answers what was answered before, and says on whose behalf everything else is done. */
export class Idempotency extends HttpApiMiddleware.Service<Idempotency, { requires: Caller }>()(
  "@fermata/api/Idempotency",
  {
    error: [
      Problem.of(BadRequest),
      Problem.of(Forbidden),
      Problem.of(KeyReused),
      Problem.of(AnswerToldOnce),
      Problem.of(StorageFailed, { hidden: ["cause"] })
    ]
  }
) {}
