/** What the steps of a run keep, and the bytes of it. */
import type { KeptArtifact } from "@fermata/core/Artifact"
import * as ArtifactNames from "@fermata/core/ArtifactNames"
import { ArtifactDamaged } from "@fermata/core/RunsErrors"
import * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import type { Store } from "../Store.ts"
import type { RunLookup } from "./RunLookup.ts"
import { readable } from "./RunWatch.ts"

/** An artifact, with its bytes. */
export interface Content extends KeptArtifact {
  readonly content: Uint8Array
}

export const make = (store: Store["Service"], { rowOf, whole }: RunLookup) => {
  const of = Effect.fnUntraced(function*(run: string) {
    const row = yield* rowOf(run)
    const { id } = row
    const { steps } = RunView.of(id, yield* whole(row, readable(store, id, 0)))
    const all = steps.flatMap(({ artifacts = [], key }) =>
      artifacts.map((artifact): KeptArtifact => ({ step: key, ...artifact }))
    )
    return { id, all }
  })

  const artifacts = Effect.fn("Runs.artifacts")(function*(run: string) {
    return (yield* of(run)).all
  })

  const artifact = Effect.fn("Runs.artifact")(function*(run: string, artifact: string) {
    const { all, id: runId } = yield* of(run)
    const kept = ArtifactNames.find(runId, all, artifact)
    if ("_tag" in kept) return yield* kept
    const { hash } = kept
    const content = yield* store.artifact(hash)
    if (content === "missing") yield* rowOf(runId)
    if (typeof content === "string") return yield* new ArtifactDamaged({ runId, hash, problem: content })
    return { ...kept, content } satisfies Content as Content
  })

  return { artifacts, artifact }
}
