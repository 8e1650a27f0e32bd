/** Why an attempt cannot keep something. */
import * as Schema from "effect/Schema"

/** A step keeps more than it may. Nothing of this artifact is kept; what was kept before stays. */
export class ArtifactRefused extends Schema.TaggedError<ArtifactRefused>()("ArtifactRefused", {
  step: Schema.String,
  /** What it was to be called. */
  name: Schema.optionalKey(Schema.String),
  /** Bytes and how many are allowed, in words. */
  problem: Schema.String
}) {
  override get message(): string {
    const what = this.name === undefined ? "an artifact" : `artifact "${this.name}"`
    return `Step "${this.step}" cannot keep ${what}: ${this.problem}. Put it where such files belong, and keep its address`
  }
}
