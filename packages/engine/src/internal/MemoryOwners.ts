/** The owners of runs in a memory store: who claims which, and who has lost them. */
import type { Answers, ClaimOp, HeartbeatOp, ReapOp, RunRow } from "../Backend.ts"
import * as DueList from "./DueList.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { isOver, servedAs, type StoredRun } from "./MemoryStore.ts"

export class MemoryOwners {
  readonly #changes: MemoryChanges

  constructor(changes: MemoryChanges) {
    this.#changes = changes
  }

  claim(op: ClaimOp): Answers["claim"] {
    const { index } = this.#changes.store
    const served = op.programs === null ? null : [...new Set([...op.programs, ...op.kinds])]
    const serves = (due: DueList.Due) => {
      const { row } = this.#changes.store.runs.get(due.run)!
      if (row.definition !== null && op.without.includes(row.definition)) return false
      return served === null
        ? row.kind === "program" || op.kinds.includes(row.kind)
        : served.includes(servedAs(row))
    }
    const lists = op.roots !== null
      ? [...new Set(op.roots)].map((root) => index.dueByRoot.get(root))
      : served !== null
      ? served.map((name) => index.dueByServed.get(name))
      : [index.due]

    const found: Array<DueList.Due> = []
    for (const due of lists) {
      if (due === undefined) continue
      let left = op.limit
      for (const candidate of DueList.between(due, -Infinity, op.now)) {
        if (left <= 0) break
        if (!serves(candidate)) continue
        found.push(candidate)
        left--
      }
    }
    found.sort(DueList.compare)
    return {
      runs: found.slice(0, Math.max(0, op.limit)).map(({ run }) =>
        this.#own(this.#changes.store.runs.get(run)!, op.owner)
      )
    }
  }

  claimOne(owner: string, id: string): Answers["claimOne"] {
    const run = this.#changes.store.runs.get(id)
    const free = run !== undefined && run.row.owner === null && !isOver(run.row.status)
    return { run: free ? this.#own(run, owner) : null }
  }

  #own(run: StoredRun, owner: string): RunRow {
    const row: RunRow = { ...run.row, owner, epoch: run.row.epoch + 1, dueAt: null }
    this.#changes.set({ ...run, row })
    return row
  }

  reap(op: ReapOp): Answers["reap"] {
    let freed = 0
    for (const owner of this.#changes.store.owners.values()) {
      const isDead = op.owners === undefined
        ? owner.expiresAt < op.now
        : op.owners.some(({ expiresAt, id }) => id === owner.id && expiresAt === owner.expiresAt)
      if (isDead) this.#changes.drop(this.#changes.store.owners, owner.id)
    }
    const dead = this.#changes.store.index.owned.keys().filter((owner) => !this.#changes.store.owners.has(owner))
      .toArray()
    for (const owner of dead) freed += this.#free(owner, 1)
    return { freed }
  }

  #free(owner: string, takeovers: number): number {
    const runs = [...(this.#changes.store.index.owned.get(owner) ?? [])]
    for (const id of runs) {
      const run = this.#changes.store.runs.get(id)!
      this.#changes.set({
        ...run,
        row: { ...run.row, owner: null, dueAt: 0, takeovers: run.row.takeovers + takeovers }
      })
    }
    return runs.length
  }

  heartbeat({ owner }: HeartbeatOp): Answers["heartbeat"] {
    this.#changes.put(this.#changes.store.owners, owner.id, owner)
    return {}
  }

  retire(owner: string): Answers["retire"] {
    this.#changes.drop(this.#changes.store.owners, owner)
    return { freed: this.#free(owner, 0) }
  }
}
