/**
 * What a step keeps beside its outcome: bytes that are too large, or no use, for
 * a value. An outcome holds the reference, and the store the bytes, once for
 * whoever keeps the same.
 */
import * as Schema from "effect/Schema"

/**
 * A reference to bytes that a step keeps. Plain JSON, so an outcome may hold it:
 * `success: Artifact.Artifact`.
 */
export const Artifact = Schema.Struct({
  /** SHA-256 of the bytes, as 64 lower-case hex digits. */
  hash: Schema.String,
  /** How many bytes there are. */
  bytes: Schema.Int,
  /** Such as `text/plain` or `image/png`. */
  mediaType: Schema.String,
  /** What the step calls it. Several may have one name. */
  name: Schema.optionalKey(Schema.String)
})
export interface Artifact extends Schema.Schema.Type<typeof Artifact> {}

/** An artifact of a run, and the step that keeps it. */
export const KeptArtifact = Schema.Struct({ step: Schema.String, ...Artifact.fields })
export interface KeptArtifact extends Schema.Schema.Type<typeof KeptArtifact> {}
