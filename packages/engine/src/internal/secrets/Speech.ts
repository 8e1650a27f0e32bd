/** What one try of a step says, without the secrets that it was told. */
import * as Effect from "effect/Effect"
import type { ChunkStream } from "../ChunkStream.ts"
import type { Confidant } from "./Scrub.ts"
import { SecretStream } from "./SecretStream.ts"

export class Speech {
  readonly stream: ChunkStream
  private readonly confidant: Confidant | undefined
  /** From the first chunk on behind a secret. */
  private guarded: SecretStream | undefined

  constructor(stream: ChunkStream, confidant: Confidant | undefined) {
    this.stream = stream
    this.confidant = confidant
  }

  readonly write = (chunk: unknown): Effect.Effect<void> =>
    Effect.suspend(() => {
      const scrub = this.confidant?.scrub
      if (scrub === undefined) return this.stream.write(chunk)
      this.guarded ??= new SecretStream(scrub)
      return this.all(this.guarded.push(chunk))
    })

  /** What waits for more is said, and the stream ends. */
  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    this.guarded === undefined ? this.stream.end : Effect.andThen(this.all(this.guarded.end()), this.stream.end)
  )

  private all(chunks: ReadonlyArray<unknown>): Effect.Effect<void> {
    return Effect.forEach(chunks, (chunk) => this.stream.write(chunk), { discard: true })
  }

  /** What is said at once. */
  static readonly at = (
    chunks: ReadonlyArray<unknown>,
    confidant: Confidant | undefined
  ): ReadonlyArray<unknown> => confidant?.scrub === undefined ? chunks : SecretStream.all(confidant.scrub, chunks)
}
