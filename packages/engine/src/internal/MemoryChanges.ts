/** Changes to a memory store, each of which can be taken back. */
import { type MemoryStore, type Ordered, reindex, type StoredChange, type StoredRun } from "./MemoryStore.ts"

export class MemoryChanges {
  readonly store: MemoryStore
  readonly #undo: Array<() => void> = []

  constructor(store: MemoryStore) {
    this.store = store
  }

  get some(): boolean {
    return this.#undo.length > 0
  }

  /** Takes all of them back. */
  undo(): void {
    for (const step of this.#undo.toReversed()) step()
  }

  /** Remembers how a change that was made is taken back. */
  readonly record = (step: () => void): void => void this.#undo.push(step)

  /** Tells of a change. */
  change(change: StoredChange): void {
    const { changes } = this.store
    const { length } = changes
    changes.push(change)
    this.record(() => {
      changes.length = length
    })
  }

  /** Stores a run as it is from now on. */
  set(run: StoredRun): void {
    const { runs } = this.store
    const { id } = run.row
    const before = runs.get(id)
    reindex(this.store, before, run)
    runs.set(id, run)
    this.record(() => {
      reindex(this.store, run, before)
      if (before === undefined) runs.delete(id)
      else runs.set(id, before)
    })
  }

  /** Deletes a run. */
  remove(run: StoredRun): void {
    reindex(this.store, run, undefined)
    this.record(() => reindex(this.store, undefined, run))
    this.drop(this.store.runs, run.row.id)
  }

  /** Tells no more of what was committed about a run. The places of others stay what they are. */
  hush(run: string): void {
    const { changes } = this.store
    for (const [index, change] of changes.entries()) {
      if (change === null || "event" in change || change.run !== run) continue
      changes[index] = null
      this.record(() => {
        changes[index] = change
      })
    }
  }

  put<Value>(map: Map<string, Value>, key: string, value: Value): void {
    const before = map.get(key)
    map.set(key, value)
    this.record(() => {
      if (before === undefined) map.delete(key)
      else map.set(key, before)
    })
  }

  /** Taking a removal back costs a sort, so that failures pay for order and not every write. */
  drop<Value>(map: Map<string, Value>, key: string): void {
    const before = map.get(key)
    if (before === undefined) return
    map.delete(key)
    this.record(() => {
      map.set(key, before)
      if (!isOrdered(before)) return
      const rows = [...map].sort(([, a], [, b]) => (isOrdered(a) && isOrdered(b) ? a.order - b.order : 0))
      map.clear()
      for (const [id, row] of rows) map.set(id, row)
    })
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const isOrdered = (value: unknown): value is Ordered<unknown> =>
  typeof value === "object" && value !== null && "order" in value && typeof value.order === "number"
