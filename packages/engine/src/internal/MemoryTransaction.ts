/**
 * The operations of the storage seam on a memory store.
 */
import * as DayClaims from "@fermata/core/DayClaims"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Tenant from "@fermata/core/Tenant"
import * as AuditChain from "../AuditChain.ts"
import type {
  AnswerOp,
  Answers,
  CommitOp,
  DefinitionRow,
  Handlers,
  InboxOp,
  Known,
  LeaveOp,
  Op,
  OutboxRow,
  RaiseOp,
  ReportOp,
  RunRow,
  SpendingChange,
  StartOp,
  Together
} from "../Backend.ts"
import * as ImportRuns from "../ImportRuns.ts"
import * as TaskTables from "../TaskTables.ts"
import * as MemoryAccess from "./MemoryAccess.ts"
import * as MemoryAudit from "./MemoryAudit.ts"
import * as MemoryBookmarks from "./MemoryBookmarks.ts"
import { MemoryChanges } from "./MemoryChanges.ts"
import * as MemoryEndpoints from "./MemoryEndpoints.ts"
import { EventChanges } from "./MemoryEvents.ts"
import { MemoryOwners } from "./MemoryOwners.ts"
import * as MemoryRestore from "./MemoryRestore.ts"
import * as MemoryRetention from "./MemoryRetention.ts"
import * as MemorySchedules from "./MemorySchedules.ts"
import * as MemorySources from "./MemorySources.ts"
import { isOver, type MemoryStore, pair, type StoredRun } from "./MemoryStore.ts"
import * as MemoryTasks from "./MemoryTasks.ts"
import * as MemoryTenants from "./MemoryTenants.ts"

/** Applies operations at once, each so that it can be taken back. */
export class Transaction {
  readonly #store: MemoryStore
  readonly #changes: MemoryChanges
  readonly #events: EventChanges
  readonly #handlers: Handlers

