/** Leaves large values out of an answer, where the store has them under a hash. */
import { type Large, threshold } from "@fermata/api/Large"
import { sha256Hex } from "@fermata/engine/Digest"
import type { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The answer without those of its named fields that are large, and what it says instead. */
export const leaveOut = Effect.fnUntraced(
  function*<A extends object>(runs: Runs["Service"], answer: A, fields: ReadonlyArray<string & keyof A>) {
    const left: Partial<Record<string & keyof A, unknown>> = { ...answer }
    const large: Record<string, Large[string]> = {}
    for (const field of fields) {
      const value = answer[field]
      if (typeof value !== "string" && (typeof value !== "object" || value === null)) continue
      const text = JSON.stringify(value)
      if (text.length <= threshold) continue
      const blob = yield* sha256Hex(text)
      if (Option.isNone(yield* runs.blob(blob))) continue
      large[field] = { blob, bytes: new TextEncoder().encode(text).length }
      delete left[field]
    }
    const named = Object.keys(large).length === 0 ? {} : { large: large as Large }
    return { ...(left as unknown as A), ...named }
  }
)
