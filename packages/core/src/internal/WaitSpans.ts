/** What a run waits for, and the spans of it: from the question to the answer. */
import type { EntryOf } from "../JournalEntry.ts"
import type { SpanAttributes, SpanEvent, SpanLink } from "../RunSpan.ts"
import * as TraceIds from "../TraceIds.ts"
import type { Wait } from "../Wait.ts"
import type { Telling } from "./SpanParts.ts"

interface OpenWait {
  readonly spanId: string
  readonly reason: string
  readonly attributes: SpanAttributes
  readonly events: Array<SpanEvent>
  readonly links: ReadonlyArray<SpanLink>
  start: number
}

export class WaitSpans {
  private readonly open = new Map<string, OpenWait>()
  private readonly telling: Telling

  constructor(telling: Telling) {
    this.telling = telling
  }

  /** A wait that the entry at `seq` has begun; `index` tells those of one suspension apart, from 1. */
  begin(
    reason: string,
    key: string,
    { at, seq }: { readonly at: number; readonly seq: number },
    attributes: SpanAttributes = {},
    links: ReadonlyArray<SpanLink> = [],
    index = 0
  ): void {
    this.open.set(idOf({ reason, key }), {
      spanId: TraceIds.spanId(this.telling.run, index === 0 ? "wait" : "suspension", seq, index),
      start: at,
      reason,
      attributes: { "fermata.wait.reason": reason, "fermata.wait.key": key, ...attributes },
      events: [],
      links
    })
  }

  /** Something happened that does not end the wait. */
  event(reason: string, key: string, name: string, at: number): void {
    this.open.get(idOf({ reason, key }))?.events.push({ name, at })
  }

  /** What was waited for has come. Nothing where nobody waits for it. */
  end(reason: string, key: string, at: number, attributes: SpanAttributes = {}): void {
    const id = idOf({ reason, key })
    const wait = this.open.get(id)
    if (wait === undefined) return
    this.open.delete(id)
    this.tell(wait, at, { "fermata.wait.end": "came", ...attributes })
  }

  /** Waits that no entry of their own begins are told by the suspensions that name them; those that one does not name were over at `since`. */
  suspended({ at, seq, waits }: EntryOf<"RunSuspended">, since: number): void {
    const named = new Set(waits.map(idOf))
    for (const [id, wait] of Array.from(this.open)) {
      if (ownEntries.has(wait.reason) || named.has(id)) continue
      this.open.delete(id)
      this.tell(wait, since, { "fermata.wait.end": "came" })
    }
    for (const [index, wait] of waits.entries()) {
      if (!ownEntries.has(wait.reason) && !this.open.has(idOf(wait))) {
        this.begin(wait.reason, wait.key, { at, seq }, {}, [], index + 1)
      }
    }
  }

  /** The run was suspended without an entry, behind the one before `seq`. */
  stopped(reason: string, place: { readonly at: number; readonly seq: number }): void {
    this.begin(reason, unrecorded, place, {}, [], mostIndex)
  }

  /** The run goes on after such a suspension. */
  goesOn(at: number): void {
    for (const [id, wait] of Array.from(this.open)) {
      if (wait.attributes["fermata.wait.key"] !== unrecorded) continue
      this.open.delete(id)
      this.tell(wait, at, { "fermata.wait.end": "came" })
    }
  }

  /** What is waited for has been so since this run parted from the one that it is a fork of. */
  forked(at: number): void {
    for (const wait of this.open.values()) wait.start = at
  }

  /** The run has ended, and waits no more. */
  close(at: number): void {
    for (const wait of this.open.values()) this.tell(wait, at, { "fermata.wait.end": "left" })
    this.open.clear()
  }

  private tell(wait: OpenWait, end: number, attributes: SpanAttributes): void {
    this.telling.tell({
      spanId: wait.spanId,
      parentId: this.telling.rootId,
      name: `wait ${wait.reason}`,
      kind: "internal",
      start: wait.start,
      end,
      attributes: { ...wait.attributes, ...attributes },
      events: wait.events,
      links: wait.links
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Waits that begin and end with entries of their own. */
const ownEntries: ReadonlySet<string> = new Set(["approval", "timer", "child"])

/** In place of the key of a suspension without an entry. */
const unrecorded = "(no entry)"
const mostIndex = 4_095

const idOf = ({ key, reason }: Pick<Wait, "key"> & { readonly reason: string }): string => `${reason} ${key}`