  constructor(store: MemoryStore) {
    this.#store = store
    this.#changes = new MemoryChanges(store)
    this.#events = new EventChanges(store.events, this.#changes.record)
    const changes = this.#changes
    const owners = new MemoryOwners(changes)
    this.#handlers = {
      ...TaskTables.handlers(MemoryTasks.tables(changes, (row) => void this.#send(row))),
      start: (op) => this.#start(op),
      commit: (op) => this.#commit(op),
      leave: (op) => this.#leave(op),
      listen: ({ at, listener, message, run }) => {
        if (this.#isApplied(message)) return {}
        const found = store.runs.get(run)
        const payload = found === undefined ? TaskTables.gone : found.ended
        if (payload !== null) this.#tell(listener, run, payload, at)
        else if (!found!.listeners.includes(listener)) {
          changes.set({ ...found!, listeners: [...found!.listeners, listener] })
        }
        return {}
      },
      inbox: (op) => this.#inbox(op),
      answer: (op) => this.#answer(op),
      revoke: ({ id }) => {
        const revoked = store.standing.has(id)
        changes.drop(store.standing, id)
        return { revoked }
      },
      issue: (op) => MemoryAccess.issue(changes, op),
      withdraw: (op) => MemoryAccess.withdraw(changes, op),
      used: (op) => MemoryAccess.used(changes, op),
      quota: (op) => MemoryTenants.set(changes, op),
      bookmark: (op) => MemoryBookmarks.take(changes, op),
      claim: (op) => owners.claim(op),
      claimOne: ({ owner, run }) => owners.claimOne(owner, run),
      heartbeat: (op) => owners.heartbeat(op),
      reap: (op) => owners.reap(op),
      retire: ({ owner }) => owners.retire(owner),
      report: (op) => this.#report(op),
      publish: ({ rows }) => ({ added: rows.filter((row) => this.#send(row)).length }),
      delivered: ({ ids }) => {
        for (const id of ids) changes.drop(store.outbox, id)
        return {}
      },
      define: ({ row }) => define(changes, row),
      events: (op) => this.#events.keep(op, (row) => void this.#inbox({ row }), (event) => changes.change({ event })),
      sweep: (op) => this.#events.sweep(op),
      raise: (op) => this.#raise(op),
      restore: (op) => MemoryRestore.apply(changes, op),
      ingest: (op) => MemorySources.ingest(changes, op, (row) => void this.#send(row)),
      sweepSensors: (op) => MemorySources.sweep(changes, op),
      source: (op) => MemorySources.source(changes, op),
      endpoint: (op) => MemoryEndpoints.keep(changes, op),
      dropEndpoint: (op) => MemoryEndpoints.drop(changes, op),
      schedule: (op) => MemorySchedules.schedule(changes, op),
      unschedule: ({ name }) => MemorySchedules.unschedule(changes, name),
      fire: (op) => MemorySchedules.fire(changes, op, (row) => void this.#send(row)),
      free: (op) => MemorySchedules.free(changes, op),
      import: (op) =>
        ImportRuns.apply({
          isThere: (run) => store.runs.has(run),
          definition: (name, version) => store.definitions.get(pair(name, version)) ?? null,
          define: (row) => void define(changes, row),
          start: (start) => void this.#start(start),
          commit: (commit) => void this.#commit(commit)
        }, op),
      remove: (op) => MemoryRetention.remove(changes, this.#events, op),
      clear: () => ({ left: false }),
      retain: (op) => MemoryRetention.retain(changes, op),
      forget: (op) => MemoryRetention.forget(changes, this.#events, op)
    }
  }

  get changed(): boolean {
    return this.#changes.some
  }

  undo(): void {
    this.#changes.undo()
  }

  apply(op: Op): Answers[keyof Answers] | Known {
    const act = AuditChain.actOf(op)
    return act === undefined
      ? this.#applyOne(op)
      : AuditChain.apply(MemoryAudit.records(this.#changes), op, act, () => this.#applyOne(op))
  }

  #applyOne(op: Op): Answers[keyof Answers] {
    const handler = this.#handlers[op.op] as ((op: Op) => Answers[keyof Answers]) | undefined
    if (handler === undefined) throw new TypeError(`unknown operation ${(op as { readonly op: string }).op}`)
    return handler(op)
  }

  #start(op: StartOp): Answers["start"] {
    const { id } = op.run
    const known = this.#store.runs.get(id)
    if (known !== undefined) {
      if (this.#isApplied(op.message)) return { started: false, run: known.row }
      if (op.listener === null) {
        if (known.keeper !== null) this.#changes.set({ ...known, keeper: null })
      } else if (known.ended !== null) this.#tell(op.listener, id, known.ended, op.run.createdAt)
      else if (!known.listeners.includes(op.listener)) {
        this.#changes.set({ ...known, listeners: [...known.listeners, op.listener] })
      }
      return { started: false, run: known.row }
    }
    if (MemoryRetention.isGone(this.#store, op)) {
      return { started: false, run: { ...unstarted, ...op.run }, gone: true }
    }
    const full = op.isLimited === true ? MemoryTenants.full(this.#store, id) : undefined
    if (full !== undefined) return { started: false, run: { ...unstarted, ...op.run }, full }
    this.#keep(op.blobs)
    const owner = isOver(op.run.status) ? null : op.run.owner
    const restored = op.askedBy === undefined ? undefined : this.#store.runs.get(op.askedBy)?.row.restored
    const run: StoredRun = {
      row: {
        ...op.run,
        ...(restored === undefined ? {} : { restored }),
        owner,
        dueAt: isOver(op.run.status) || owner !== null ? null : op.run.dueAt,
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
    this.#changes.set(run)
    this.#tellOfEntries(run.row, 0, run.entries)
    for (const { event, paths } of op.subscriptions) this.#events.subscribe(id, event, paths, op.since)
    for (const [key, { row }] of Array.from(this.#store.early)) {
      if (row.run !== id) continue
      this.#changes.drop(this.#store.early, key)
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
    const given = [...op.rows, ...added.rows]
    const spending = op.spending ?? added.spending
    const settled = spending === undefined ? undefined : this.#settle(spender(row), given, spending)
    const rows = settled?.rows ?? given

    this.#keep(op.blobs)
    this.#keep(added.blobs)
    if (rows.length > 0) {
      for (const entry of rows) before.entries.push(entry)
      this.#changes.record(() => {
        before.entries.length = op.expected
      })
      this.#tellOfEntries(row, op.expected, rows)
    } else if (op.status !== undefined) {
      this.#events.mark()
      this.#changes.change({ ...placeOf(row), ...op.status, epoch: op.epoch, at: op.at })
    }
    for (const message of op.outbox) this.#send(message)
    for (const message of added.outbox) this.#send(message)
    for (const id of op.consumed) this.#changes.drop(this.#store.inbox, pair(op.run, id))
    const inbox = op.consumed.length === 0 ? before.inbox : before.inbox.filter((id) => !op.consumed.includes(id))
    let { approvals, awaits, listeners, ended } = before
    const opened = op.approvalsOpened.filter(({ key }, index, all) =>
      !approvals.includes(key) && all.findIndex((other) => other.key === key) === index
    )
    for (const row of opened) {
      this.#changes.put(this.#store.approvals, pair(op.run, row.key), {
        order: this.#store.arrivals++,
        row: { ...row, run: op.run }
      })
    }
    if (opened.length > 0) approvals = [...approvals, ...opened.map(({ key }) => key)]
    for (const key of op.approvalsClosed) {
      this.#changes.drop(this.#store.approvals, pair(op.run, key))
      approvals = approvals.filter((open) => open !== key)
    }
    if (op.awaits !== undefined) awaits = { ...awaits, waits: this.#events.change(op.run, awaits.waits, op.awaits) }
    if (op.ended !== undefined) {
      for (const key of approvals) this.#changes.drop(this.#store.approvals, pair(op.run, key))
      this.#events.end(op.run, awaits)
      for (const [key, { row }] of Array.from(this.#store.findings)) {
        if (row.run === op.run) this.#changes.drop(this.#store.findings, key)
      }
      approvals = listeners = []
      awaits = { subscriptions: [], waits: [] }
      ended = op.ended.payload
    }
    const { restored, ...certain } = row
    const status = op.status ?? row
    const final = op.ended !== undefined || isOver(status.status)
    const { release } = op
    this.#changes.set({
      ...before,
      inbox,
      approvals,
      awaits,
      listeners,
      ended,
      row: {
        ...certain,
        ...(restored === undefined || op.certain === true ? {} : { restored }),
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
        updatedAt: op.status !== undefined || release !== undefined || op.ended !== undefined ? op.at : row.updatedAt,
        ...(spending?.spent === undefined ? {} : { spent: Spent.sum(Spent.zero, spending.spent) })
      }
    })
    for (const day of settled?.days ?? []) this.#spend(spender(row), day)
    if (op.ended !== undefined) {
      for (const listener of before.listeners.toSorted()) this.#tell(listener, op.run, op.ended.payload, op.at)
    }
    if (op.leaves !== undefined) this.#leaveAll(op.run, op.leaves, op.at)
    if (op.leaves !== undefined || op.ended !== undefined) {
      TaskTables.abandon(MemoryTasks.tables(this.#changes, (row) => void this.#send(row)), op.run, op.at)
    }
    return {
      ok: true,
      ...(op.ended !== undefined && before.listeners.length > 0 ? { told: true } : {}),
      ...(op.ended !== undefined && before.listeners.some((one) => TaskTables.taskOfListener(one) !== undefined)
        ? { sent: true }
        : {}),
      ...(settled === undefined || settled.refused.length === 0 ? {} : { refused: settled.refused })
    }
  }

  #settle(workflow: string, rows: ReadonlyArray<string>, change: SpendingChange): DayClaims.Settled {
    const { spending } = this.#store
    return DayClaims.settle(rows, change, {
      standing: (day) => spending.get(pair(workflow, String(day))),
      later: (day) =>
        [...spending.values()]
          .filter((row) => row.workflow === workflow && row.day > day)
          .toSorted((a, b) => a.day - b.day)
    })
  }

  #tellOfEntries(row: RunRow, first: number, rows: ReadonlyArray<string>): void {
    if (rows.length > 0) this.#changes.change({ ...placeOf(row), first, entries: [...rows] })
  }

  #spend(workflow: string, change: SpentByDay.DaySums): void {
    const key = pair(workflow, String(change.day))
    const { spending } = this.#store
    this.#changes.put(spending, key, {
      workflow,
      ...SpentByDay.plus(spending.get(key) ?? SpentByDay.untouched(change.day), change)
    })
  }

  #raise({ message, reasons, row }: RaiseOp): Answers["raise"] {
    const { at, day, id, micros, tokens, workflow } = row
    const key = pair(workflow, String(day))
    const { dayRaises, runs, spending } = this.#store
    const known = spending.get(key)
    if (dayRaises.has(id)) return { result: "duplicate", raised: known?.raised ?? Spent.zero, told: [] }
    const raised = Spent.sum(known?.raised ?? Spent.zero, Spent.make(micros, tokens))
    const before = known ?? { workflow, day, micros: 0, tokens: 0, reservedMicros: 0, reservedTokens: 0 }
    this.#changes.put(dayRaises, id, row)
    this.#changes.put(spending, key, Spent.isZero(raised) ? before : { ...before, raised })
    const told = [...runs.values()].flatMap(({ row: run }) => {
      const isTold = spender(run) === workflow &&
        (run.status === "running" || (run.status === "suspended" && reasons.includes(run.reason ?? "")))
      return isTold && this.#inbox({ row: { run: run.id, ...message, at } }).result === "accepted" ? [run.id] : []
    })
    return { result: "accepted", raised, told: told.toSorted() }
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
    this.#changes.set({ ...run, listeners, keeper })
    if (keeper !== nobody || listeners.some((other) => this.#isOpen(other))) return { stopped: false }
    return { stopped: this.#inbox({ row }).result === "accepted" }
  }

  #isOpen(id: string): boolean {
    if (TaskTables.taskOfListener(id) !== undefined) return true
    const run = this.#store.runs.get(id)
    return run !== undefined && !isOver(run.row.status)
  }

  #isApplied(message: string | undefined): boolean {
    return message !== undefined && !this.#store.outbox.has(message)
  }

  #inbox({ early, row, unless }: Pick<InboxOp, "early" | "row" | "unless">): Answers["inbox"] {
    const run = this.#store.runs.get(row.run)
    if (run === undefined) {
      if (early !== true) return { result: "unknown" }
      if (this.#store.early.has(pair(row.run, row.id))) return { result: "duplicate" }
      this.#changes.put(this.#store.early, pair(row.run, row.id), { order: this.#store.arrivals++, row })
      return { result: "accepted" }
    }
    if (isOver(run.row.status)) return { result: "closed" }
    if (this.#store.inbox.has(pair(row.run, row.id))) return { result: "duplicate" }
    if (unless !== undefined && run.entries.slice(unless.from).some(unless.holds)) return { result: "duplicate" }
    this.#changes.put(this.#store.inbox, pair(row.run, row.id), { order: this.#store.arrivals++, row })
    this.#changes.set({
      ...run,
      inbox: [...run.inbox, row.id],
      row: run.row.owner === null ? { ...run.row, dueAt: 0 } : run.row
    })
    const { owner } = run.row
    return run.inbox.length === 0 ? { result: "accepted", owner, alone: true } : { result: "accepted", owner }
  }

  #answer({ answers, before, from, key, now, row, run, standing, status, version }: AnswerOp): Answers["answer"] {
    const at = now()
    const stored = this.#store.runs.get(run)
    const id = pair(run, key)
    const question = this.#store.approvals.get(id)
    if (stored !== undefined && isOver(stored.row.status)) return { result: "closed", at }
    if (question === undefined) return { result: "unknown", at }
    if (question.row.version !== version) return { result: "stale", at }
    if ((before !== null && at >= before) || (from !== null && at < from)) return { result: "untimely", at }
    if (row !== null && this.#inbox({ row: { ...row, run, at } }).result !== "accepted") {
      return { result: "duplicate", at }
    }
    this.#changes.put(this.#store.approvals, id, {
      ...question,
      row: { ...question.row, answers, status, version: version + 1 }
    })
    if (standing !== undefined && !this.#store.standing.has(standing.id)) {
      this.#changes.put(this.#store.standing, standing.id, {
        order: this.#store.arrivals++,
        row: { ...standing, at }
      })
    }
    return { result: "accepted", at }
  }

  #tell(listener: string, ended: string, payload: string, at: number): void {
    const task = TaskTables.taskOfListener(listener)
    if (task !== undefined) return void this.#send(TaskTables.endedRow(task, ended, payload))
    this.#inbox({ row: { run: listener, id: `child:${ended}`, kind: "child", payload, at } })
  }

  #report({ dueAt, epoch, row }: ReportOp): Answers["report"] {
    const run = this.#store.runs.get(row.run)
    const { findings } = this.#store
    const key = pair(row.run, row.reason)
    if (
      run === undefined || isOver(run.row.status) || run.row.owner !== null || run.row.epoch !== epoch ||
      run.row.dueAt !== dueAt ||
      (findings.get(key)?.row.length ?? -1) >= row.length
    ) return { reported: false }
    this.#changes.put(findings, key, { order: this.#store.arrivals++, row })
    if (row.woken) this.#changes.set({ ...run, row: { ...run.row, dueAt: 0 } })
    return { reported: true }
  }

  #keep(blobs: StartOp["blobs"]): void {
    for (const { data, hash } of blobs) {
      if (!this.#store.blobs.has(hash)) this.#changes.put(this.#store.blobs, hash, data)
    }
  }

  #send(row: OutboxRow): boolean {
    if (this.#store.outbox.has(row.id)) return false
    this.#changes.put(this.#store.outbox, row.id, { order: this.#store.arrivals++, row })
    return true
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const define = (changes: MemoryChanges, row: DefinitionRow): Answers["define"] => {
  const { definitions } = changes.store
  const key = pair(row.name, row.version)
  const known = definitions.get(key) ?? null
  if (known !== null && known.hash === row.hash && known.kind === row.kind) return { result: "same", known }
  if (known !== null && (known.kind !== "program" || row.kind !== "program")) return { result: "refused", known }
  changes.put(definitions, key, row)
  return { result: known === null ? "added" : "replaced", known }
}

const placeOf = ({ id, kind, root, workflow }: RunRow) => ({ run: id, root, workflow, kind })

/** A row of a run that was not started. */
const unstarted = { length: 0, epoch: 0, takeovers: 0, updatedAt: 0, waits: null, reason: null }

/** Of whose days the run spends: those of its workflow, in its tenant. */
const spender = ({ id, workflow }: RunRow): string => Tenant.qualify(Tenant.of(id), workflow)

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
