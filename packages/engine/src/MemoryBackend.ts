/**
 * The storage seam in memory: for tests, the simulator and programs that need
 * no durability.
 *
 * A `MemoryStore` is the disk and a `Backend` one connection to it, so a store
 * outlives the host that wrote it: drop the host at any moment, connect again,
 * and what was committed is there.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import {
  type Answers,
  type ApprovalRow,
  type Backend,
  type ClaimOp,
  type CommitOp,
  type DefinitionRow,
  type InboxOp,
  type InboxRow,
  type Op,
  type OutboxRow,
  type OwnerRow,
  type ReapOp,
  type RunFilter,
  type RunRow,
  type StartOp,
  StorageFailed,
  type SubscriptionRow
} from "./Backend.ts"
import * as DueList from "./internal/DueList.ts"

/** What a memory host has stored. Plain data: `structuredClone` takes a snapshot. */
export interface MemoryStore {
  readonly runs: Map<string, StoredRun>
  readonly blobs: Map<string, string>
  readonly inbox: Map<string, Ordered<InboxRow>>
  readonly outbox: Map<string, Ordered<OutboxRow>>
  readonly approvals: Map<string, Ordered<ApprovalRow>>
  readonly owners: Map<string, OwnerRow>
  readonly definitions: Map<string, DefinitionRow>
  readonly index: {
    readonly due: DueList.DueList
    /** By `name@version` of programs; contracts are all under the empty name. */
    readonly dueByServed: Map<string, DueList.DueList>
    readonly dueByRoot: Map<string, DueList.DueList>
    readonly owned: Map<string, Set<string>>
    /** Owned runs that have something in their inbox. */
    readonly told: Map<string, Set<string>>
    readonly subscriptions: Map<string, Map<string, Ordered<SubscriptionRow>>>
  }
  /** Counts everything that has an order of arrival. */
  arrivals: number
  /** Transactions that changed something, by all connections. */
  transactions: number
}

/** A run with what a database would keep in other tables. */
export interface StoredRun {
  readonly row: RunRow
  readonly order: number
  readonly entries: Array<string>
  /** Ids of its inbox rows, in order of arrival. */
  readonly inbox: ReadonlyArray<string>
  /** Keys of its open approvals. */
  readonly approvals: ReadonlyArray<string>
  readonly subscriptions: ReadonlyArray<SubscriptionRow>
  readonly listeners: ReadonlyArray<string>
  /** What listeners are told; null until the run has ended. */
  readonly ended: string | null
}

export interface Ordered<Row> {
  readonly order: number
  readonly row: Row
}

/** An empty store. */
export const makeStore = (): MemoryStore => ({
  runs: new Map(),
  blobs: new Map(),
  inbox: new Map(),
  outbox: new Map(),
  approvals: new Map(),
  owners: new Map(),
  definitions: new Map(),
  index: {
    due: DueList.make(),
    dueByServed: new Map(),
    dueByRoot: new Map(),
    owned: new Map(),
    told: new Map(),
    subscriptions: new Map()
  },
  arrivals: 0,
  transactions: 0
})

