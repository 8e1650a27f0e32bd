/** What the routes for bytes do. */
import { Api } from "@fermata/api/Api"
import { BlobNotFound } from "@fermata/api/ApiErrors"
import type { KeptArtifact } from "@fermata/core/Artifact"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Option from "effect/Option"
import * as Bytes from "./Bytes.ts"
import * as Pages from "./Pages.ts"

/** The group `artifacts`. */
export const layer = HttpApiBuilder.group(
  Api,
  "artifacts",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ params: { run }, query: { after, limit = Pages.defaultLimit } }) {
        const behind = yield* Pages.behind(yield* runs.artifacts(run), after, placeOf)
        const { next, shown } = Pages.of(behind, limit, placeOf)
        return { artifacts: shown, ...next }
      }),
      content: Effect.fnUntraced(function*({ params: { artifact, run }, request }) {
        const { content, hash, mediaType, name = hash } = yield* runs.artifact(run, artifact)
        return yield* Bytes.response(request, { content, mediaType, name, hash })
      }),
      blob: Effect.fnUntraced(function*({ params: { hash }, request }) {
        const text = yield* runs.blob(hash)
        if (Option.isNone(text)) return yield* new BlobNotFound({ hash: hash.slice(0, 100) })
        const content = new TextEncoder().encode(text.value)
        return yield* Bytes.response(request, { content, mediaType: "application/json", name: `${hash}.json`, hash })
      })
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = ({ hash, name = "", step }: KeptArtifact): string => `${step} ${hash} ${name}`
