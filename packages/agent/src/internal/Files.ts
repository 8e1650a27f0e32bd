/**
 * The files that a model is shown with the results of its calls, such as pictures.
 * The conversation has references to them alone: their bytes are read by whoever
 * asks the model.
 */
import type { Message } from "@fermata/core/AgentMessage"
import type { Artifact } from "@fermata/core/Artifact"
import type { StepContext } from "@fermata/engine/Step"
import * as Effect from "effect/Effect"
import type { Model } from "../Model.ts"

/** What of a conversation a model is shown, by the hashes of the files, or why it is not shown one. */
export const of = Effect.fnUntraced(function*(
  messages: ReadonlyArray<Message>,
  model: Model,
  { kept }: Pick<StepContext, "kept">
): Effect.fn.Return<ReadonlyMap<string, Uint8Array | string>> {
  const files = new Map<string, Uint8Array | string>()
  let bytes = 0
  let count = 0
  for (const artifact of latestFirst(messages)) {
    if (files.has(artifact.hash)) continue
    bytes += artifact.bytes
    const why = !images.has(artifact.mediaType)
      ? "it is neither PNG, JPEG, GIF nor WebP"
      : model.takesImages !== true
      ? `the model "${model.name}" takes no pictures`
      : ++count > mostFiles || bytes > mostBytes
      ? "others came after it, and no more are shown at once"
      : undefined
    files.set(artifact.hash, why ?? (yield* contentOf(artifact, kept)))
  }
  return files
})

/** For `JSON.stringify`, where the size of a prompt is estimated: a picture counts as so many characters, whatever its bytes. */
export const counted = (_: string, value: unknown): unknown => value instanceof Uint8Array ? picture : value

/** Tokens that a picture takes, rather too many than too few. */
export const tokensOfImage = 5_000

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const images = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

/** Providers take more of them; but each is sent again with every turn. */
const mostFiles = 20
const mostBytes = 20_000_000

const picture = "x".repeat(tokensOfImage * 3)

const latestFirst = (messages: ReadonlyArray<Message>): ReadonlyArray<Artifact> =>
  messages.flatMap((message) => message.role === "tool" ? message.content.flatMap(({ files = [] }) => files) : [])
    .toReversed()

/** Bytes that were read for an earlier turn. */
const known = new WeakMap<Artifact, Uint8Array>()

const contentOf = (artifact: Artifact, kept: StepContext["kept"]): Effect.Effect<Uint8Array | string> => {
  const before = known.get(artifact)
  if (before !== undefined) return Effect.succeed(before)
  return kept(artifact).pipe(
    Effect.tap((content) => Effect.sync(() => known.set(artifact, content))),
    Effect.catchTag("ArtifactDamaged", ({ problem }) => Effect.succeed(`its bytes are ${problem}`)),
    // The answer could not be stored either.
    Effect.orDie
  )
}