/** A connection to the store. Several may be open at once; each sees what the others have written. */
export const make = (store: MemoryStore): Backend => {
  let own = 0

  const write = <const Ops extends ReadonlyArray<Op>>(ops: Ops) =>
    Effect.suspend(() => {
      const transaction = new Transaction(store)
      try {
        const answers = ops.map((op) => transaction.apply(op))
        if (transaction.changed) {
          store.transactions++
          own++
        }
        return Effect.succeed(answers as never)
      } catch (cause) {
        transaction.undo()
        return Effect.fail(
          new StorageFailed({ operation: "write", problem: "an operation failed, so none was applied", cause })
        )
      }
    })

  const definitions = () => [...store.definitions.values()].sort(byNameAndVersion)

  return {
    supports: { shared: false },
    write,
    run: (id) => Effect.sync(() => store.runs.get(id)?.row ?? null),
    runs: (filter) => Effect.sync(() => list(store, filter)),
    runIds: (prefix, limit) =>
      Effect.sync(() => take([...store.runs.keys()].filter((id) => id.startsWith(prefix)).sort(), limit)),
    entries: (run, from, limit) => Effect.sync(() => take(store.runs.get(run)?.entries.slice(from) ?? [], limit)),
    blob: (hash) => Effect.sync(() => store.blobs.get(hash) ?? null),
    inboxOf: (owner, limit) =>
      Effect.sync(() => {
        const rows: Array<Ordered<InboxRow>> = []
        for (const run of store.index.told.get(owner) ?? []) {
          for (const id of store.runs.get(run)!.inbox) rows.push(store.inbox.get(pair(run, id))!)
        }
        return take(inOrder(rows), limit)
      }),
    inbox: (run) =>
      Effect.sync(() => (store.runs.get(run)?.inbox ?? []).map((id) => store.inbox.get(pair(run, id))!.row)),
    outbox: (limit) => Effect.sync(() => first(store.outbox, limit)),
    approvals: (run, limit) =>
      Effect.sync(() => {
        const rows = run === null
          ? [...store.approvals.values()]
          : (store.runs.get(run)?.approvals ?? []).map((key) => store.approvals.get(pair(run, key))!)
        return take(rows.sort((a, b) => a.row.requestedAt - b.row.requestedAt || a.order - b.order), limit)
          .map((approval) => approval.row)
      }),
    subscriptions: (event) => Effect.sync(() => inOrder([...(store.index.subscriptions.get(event)?.values() ?? [])])),
    definitions: Effect.sync(definitions),
    definition: (name, version) => Effect.sync(() => store.definitions.get(pair(name, version)) ?? null),
    definitionByHash: (hash) => Effect.sync(() => definitions().find((row) => row.hash === hash) ?? null),
    owners: Effect.sync(() => [...store.owners.values()].sort((a, b) => (a.id < b.id ? -1 : 1))),
    nextDue: (after, roots) =>
      Effect.sync(() => {
        let next: number | null = null
        const lists = roots === null ? [store.index.due] : roots.map((root) => store.index.dueByRoot.get(root))
        for (const due of lists) {
          const at = due && DueList.between(due, after, Infinity).next().value?.at
          if (at !== undefined && (next === null || at < next)) next = at
        }
        return next
      }),
    census: Effect.sync(() => {
      const byStatus: Record<string, number> = {}
      for (const { row } of store.runs.values()) byStatus[row.status] = (byStatus[row.status] ?? 0) + 1
      let owned = 0
      for (const runs of store.index.owned.values()) owned += runs.size
      return { byStatus, owned, inbox: store.inbox.size, outbox: store.outbox.size }
    }),
    version: Effect.sync(() => store.transactions - own)
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Applies operations at once and remembers how to take each change back. */
class Transaction {
  readonly #store: MemoryStore
  readonly #undo: Array<() => void> = []

  constructor(store: MemoryStore) {
    this.#store = store
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
      case "inbox":
        return this.#inbox(op)
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
      case "publish":
        for (const row of op.rows) this.#send(row)
        return {}
      case "delivered":
        for (const id of op.ids) this.#drop(this.#store.outbox, id)
        return {}
      case "define":
        return this.#define(op.row)
      default:
        throw new TypeError(`unknown operation ${(op as { readonly op: string }).op}`)
    }
  }

  #start(op: StartOp): Answers["start"] {
    const { id } = op.run
    const known = this.#store.runs.get(id)
    if (known !== undefined) {
      if (op.listener !== null) {
        if (known.ended !== null) this.#tell(op.listener, id, known.ended, op.run.createdAt)
        else if (!known.listeners.includes(op.listener)) {
          this.#set({ ...known, listeners: [...known.listeners, op.listener] })
        }
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
      subscriptions: op.subscriptions.map((row) => ({ ...row, run: id })),
      listeners: op.listener === null ? [] : [op.listener],
      ended: null
    }
    this.#set(run)
    for (const row of run.subscriptions) {
      const rows = at(this.#store.index.subscriptions, row.event, () => new Map<string, Ordered<SubscriptionRow>>())
      this.#put(rows, pair(id, row.key), { order: this.#store.arrivals++, row })
    }
    return { started: true, run: run.row }
  }

  #commit(op: CommitOp): Answers["commit"] {
    const before = this.#store.runs.get(op.run)
    if (before === undefined) return { ok: false, epoch: 0, length: 0 }
    const { row } = before
    if (row.epoch !== op.epoch || row.length !== op.expected) return { ok: false, epoch: row.epoch, length: row.length }

    this.#keep(op.blobs)
    if (op.rows.length > 0) {
      before.entries.push(...op.rows)
      this.#undo.push(() => {
        before.entries.length = op.expected
      })
    }
    for (const message of op.outbox) this.#send(message)
    for (const id of op.consumed) this.#drop(this.#store.inbox, pair(op.run, id))
    let inbox = op.consumed.length === 0 ? before.inbox : before.inbox.filter((id) => !op.consumed.includes(id))
    let { approvals, subscriptions, listeners, ended } = before
    for (const approval of op.approvalsOpened) {
      this.#drop(this.#store.approvals, pair(op.run, approval.key))
      this.#put(this.#store.approvals, pair(op.run, approval.key), {
        order: this.#store.arrivals++,
        row: { ...approval, run: op.run }
      })
      approvals = [...approvals.filter((key) => key !== approval.key), approval.key]
    }
    for (const key of op.approvalsClosed) {
      this.#drop(this.#store.approvals, pair(op.run, key))
      approvals = approvals.filter((open) => open !== key)
    }
    if (op.ended !== undefined) {
      for (const id of inbox) this.#drop(this.#store.inbox, pair(op.run, id))
      for (const key of approvals) this.#drop(this.#store.approvals, pair(op.run, key))
      for (const subscription of subscriptions) {
        const rows = this.#store.index.subscriptions.get(subscription.event)
        if (rows !== undefined) this.#drop(rows, pair(op.run, subscription.key))
      }
      inbox = approvals = subscriptions = listeners = []
      ended = op.ended.payload
    }
    const status = op.status ?? row
    const final = op.ended !== undefined || over(status.status)
    const { release } = op
    this.#set({
      ...before,
      inbox,
      approvals,
      subscriptions,
      listeners,
      ended,
      row: {
        ...row,
        status: status.status,
        reason: status.reason,
        waits: status.waits,
        length: row.length + op.rows.length,
        owner: final || release !== undefined ? null : row.owner,
        dueAt: final ? null : release === undefined ? row.dueAt : inbox.length > 0 ? 0 : release.dueAt,
        takeovers: op.rows.length > 0 || release !== undefined ? 0 : row.takeovers,
        updatedAt: op.status !== undefined || release !== undefined || op.ended !== undefined ? op.at : row.updatedAt
      }
    })
    if (op.ended !== undefined) {
      for (const listener of before.listeners.toSorted()) this.#tell(listener, op.run, op.ended.payload, op.at)
    }
    return { ok: true }
  }

  #inbox({ approval, row }: InboxOp): Answers["inbox"] {
    const run = this.#store.runs.get(row.run)
    if (run === undefined) return { result: "unknown" }
    if (over(run.row.status)) return { result: "closed" }
    if (approval !== undefined) {
      const open = this.#store.approvals.get(pair(row.run, approval.key))
      if (open === undefined) return { result: "unknown" }
      const approvers: ReadonlyArray<string> = JSON.parse(open.row.approvers)
      if (!approval.identity.some((name) => approvers.includes(name))) return { result: "forbidden", approvers }
    }
    if (run.inbox.includes(row.id)) return { result: "duplicate" }
    this.#put(this.#store.inbox, pair(row.run, row.id), { order: this.#store.arrivals++, row })
    this.#set({
      ...run,
      inbox: [...run.inbox, row.id],
      row: run.row.owner === null ? { ...run.row, dueAt: 0 } : run.row
    })
    return { result: "accepted" }
  }

  #tell(listener: string, ended: string, payload: string, at: number): void {
    this.#inbox({ op: "inbox", row: { run: listener, id: `child:${ended}`, kind: "child", payload, at } })
  }

  #claim(op: ClaimOp): Answers["claim"] {
    const { index } = this.#store
    const served = op.programs === null ? null : [...new Set(op.programs), ...(op.contracts ? [contracts] : [])]
    const serves = (due: DueList.Due) => {
      const name = servedAs(this.#store.runs.get(due.run)!.row)
      return served === null ? op.contracts || name !== contracts : served.includes(name)
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
    return { runs: take(found, op.limit).map(({ run }) => this.#own(this.#store.runs.get(run)!, op.owner)) }
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
      if (owner.expiresAt < op.now) this.#drop(this.#store.owners, owner.id)
    }
    for (const owner of [...this.#store.index.owned.keys()]) {
      if (!this.#store.owners.has(owner)) freed += this.#free(owner, 1)
    }
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

  #define(row: DefinitionRow): Answers["define"] {
    const key = pair(row.name, row.version)
    const known = this.#store.definitions.get(key) ?? null
    if (known !== null && known.hash === row.hash && known.kind === row.kind) return { result: "same", known }
    if (known !== null && (known.kind === "contract" || row.kind === "contract")) return { result: "refused", known }
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

/** Moves a run between the indexes; works both ways, so it also undoes. */
const reindex = ({ index }: MemoryStore, before: StoredRun | undefined, after: StoredRun | undefined): void => {
  const was = before?.row
  const is = after?.row
  if (was?.dueAt !== is?.dueAt) {
    if (was !== undefined && was.dueAt !== null) {
      const due = { at: was.dueAt, order: before!.order, run: was.id }
      DueList.remove(index.due, due)
      removeDue(index.dueByServed, servedAs(was), due)
      removeDue(index.dueByRoot, was.root, due)
    }
    if (is !== undefined && is.dueAt !== null) {
      const due = { at: is.dueAt, order: after!.order, run: is.id }
      DueList.add(index.due, due)
      DueList.add(at(index.dueByServed, servedAs(is), DueList.make), due)
      DueList.add(at(index.dueByRoot, is.root, DueList.make), due)
    }
  }
  moveMember(index.owned, was?.owner, is?.owner, (was ?? is)!.id)
  moveMember(index.told, before?.inbox.length ? was?.owner : null, after?.inbox.length ? is?.owner : null, (was ?? is)!.id)
}

const removeDue = (lists: Map<string, DueList.DueList>, key: string, due: DueList.Due): void => {
  const list = lists.get(key)
  if (list === undefined) return
  DueList.remove(list, due)
  if (DueList.isEmpty(list)) lists.delete(key)
}

const moveMember = (
  groups: Map<string, Set<string>>,
  from: string | null | undefined,
  to: string | null | undefined,
  id: string
): void => {
  if (from === to) return
  const group = from == null ? undefined : groups.get(from)
  if (group?.delete(id) && group.size === 0) groups.delete(from!)
  if (to != null) at(groups, to, () => new Set<string>()).add(id)
}

const list = (store: MemoryStore, filter: RunFilter): ReadonlyArray<RunRow> => {
  const before = filter.before === undefined ? Infinity : store.runs.get(filter.before)?.order ?? -1
  const found: Array<RunRow> = []
  for (const { order, row } of [...store.runs.values()].reverse()) {
    if (found.length >= filter.limit) break
    if (order >= before) continue
    if (filter.status !== undefined && !filter.status.includes(row.status)) continue
    if (filter.reason !== undefined && (row.reason === null || !filter.reason.includes(row.reason))) continue
    if (filter.workflow !== undefined && filter.workflow !== row.workflow) continue
    if (filter.parent !== undefined && filter.parent !== row.parent) continue
    if (filter.root !== undefined && filter.root !== row.root) continue
    found.push(row)
  }
  return found
}

const over = (status: string): boolean => isFinal(status as RunStatus)

/** All contracts are served by whoever serves contracts. */
const contracts = ""
const servedAs = (row: RunRow): string => row.kind === "contract" ? contracts : `${row.workflow}@${row.version}`

const pair = (a: string, b: string): string => `${a}\u0000${b}`

const at = <Value>(map: Map<string, Value>, key: string, make: () => Value): Value => {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

const take = <A>(items: ReadonlyArray<A>, limit: number): ReadonlyArray<A> => items.slice(0, Math.max(0, limit))

const first = <Row>(rows: Map<string, Ordered<Row>>, limit: number): ReadonlyArray<Row> =>
  rows.values().take(Math.max(0, limit)).map(({ row }) => row).toArray()

const inOrder = <Row>(rows: Array<Ordered<Row>>): ReadonlyArray<Row> =>
  rows.sort((a, b) => a.order - b.order).map(({ row }) => row)

const isOrdered = (value: unknown): value is Ordered<unknown> =>
  typeof value === "object" && value !== null && "order" in value && typeof value.order === "number"

const byNameAndVersion = (a: DefinitionRow, b: DefinitionRow): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : a.version > b.version ? 1 : 0
