/** Tokens in a memory store. */
import type { Answers, IssueOp, UsedOp, WithdrawOp } from "../Backend.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"

export const issue = (changes: MemoryChanges, { row }: IssueOp): Answers["issue"] => {
  const { store } = changes
  for (const { row: { expiresAt, id, parent } } of Array.from(store.accessTokens.values())) {
    if (parent !== null && expiresAt !== null && expiresAt <= row.createdAt) {
      changes.drop(store.accessTokens, id)
    }
  }
  const isLost = row.parent !== null && !store.accessTokens.has(row.parent)
  if (isLost || store.accessTokens.has(row.id)) return { issued: false }
  changes.put(store.accessTokens, row.id, { order: store.arrivals++, row: { ...row, usedAt: null } })
  return { issued: true }
}

export const withdraw = (changes: MemoryChanges, { id }: WithdrawOp): Answers["withdraw"] => {
  const { accessTokens } = changes.store
  const withdrawn = accessTokens.has(id)
  for (const { row } of Array.from(accessTokens.values())) {
    if (row.id === id || row.parent === id) changes.drop(accessTokens, row.id)
  }
  return { withdrawn }
}

export const used = (changes: MemoryChanges, { at, id }: UsedOp): Answers["used"] => {
  const { accessTokens } = changes.store
  const known = accessTokens.get(id)
  if (known !== undefined) {
    changes.put(accessTokens, id, { ...known, row: { ...known.row, usedAt: at } })
  }
  return {}
}
