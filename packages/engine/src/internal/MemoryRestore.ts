/** A memory store that was put back from a snapshot. */
import type { Restore } from "@fermata/core/Restore"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { type Answers, epochsAhead, type RestoreOp } from "../Backend.ts"
import * as ChangeLog from "../ChangeLog.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { isOver } from "./MemoryStore.ts"

export const apply = (changes: MemoryChanges, { at, by, from, id }: RestoreOp): Answers["restore"] => {
  const { store } = changes
  const newest = Math.max(
    ...[...store.runs.values()].map(({ row }) => row.updatedAt),
    ...[...store.events.rows.values()].map((row) => row.at)
  )
  const restored: Restore = { id, by, from: from ?? (Number.isFinite(newest) ? newest : at), to: at }
  const before = store.id
  store.id = id
  store.restores.push(restored)
  changes.record(() => {
    store.id = before
    store.restores.pop()
  })
  const senders = new Set([...store.outbox.values()].flatMap(({ row }) => senderOf(row.payload)))
  let runs = 0
  for (const run of store.runs.values()) {
    const { row } = run
    if (isOver(row.status)) {
      if (senders.has(row.id)) changes.set({ ...run, row: { ...row, restored } })
      continue
    }
    runs++
    changes.set({
      ...run,
      row: {
        ...row,
        restored,
        epoch: row.epoch + epochsAhead,
        owner: null,
        dueAt: row.owner === null ? row.dueAt : 0
      }
    })
  }
  for (const owner of store.owners.keys()) changes.drop(store.owners, owner)
  for (const [name, { holder, position }] of Array.from(store.bookmarks)) {
    const place = position === null ? undefined : ChangeLog.placeOf(before, position)
    changes.put(store.bookmarks, name, {
      position: place === undefined ? position : ChangeLog.positionOf(id, place),
      holder,
      until: 0
    })
  }
  return { restore: restored, runs }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const decode = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Struct({
  parent: Schema.optionalKey(Schema.NullOr(Schema.String)),
  correlationId: Schema.optionalKey(Schema.String)
})))

/** The run that a message comes from, or whose event it is. */
const senderOf = (payload: string): ReadonlyArray<string> => {
  const message = decode(payload)
  return Exit.isSuccess(message)
    ? [message.value.parent ?? [], message.value.correlationId ?? []].flat()
    : []
}
