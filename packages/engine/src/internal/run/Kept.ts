/** What one attempt of a step keeps beside its outcome. It goes into the commit of that, or nowhere. */
import type { Artifact } from "@fermata/core/Artifact"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import type { BlobRow } from "../../Backend.ts"
import { sha256HexOf } from "../../Digest.ts"
import * as ArtifactBytes from "../ArtifactBytes.ts"
import type { Scrub } from "../secrets/Scrub.ts"
import { ArtifactRefused } from "./ArtifactRefused.ts"

/** What the body says of an artifact beside its content. */
export interface KeepOptions {
  /** Such as `image/png`; `text/plain` for a text and `application/octet-stream` for bytes by default. */
  readonly mediaType?: string | undefined
  /** For whoever looks for it: one line of at most 200 characters. */
  readonly name?: string | undefined
}

/** How much the attempt of a step may keep. */
export const limits = {
  /** Bytes of one artifact. */
  bytes: 16_777_216,
  /** Bytes of all of them; equal ones count once. */
  bytesOfStep: 67_108_864,
  /** References. */
  count: 100
} as const

export class Kept {
  artifacts: ReadonlyArray<Artifact> = []
  /** Their bytes, once for each hash. */
  blobs: ReadonlyArray<BlobRow> = []
  private bytes = 0
  private readonly step: string

  constructor(step: string) {
    this.step = step
  }

  /** Takes the content in, without what `scrub` knows, and answers with its reference. */
  readonly add = Effect.fnUntraced({ self: this }, function*(
    content: Uint8Array | string,
    { mediaType = typeof content === "string" ? "text/plain" : "application/octet-stream", name }: KeepOptions,
    scrub: Scrub | undefined
  ): Effect.fn.Return<Artifact, ArtifactRefused> {
    const wrong = problemOf(mediaType, name)
    if (wrong !== undefined) return yield* Effect.die(new Error(`Step "${this.step}" keeps ${wrong}`))
    const cut = scrub === undefined ? (text: string) => text : scrub.text
    // Where a digest takes turns, the body may go on to write into what it has given.
    const raw = typeof content === "string" ? undefined : new Uint8Array(content)
    const given = typeof content === "string" ? content.toWellFormed() : ArtifactBytes.textOf(raw!)
    const text = given === undefined ? undefined : cut(given)
    const bytes = raw !== undefined && text === given ? raw : ArtifactBytes.bytesOf(text!)
    if (bytes.length > limits.bytes) {
      return yield* this.refuse(name, `it has ${bytes.length} bytes, of ${limits.bytes} at most`)
    }
    const hash = yield* sha256HexOf(bytes)
    const artifact: Artifact = {
      hash,
      bytes: bytes.length,
      mediaType: cut(mediaType),
      ...(name === undefined ? {} : { name: cut(name) })
    }
    const known = this.artifacts.find((other) =>
      other.hash === hash && other.name === artifact.name && other.mediaType === artifact.mediaType
    )
    if (known !== undefined) return known
    if (this.artifacts.length === limits.count) {
      return yield* this.refuse(name, `the step keeps ${limits.count} already`)
    }
    if (!this.blobs.some((blob) => blob.hash === hash)) {
      const all = this.bytes + bytes.length
      if (all > limits.bytesOfStep) {
        return yield* this.refuse(name, `with it the step keeps ${all} bytes, of ${limits.bytesOfStep} at most`)
      }
      this.bytes = all
      this.blobs = [...this.blobs, { hash, data: text ?? ArtifactBytes.encode(bytes) }]
    }
    this.artifacts = [...this.artifacts, artifact]
    return artifact
  })

  private refuse(name: string | undefined, problem: string): Effect.Effect<never, ArtifactRefused> {
    return Effect.fail(new ArtifactRefused({ step: this.step, ...(name === undefined ? {} : { name }), problem }))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mediaTypes = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: *;[ -~]*)?$/

const problemOf = (mediaType: string, name: string | undefined): string | undefined =>
  mediaType.length > 200 || !mediaTypes.test(mediaType)
    ? `an artifact under "${mediaType}", which is no media type: one is such as text/plain, of 200 characters at most`
    : name !== undefined && (name === "" || name.length > 200 || /\p{Cc}|\p{Surrogate}/u.test(name))
    ? `an artifact under ${StoredJson.quote(name)}, which is no name: one has 1 to 200 characters in one line`
    : undefined
