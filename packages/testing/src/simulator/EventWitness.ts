/**
 * Hears which events were kept and which were taken. The law: a run takes an
 * event that was kept behind its start, each at most once; where a wait asks for
 * one value and nothing else, or for nothing at all, the first that will do, and
 * it does not wait for one that has come.
 */
import type { StartOp } from "@fermata/engine/Backend"
import { anyValue, type EventsOp, type EventWait, type EventWaitChanges, valueAt } from "@fermata/engine/EventLog"
import type { Description } from "@fermata/engine/Extension"
import type { MemoryStore } from "@fermata/engine/MemoryBackend"

interface Kept {
  readonly name: string
  readonly event: unknown
}

interface Asking {
  /** The hash of its document. */
  readonly code: string
  /** Events kept before the run may ask for one of the name. */
  readonly since: ReadonlyMap<string, number>
  readonly taken: Set<string>
  /** Waits, each with the number of events that were kept before it was written down as it is. */
  readonly waits: Map<string, Omit<EventWait, "run"> & { readonly since: number }>
}

/** The step of a document that a key stands for: `poll~2` is the second time of `poll`, and `each[3]/poll` the one inside `each`. */
const stepOf = (key: string): string => key.slice(key.lastIndexOf("/") + 1).replace(/~\d+$/, "")

export class EventWitness {
  /** By id, in the order in which they were kept. */
  private readonly kept = new Map<string, Kept>()
  private readonly asking = new Map<string, Asking>()
  /** By document and step: the event, and the place at which the step asks for one value and for nothing else, or none where any event will do. */
  private readonly conditions = new Map<string, { readonly event: string; readonly path: string | undefined }>()
  private dropped = 0
  private readonly find: (problem: string) => void

  constructor(find: (problem: string) => void) {
    this.find = find
  }

  forget(): void {
    this.dropped = 0
    this.kept.clear()
    this.asking.clear()
  }

  defined(hash: string, { waits }: Description): void {
    for (const [step, asked] of waits) this.conditions.set(`${hash} ${step}`, asked)
  }

  keeps({ rows }: EventsOp): void {
    for (const { id, name, payload } of rows) {
      if (!this.kept.has(id)) this.kept.set(id, { name, event: JSON.parse(payload) })
    }
  }

  /** How many events the store may have dropped. */
  swept(dropped: number): void {
    this.dropped += dropped
  }

  started({ run, since, subscriptions }: StartOp): void {
    const ids = [...this.kept.keys()]
    const from = since === undefined || !this.kept.has(since) ? ids.length : ids.indexOf(since) + 1
    this.asking.set(run.id, {
      code: run.definition ?? "",
      since: new Map(subscriptions.map(({ event }) => [event, from])),
      taken: new Set(),
      waits: new Map()
    })
  }

  changed(run: string, { closed, opened }: EventWaitChanges): void {
    const waits = this.asking.get(run)?.waits
    for (const key of closed) waits?.delete(key)
    for (const wait of opened) waits?.set(wait.key, { ...wait, since: this.kept.size })
  }

  /** A step of this run has an event for its outcome. */
  took(run: string, step: string, id: string): void {
    const asking = this.asking.get(run)
    const found = this.kept.get(id)
    const what = `event ${id}, which step "${step}" of run ${run} took,`
    if (found === undefined || asking === undefined) return this.find(`${what} was never kept`)
    if (asking.taken.has(id)) this.find(`${what} had been taken by the run before`)
    asking.taken.add(id)
    const behind = [...this.kept].slice(asking.since.get(found.name) ?? 0)
    if (!behind.some(([other]) => other === id)) this.find(`${what} is from before the run may ask for it`)
    const condition = this.conditions.get(`${asking.code} ${stepOf(step)}`)
    if (condition === undefined) return
    const { path } = condition
    const value = path === undefined ? undefined : valueAt(found.event, path)
    const first = behind.find(([other, { event, name }]) =>
      name === condition.event && value !== anyValue && (path === undefined || valueAt(event, path) === value) &&
      (other === id || !asking.taken.has(other))
    )
    if (first !== undefined && first[0] !== id) this.find(`${what} came behind ${first[0]}, which is as good`)
  }

  /** Examines the store when nothing is left to happen. */
  examine({ events, runs }: MemoryStore): void {
    for (const [run, { code, taken, waits }] of this.asking) {
      if (runs.get(run)?.row.reason !== "signal") continue
      for (const { equality, event, key, since } of waits.values()) {
        const condition = this.conditions.get(`${code} ${stepOf(key)}`)
        if (condition === undefined || (equality === null && condition.path !== undefined)) continue
        const there = [...this.kept].slice(since).find(([id, kept]) =>
          kept.name === event && !taken.has(id) &&
          (equality === null || valueAt(kept.event, equality.path) === equality.value)
        )
        if (there !== undefined) this.find(`run ${run} waits under "${key}" for event ${there[0]}, which has come`)
      }
    }
    const present = new Set([...events.rows.values()].map(({ id }) => id))
    const lost = [...this.kept.keys()].filter((id) => !present.has(id))
    if (lost.length > this.dropped) { for (const id of lost) this.find(`event ${id} was kept, and is lost`) }
  }
}
