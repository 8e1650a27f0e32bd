/**
 * Hears which blobs are stored, and holds the journals to them: whatever a
 * recorded outcome keeps is there with it, and no blob is there that nothing
 * names.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { MemoryStore } from "@fermata/engine/MemoryBackend"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"

export class ArtifactWitness {
  private readonly stored = new Set<string>()
  private readonly find: (problem: string) => void

  constructor(find: (problem: string) => void) {
    this.find = find
  }

  forget(): void {
    this.stored.clear()
  }

  /** Entries of a run have been written, and with them these blobs. */
  wrote(runId: string, entries: ReadonlyArray<JournalEntry>, blobs: ReadonlyArray<{ readonly hash: string }>): void {
    const named = new Set(entries.flatMap((entry) => [...keptBy(entry), ...Object.values(entry.blobs ?? {})]))
    for (const { hash } of blobs) {
      this.stored.add(hash)
      if (!named.has(hash)) this.find(`a commit to run ${runId} stored blob ${hash}, which none of its entries names`)
    }
    for (const hash of named) {
      if (!this.stored.has(hash)) this.find(`an entry of run ${runId} names blob ${hash}, which no commit has stored`)
    }
  }

  /** Reads whatever the runs keep. */
  examine(
    store: MemoryStore,
    runs: Iterable<{ readonly id: string; readonly entries: ReadonlyArray<JournalEntry> }>
  ): void {
    const { artifact } = Store.make(MemoryBackend.make(store))
    for (const { entries, id } of runs) {
      for (const hash of entries.flatMap(keptBy)) {
        const found = Effect.runSync(artifact(hash))
        if (typeof found === "string") this.find(`artifact ${hash} of run ${id} is ${found}`)
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const keptBy = (entry: JournalEntry): ReadonlyArray<string> =>
  "artifacts" in entry && entry.artifacts !== undefined ? entry.artifacts.map(({ hash }) => hash) : []
