/**
 * The operations of the storage seam on a memory store.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import type {
  AnswerOp,
  Answers,
  ClaimOp,
  CommitOp,
  DefinitionRow,
  InboxOp,
  LeaveOp,
  Op,
  OutboxRow,
  ReapOp,
  ReportOp,
  RunRow,
  StartOp,
  Together
} from "../Backend.ts"
import * as DueList from "./DueList.ts"
import { EventChanges } from "./MemoryEvents.ts"
import { type MemoryStore, type Ordered, pair, reindex, servedAs, type StoredRun } from "./MemoryStore.ts"

/** Applies operations at once and remembers how to take each change back. */
export class Transaction {
  readonly #store: MemoryStore
  readonly #undo: Array<() => void> = []
  readonly #events: EventChanges

  constructor(store: MemoryStore) {
    this.#store = store
    this.#events = new EventChanges(store.events, (step) => this.#undo.push(step))
  }

  get changed(): boolean {
    return this.#undo.length > 0
  }

  undo(): void {
    for (const step of this.#undo.toReversed()) step()
  }

  apply(op: Op): Answers[keyof Answers] {
    switch (op.op) {
      case "start":
        return this.#start(op)
      case "commit":
        return this.#commit(op)
      case "leave":
        return this.#leave(op)
      case "inbox":
        return this.#inbox(op)
      case "answer":
        return this.#answer(op)
      case "claim":
        return this.#claim(op)
      case "claimOne":
        return this.#claimOne(op.owner, op.run)
      case "heartbeat":
        this.#put(this.#store.owners, op.owner.id, op.owner)
        return {}
      case "reap":
        return this.#reap(op)
      case "retire":
        this.#drop(this.#store.owners, op.owner)
        return { freed: this.#free(op.owner, 0) }
      case "report":
        return this.#report(op)
      case "publish":
        for (const row of op.rows) this.#send(row)
        return {}
      case "delivered":
        for (const id of op.ids) this.#drop(this.#store.outbox, id)
        return {}
      case "define":
        return this.#define(op.row)
      case "events":
        return this.#events.keep(op, (row) => void this.#inbox({ row }))
      case "sweep":
        return this.#events.sweep(op)
      default:
        throw new TypeError(`unknown operation ${(op as { readonly op: string }).op}`)
    }
  }

  #start(op: StartOp): Answers["start"] {
    const { id } = op.run
    const known = this.#store.runs.get(id)
    if (known !== undefined) {
      if (this.#isApplied(op.message)) return { started: false, run: known.row }
      if (op.listener === null) {
        if (known.keeper !== null) this.#set({ ...known, keeper: null })
      } else if (known.ended !== null) this.#tell(op.listener, id, known.ended, op.run.createdAt)
      else if (!known.listeners.includes(op.listener)) {
        this.#set({ ...known, listeners: [...known.listeners, op.listener] })
      }
      return { started: false, run: known.row }
    }
    this.#keep(op.blobs)
    const owner = over(op.run.status) ? null : op.run.owner
    const run: StoredRun = {
      row: {
        ...op.run,
        owner,
        dueAt: over(op.run.status) || owner !== null ? null : op.run.dueAt,
        reason: null,
        waits: null,
        length: op.rows.length,
        epoch: owner === null ? 0 : 1,
        takeovers: 0,
        updatedAt: op.run.createdAt
      },
      order: this.#store.arrivals++,
      entries: [...op.rows],
      inbox: [],
      approvals: [],
      awaits: { subscriptions: op.subscriptions.map(({ event }) => event), waits: [] },
      listeners: op.listener === null ? [] : [op.listener],
      keeper: op.listener,
      ended: null
    }
    this.#set(run)
    for (const { event, paths } of op.subscriptions) this.#events.subscribe(id, event, paths, op.since)
    for (const [key, { row }] of Array.from(this.#store.early)) {
      if (row.run !== id) continue
      this.#drop(this.#store.early, key)
      this.#inbox({ row })
    }
    const { inbox, row } = this.#store.runs.get(id)!
    return inbox.length > 0 ? { started: true, run: row, told: true } : { started: true, run: row }
  }

  #commit(op: CommitOp): Answers["commit"] {
    const before = this.#store.runs.get(op.run)
    if (before === undefined) return { ok: false, epoch: 0, length: 0 }
    const { row } = before
    if (row.epoch !== op.epoch || row.length !== op.expected) return { ok: false, epoch: row.epoch, length: row.length }
    if (op.ended !== undefined && before.inbox.some((id) => !op.consumed.includes(id))) {
      return { ok: false, epoch: row.epoch, length: row.length, unseen: true }
    }

    const added = op.together === undefined ? nothing : madeBy(op.together)
    if (added === null) return { ok: false, epoch: row.epoch, length: row.length, undone: true }
    const rows = [...op.rows, ...added.rows]

    this.#keep(op.blobs)
    this.#keep(added.blobs)
    if (rows.length > 0) {
      for (const entry of rows) before.entries.push(entry)
      this.#undo.push(() => {
        before.entries.length = op.expected
      })
    }
    for (const message of op.outbox) this.#send(message)
    for (const message of added.outbox) this.#send(message)
    for (const id of op.consumed) this.#drop(this.#store.inbox, pair(op.run, id))
    const inbox = op.consumed.length === 0 ? before.inbox : before.inbox.filter((id) => !op.consumed.includes(id))
    let { approvals, awaits, listeners, ended } = before
    const opened = op.approvalsOpened.filter(({ key }, index, all) =>
      !approvals.includes(key) && all.findIndex((other) => other.key === key) === index
    )
    for (const row of opened) {
      this.#put(this.#store.approvals, pair(op.run, row.key), {
        order: this.#store.arrivals++,
        row: { ...row, run: op.run }
      })
    }
    if (opened.length > 0) approvals = [...approvals, ...opened.map(({ key }) => key)]
    for (const key of op.approvalsClosed) {
      this.#drop(this.#store.approvals, pair(op.run, key))
      approvals = approvals.filter((open) => open !== key)
    }
    if (op.awaits !== undefined) awaits = { ...awaits, waits: this.#events.change(op.run, awaits.waits, op.awaits) }
    if (op.ended !== undefined) {
      for (const key of approvals) this.#drop(this.#store.approvals, pair(op.run, key))
      this.#events.end(op.run, awaits)
      for (const [key, { row }] of Array.from(this.#store.findings)) {
        if (row.run === op.run) this.#drop(this.#store.findings, key)
      }
      approvals = listeners = []
      awaits = { subscriptions: [], waits: [] }
      ended = op.ended.payload
    }
    const status = op.status ?? row
    const final = op.ended !== undefined || over(status.status)
    const { release } = op
    this.#set({
      ...before,
      inbox,
      approvals,
      awaits,
      listeners,
      ended,
      row: {
        ...row,
        status: status.status,
        reason: status.reason,
        waits: status.waits,
        length: row.length + rows.length,
        owner: final || release !== undefined ? null : row.owner,
        dueAt: final
          ? null
          : release === undefined
          ? row.dueAt
          : inbox.length > 0 && release.quiet !== true
          ? 0
          : release.dueAt,
        takeovers: rows.length > 0 || release !== undefined ? 0 : row.takeovers,
        updatedAt: op.status !== undefined || release !== undefined || op.ended !== undefined ? op.at : row.updatedAt
      }
    })
    if (op.ended !== undefined) {
      for (const listener of before.listeners.toSorted()) this.#tell(listener, op.run, op.ended.payload, op.at)
    }
    if (op.leaves !== undefined) this.#leaveAll(op.run, op.leaves, op.at)
    return op.ended !== undefined && before.listeners.length > 0 ? { ok: true, told: true } : { ok: true }
  }

  #leaveAll(listener: string, { except, row }: NonNullable<CommitOp["leaves"]>, at: number): void {
    for (const run of [...(this.#store.index.listening.get(listener) ?? [])].toSorted()) {
      if (!except.includes(run)) this.#leave({ op: "leave", listener, row: { ...row, run, at } })
    }
  }

  #leave({ listener, message, row }: LeaveOp): Answers["leave"] {
    const run = this.#store.runs.get(row.run)
    if (run === undefined || !run.listeners.includes(listener) || this.#isApplied(message)) return { stopped: false }
    const listeners = run.listeners.filter((other) => other !== listener)
    const keeper = run.keeper === listener ? nobody : run.keeper
    this.#set({ ...run, listeners, keeper })
    if (keeper !== nobody || listeners.some((other) => this.#isOpen(other))) return { stopped: false }
    return { stopped: this.#inbox({ row }).result === "accepted" }
  }

  #isOpen(id: string): boolean {
    const run = this.#store.runs.get(id)
    return run !== undefined && !over(run.row.status)
  }

  #isApplied(message: string | undefined): boolean {
    return message !== undefined && !this.#store.outbox.has(message)
  }

  #inbox({ early, row }: Pick<InboxOp, "early" | "row">): Answers["inbox"] {
    const run = this.#store.runs.get(row.run)
    if (run === undefined) {
      if (early !== true) return { result: "unknown" }
      if (this.#store.early.has(pair(row.run, row.id))) return { result: "duplicate" }
      this.#put(this.#store.early, pair(row.run, row.id), { order: this.#store.arrivals++, row })
      return { result: "accepted" }
    }
    if (over(run.row.status)) return { result: "closed" }
    if (this.#store.inbox.has(pair(row.run, row.id))) return { result: "duplicate" }
    this.#put(this.#store.inbox, pair(row.run, row.id), { order: this.#store.arrivals++, row })
    this.#set({
      ...run,
      inbox: [...run.inbox, row.id],
      row: run.row.owner === null ? { ...run.row, dueAt: 0 } : run.row
    })
    const { owner } = run.row
    return run.inbox.length === 0 ? { result: "accepted", owner, alone: true } : { result: "accepted", owner }
  }

  #answer({ answers, before, from, key, now, row, run, status, version }: AnswerOp): Answers["answer"] {
    const at = now()
    const stored = this.#store.runs.get(run)
    const id = pair(run, key)
    const question = this.#store.approvals.get(id)
    if (stored !== undefined && over(stored.row.status)) return { result: "closed", at }
    if (question === undefined) return { result: "unknown", at }
    if (question.row.version !== version) return { result: "stale", at }
    if ((before !== null && at >= before) || (from !== null && at < from)) return { result: "untimely", at }
    if (row !== null && this.#inbox({ row: { ...row, run, at } }).result !== "accepted") {
      return { result: "duplicate", at }
    }
    this.#put(this.#store.approvals, id, {
      ...question,
      row: { ...question.row, answers, status, version: version + 1 }
    })
    return { result: "accepted", at }
  }

  #tell(listener: string, ended: string, payload: string, at: number): void {
    this.#inbox({ row: { run: listener, id: `child:${ended}`, kind: "child", payload, at } })
  }

  #claim(op: ClaimOp): Answers["claim"] {
    const { index } = this.#store
    const served = op.programs === null ? null : [...new Set([...op.programs, ...op.kinds])]
    const serves = (due: DueList.Due) => {
      const { row } = this.#store.runs.get(due.run)!
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
      runs: found.slice(0, Math.max(0, op.limit)).map(({ run }) => this.#own(this.#store.runs.get(run)!, op.owner))
    }
  }

  #claimOne(owner: string, id: string): Answers["claimOne"] {
    const run = this.#store.runs.get(id)
    const free = run !== undefined && run.row.owner === null && !over(run.row.status)
    return { run: free ? this.#own(run, owner) : null }
  }

  #own(run: StoredRun, owner: string): RunRow {
    const row: RunRow = { ...run.row, owner, epoch: run.row.epoch + 1, dueAt: null }
    this.#set({ ...run, row })
    return row
  }

  #reap(op: ReapOp): Answers["reap"] {
    let freed = 0
    for (const owner of this.#store.owners.values()) {
      const isDead = op.owners === undefined
        ? owner.expiresAt < op.now
        : op.owners.some(({ expiresAt, id }) => id === owner.id && expiresAt === owner.expiresAt)
      if (isDead) this.#drop(this.#store.owners, owner.id)
    }
    const dead = this.#store.index.owned.keys().filter((owner) => !this.#store.owners.has(owner)).toArray()
    for (const owner of dead) freed += this.#free(owner, 1)
    return { freed }
  }

  #free(owner: string, takeovers: number): number {
    const runs = [...(this.#store.index.owned.get(owner) ?? [])]
    for (const id of runs) {
      const run = this.#store.runs.get(id)!
      this.#set({ ...run, row: { ...run.row, owner: null, dueAt: 0, takeovers: run.row.takeovers + takeovers } })
    }
    return runs.length
  }

  #report({ dueAt, epoch, row }: ReportOp): Answers["report"] {
    const run = this.#store.runs.get(row.run)
    const { findings } = this.#store
    const key = pair(row.run, row.reason)
    if (
      run === undefined || over(run.row.status) || run.row.owner !== null || run.row.epoch !== epoch ||
      run.row.dueAt !== dueAt ||
      (findings.get(key)?.row.length ?? -1) >= row.length
    ) return { reported: false }
    this.#put(findings, key, { order: this.#store.arrivals++, row })
    if (row.woken) this.#set({ ...run, row: { ...run.row, dueAt: 0 } })
    return { reported: true }
  }

  #define(row: DefinitionRow): Answers["define"] {
    const key = pair(row.name, row.version)
    const known = this.#store.definitions.get(key) ?? null
    if (known !== null && known.hash === row.hash && known.kind === row.kind) return { result: "same", known }
    if (known !== null && (known.kind !== "program" || row.kind !== "program")) return { result: "refused", known }
    this.#put(this.#store.definitions, key, row)
    return { result: known === null ? "added" : "replaced", known }
  }

  #keep(blobs: StartOp["blobs"]): void {
    for (const { data, hash } of blobs) {
      if (!this.#store.blobs.has(hash)) this.#put(this.#store.blobs, hash, data)
    }
  }

  #send(row: OutboxRow): void {
    if (this.#store.outbox.has(row.id)) return
    this.#put(this.#store.outbox, row.id, { order: this.#store.arrivals++, row })
  }

  #set(run: StoredRun): void {
    const { runs } = this.#store
    const { id } = run.row
    const before = runs.get(id)
    reindex(this.#store, before, run)
    runs.set(id, run)
    this.#undo.push(() => {
      reindex(this.#store, run, before)
      if (before === undefined) runs.delete(id)
      else runs.set(id, before)
    })
  }

  #put<Value>(map: Map<string, Value>, key: string, value: Value): void {
    const before = map.get(key)
    map.set(key, value)
    this.#undo.push(() => {
      if (before === undefined) map.delete(key)
      else map.set(key, before)
    })
  }

  /** Taking a removal back costs a sort, so that failures pay for order and not every write. */
  #drop<Value>(map: Map<string, Value>, key: string): void {
    const before = map.get(key)
    if (before === undefined) return
    map.delete(key)
    this.#undo.push(() => {
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

const nothing: ReturnType<Together> = { rows: [], blobs: [], outbox: [] }

/** What users keep in memory is theirs, so there is nothing to put the effect into. */
const madeBy = (together: Together): ReturnType<Together> => {
  try {
    return together((effect) => effect)
  } catch {
    return null
  }
}

/** The keeper of a run whose keeper has left it: the last to leave it stops it. */
const nobody = ""

const over = (status: string): boolean => isFinal(status as RunStatus)

const isOrdered = (value: unknown): value is Ordered<unknown> =>
  typeof value === "object" && value !== null && "order" in value && typeof value.order === "number"
