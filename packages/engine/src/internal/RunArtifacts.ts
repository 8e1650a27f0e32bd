/** What the steps of a run keep, and the bytes of it. */
import type { KeptArtifact } from "@fermata/core/Artifact"
import { ArtifactAmbiguous, ArtifactDamaged, ArtifactNotFound, shortestPrefix } from "@fermata/core/RunsErrors"
import * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import type { Store } from "../Store.ts"
import type { RunLookup } from "./RunLookup.ts"
import { readable } from "./RunWatch.ts"

/** An artifact, with its bytes. */
export interface Content extends KeptArtifact {
  readonly content: Uint8Array
}

export const make = (store: Store["Service"], { rowOf }: RunLookup) => {
  const of = Effect.fnUntraced(function*(run: string) {
    const { id } = yield* rowOf(run)
    const { steps } = RunView.of(id, yield* readable(store, id, 0))
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
    const found = named(all, artifact)
    const hashes = new Set(found.map(({ hash }) => hash))
    if (found.length === 0) {
      const known = all.map(({ hash, name }) => name === undefined ? hash : `${name} (${hash.slice(0, 12)})`)
      return yield* new ArtifactNotFound({ runId, artifact, known })
    }
    if (hashes.size > 1) return yield* new ArtifactAmbiguous({ runId, artifact, candidates: [...hashes] })
    const [kept] = found
    const { hash } = kept!
    const content = yield* store.artifact(hash)
    if (typeof content === "string") return yield* new ArtifactDamaged({ runId, hash, problem: content })
    return { ...kept!, content } satisfies Content as Content
  })

  return { artifacts, artifact }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Those that are meant: by their whole hash, or else by name, or else by how their hashes begin. */
const named = (all: ReadonlyArray<KeptArtifact>, artifact: string): ReadonlyArray<KeptArtifact> => {
  for (
    const fits of [
      ({ hash }: KeptArtifact) => hash === artifact,
      ({ name }: KeptArtifact) => name === artifact,
      ({ hash }: KeptArtifact) => artifact.length >= shortestPrefix && hash.startsWith(artifact)
    ]
  ) {
    const found = all.filter(fits)
    if (found.length > 0) return found
  }
  return []
}
