/** The difference between two states of a file, for people and for the model. */
import { structuredPatch } from "diff"
import * as Text from "./Text.ts"

/** What changes: `shown` to people, as a unified diff, and `told` to the model. */
export interface Difference {
  readonly shown: string
  readonly told: string
}

/** The difference. Where it is too large to be shown, or one of them is no text, it says how large they are. */
export const of = (path: string, before: Uint8Array | undefined, after: Uint8Array): Difference => {
  const [old, now] = [before === undefined ? "" : Text.read(before), Text.read(after)]
  const verb = before === undefined ? "made" : "changed"
  const patch = old === undefined || now === undefined || (before?.length ?? 0) > most || after.length > most
    ? undefined
    : structuredPatch(path, path, old, now, undefined, undefined, { context: 3, maxEditLength })
  if (patch === undefined) {
    const sizes = before === undefined ? `${after.length} bytes` : `${before.length} bytes to ${after.length}`
    return { shown: `${verb} ${path}: ${sizes}`, told: `${verb} ${path}: ${sizes}` }
  }
  const lines = patch.hunks.flatMap(({ lines }) => lines)
  const added = lines.filter((line) => line.startsWith("+")).length
  const removed = lines.filter((line) => line.startsWith("-")).length
  const hunks = patch.hunks.map(({ lines, newLines, newStart, oldLines, oldStart }) =>
    [`@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@`, ...lines].join("\n")
  )
  return {
    shown: hunks.length === 0
      ? `${path} stays as it is`
      : [`--- ${before === undefined ? "/dev/null" : path}`, `+++ ${path}`, ...hunks].join("\n"),
    told: hunks.length === 0 ? `${path} is as it was` : `${verb} ${path}: ${added} lines added, ${removed} removed`
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** As the format wants it: of no lines the one before is named. */
const range = (start: number, lines: number): string => `${lines === 0 ? start - 1 : start},${lines}`

/** Changes beyond which a difference is not looked for, since that takes their square, and nothing else goes on meanwhile. */
const maxEditLength = 500

/** Bytes beyond which it is not. */
const most = 1_000_000
