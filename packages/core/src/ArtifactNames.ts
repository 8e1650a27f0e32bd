/** Which of the artifacts of a run somebody means. */
import type { KeptArtifact } from "./Artifact.ts"
import { ArtifactAmbiguous, ArtifactNotFound, shortestPrefix } from "./RunsErrors.ts"

/** The one that is meant by its whole hash, or else by its name, or else by how its hash begins (at least 4 characters); or why it is none. */
export const find = (
  runId: string,
  all: ReadonlyArray<KeptArtifact>,
  artifact: string
): KeptArtifact | ArtifactNotFound | ArtifactAmbiguous => {
  const [first, ...others] = named(all, artifact)
  if (first === undefined) {
    const known = all.map(({ hash, name }) => name === undefined ? hash : `${name} (${hash.slice(0, 12)})`)
    return new ArtifactNotFound({ runId, artifact, known })
  }
  const hashes = new Set([first, ...others].map(({ hash }) => hash))
  return hashes.size > 1 ? new ArtifactAmbiguous({ runId, artifact, candidates: [...hashes] }) : first
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

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
