/** `POST /callbacks`: where a service that does tasks elsewhere says what became of them. */
import { handleCallback } from "@fermata/contracts/RemoteTasks"
import { CurrentActor } from "@fermata/engine/Actor"
import { Events } from "@fermata/engine/Events"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

/** The route, for whoever knows the secret; none where there is no secret. It answers as the service expects it, and not with problem documents. */
export const layer = (
  secret: Redacted.Redacted | undefined
): Layer.Layer<never, never, Events | HttpRouter.HttpRouter> =>
  secret === undefined ? Layer.empty : HttpRouter.use(Effect.fnUntraced(function*(router) {
    const events = yield* Events
    yield* router.add("*", "/callbacks", (request) =>
      Effect.gen(function*() {
        const { headers, method } = request
        // What stands before all routes has read the body.
        const body = method === "GET" || method === "HEAD" ? null : yield* Effect.orDie(request.text)
        const asked = new Request("http://localhost/callbacks", { method, headers: { ...headers }, body })
        const answered = yield* handleCallback(asked, { secret }).pipe(
          Effect.provideService(Events, events),
          Effect.provideService(CurrentActor, { who: "callbacks", how: "http" })
        )
        return HttpServerResponse.fromWeb(answered)
      }))
  }))
