/** Documents of a run, as the entries of its journal change them. */
import type { EntryOf } from "../JournalEntry.ts"
import * as Patch from "../Patch.ts"
import type { DocumentView } from "../RunViewSchema.ts"

/** The document at its next revision; with the value of the one before, and why, where the patch does not apply. */
export const changed = (
  document: DocumentView | undefined,
  { name, patch, revision }: EntryOf<"StateChanged">
): DocumentView => {
  const before = document?.value ?? null
  try {
    return { name, revision, value: Patch.apply(before, patch) }
  } catch (error) {
    return { name, revision, value: before, problem: error instanceof Error ? error.message : String(error) }
  }
}
