/**
 * Secrets in what a step says piece by piece.
 *
 * A secret may come in several chunks, so what may be the beginning of one
 * waits for what comes next. What belongs together are the texts at one place of
 * the chunks, such as `delta`, with the same `type` and `id` beside them.
 *
 * ```
 * push ──(a text ends with the beginning of a secret)──▶ waits ──(goes on)──▶ waits, or is cut out of all of them
 *   └──(anything else)──▶ shown                            └──(the next says nothing there, or the end)──▶ shown
 * ```
 *
 * What waited in vain is shown: a beginning of less than 4 characters as it is,
 * a longer one is cut out. Where it goes on later all the same, the rest is cut
 * out too.
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Found, Scrub } from "./Scrub.ts"
import * as SecretForms from "./SecretForms.ts"

/** The beginning of a secret at the end of what was said at a place. */
interface Beginning {
  readonly name: string
  readonly text: string
  /** So much of it waits; the rest was shown. */
  readonly waiting: number
}

/** The beginning of a secret that was shown, or was cut out already. */
interface Shown {
  readonly text: string
  readonly isCut: boolean
}

export class SecretStream {
  private readonly scrub: Scrub
  private waiting: Array<unknown> = []
  private readonly beginnings = new Map<string, Beginning>()
  private readonly shown = new Map<string, Shown>()

  constructor(scrub: Scrub) {
    this.scrub = scrub
  }

  /** What is there already, each piece in its place. */
  static all(scrub: Scrub, pieces: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    const stream = new SecretStream(scrub)
    return [...pieces.flatMap((piece) => stream.push(piece)), ...stream.end()]
  }

  /** Takes what is said, and gives what may be shown now. */
  push(said: unknown): ReadonlyArray<unknown> {
    const chunk = said instanceof StoredJson.StoredJson ? said.toJSON() : said
    const texts = textsOf(chunk)
    const goesOn = this.waiting.length < mostWaiting &&
      Array.from(this.beginnings.keys()).every((place) => texts.has(place))
    const before = goesOn ? [] : this.end()
    this.waiting.push(chunk)
    for (const place of texts.keys()) this.look(place)
    return [...before, ...this.show(this.firstThatWaits())]
  }

  /** Nothing follows what waits. */
  end(): ReadonlyArray<unknown> {
    for (const [place, { name, text }] of this.beginnings) {
      const isCut = text.length >= SecretForms.shortest || this.shown.get(place)?.isCut === true
      if (isCut) {
        const all = this.textAt(place)
        this.cut(place, all, [{ start: all.length - text.length, end: all.length, name }])
      }
      this.shown.set(place, { text, isCut })
    }
    this.beginnings.clear()
    return this.show(this.waiting.length)
  }

  private show(count: number): ReadonlyArray<unknown> {
    return this.waiting.splice(0, count).map(this.scrub.json)
  }

  /** What waits at this place, behind what was shown of a beginning. */
  private textAt(place: string): string {
    const waiting = this.waiting.map((chunk) => textsOf(chunk).get(place)?.text ?? "")
    return (this.shown.get(place)?.text ?? "") + waiting.join("")
  }

  private look(place: string): void {
    const text = this.textAt(place)
    const shown = this.shown.get(place)
    const before = shown?.text.length ?? 0
    const found = this.scrub.places(text).filter(({ end }) => end > before)
    if (found.length > 0) this.cut(place, text, found)
    const rest = text.slice(found.at(-1)?.end ?? 0)
    const beginning = this.scrub.beginningOf(rest)
    const start = text.length - (beginning?.text.length ?? 0)
    if (shown === undefined || start >= before) this.shown.delete(place)
    else this.shown.set(place, { text: text.slice(start, before), isCut: shown.isCut })
    const waiting = text.length - Math.max(start, before)
    if (beginning === undefined || waiting === 0) this.beginnings.delete(place)
    else this.beginnings.set(place, { ...beginning, waiting })
  }

  /** Cuts these parts of a text out of the chunks that wait. The name stands where a part begins in them. */
  private cut(place: string, text: string, parts: ReadonlyArray<Found>): void {
    const shown = this.shown.get(place)
    const before = shown?.text.length ?? 0
    let from = before
    this.waiting = this.waiting.map((chunk) => {
      const found = textsOf(chunk).get(place)
      if (found === undefined) return chunk
      const to = from + found.text.length
      let left = ""
      let at = from
      for (const { end, name, start } of parts) {
        const begin = Math.max(start, before)
        if (end <= from || begin >= to) continue
        left += text.slice(at, Math.max(at, begin))
        if (begin >= from && !(start < before && shown?.isCut === true)) left += SecretRef.mark(name)
        at = Math.min(end, to)
      }
      left += text.slice(at, to)
      from = to
      return left === found.text ? chunk : replaced(chunk, found.path, left)
    })
  }

  /** The number of chunks that hold no part of a beginning, in front of those that do. */
  private firstThatWaits(): number {
    let first = this.waiting.length
    for (const [place, { waiting }] of this.beginnings) {
      let left = waiting
      let number = this.waiting.length
      while (left > 0 && number > 0) left -= textsOf(this.waiting[--number]).get(place)?.text.length ?? 0
      first = Math.min(first, number)
    }
    return first
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** So many chunks wait at most. */
const mostWaiting = 100

interface Text {
  readonly path: ReadonlyArray<string | number>
  readonly text: string
}

/** The texts of a chunk, by their places. */
const textsOf = (chunk: unknown): ReadonlyMap<string, Text> => {
  const texts = new Map<string, Text>()
  const walk = (value: unknown, path: ReadonlyArray<string | number>, beside: string): void => {
    if (typeof value === "string") texts.set(`${path.join("\u0000")}\u0000${beside}`, { path, text: value })
    if (typeof value !== "object" || value === null) return
    if (Array.isArray(value)) return value.forEach((item, index) => walk(item, [...path, index], beside))
    const { id, type } = value as { readonly id?: unknown; readonly type?: unknown }
    const own = `${plain(type)}\u0000${plain(id)}`
    for (const [key, member] of Object.entries(value)) {
      if (key !== "type" && key !== "id") walk(member, [...path, key], own)
    }
  }
  walk(chunk, [], "")
  return texts
}

const plain = (value: unknown): string => typeof value === "string" || typeof value === "number" ? `${value}` : ""

const replaced = (value: unknown, [first, ...rest]: ReadonlyArray<string | number>, text: string): unknown => {
  if (first === undefined) return text
  if (Array.isArray(value)) return value.map((item, index) => index === first ? replaced(item, rest, text) : item)
  const members = Object.entries(value as Readonly<Record<string, unknown>>)
  return Object.fromEntries(
    members.map(([key, member]) => [key, key === first ? replaced(member, rest, text) : member])
  )
}
