/**
 * The ids of a run's trace, as every process derives them by itself: a span that
 * is told twice is told under one id, and a parent is named before it is told.
 *
 * The id of the trace is the first half of the run's id. That of a span is made
 * of what it is and of the entry that began it, by a mix that gives no two of a
 * run the same.
 */

/** What a span of a run tells. */
export type SpanRole = keyof typeof roles

/** The context of a span, as it is handed on: ids in hex, of 32 and 16 digits. */
export interface SpanPlace {
  readonly traceId: string
  readonly spanId: string
}

/** What a `traceparent` says. */
export interface Traceparent extends SpanPlace {
  /** Whether whoever made the span tells it to a collector. */
  readonly sampled: boolean
}

/** The trace of a run: 32 hex digits, those of its id where it begins with as many. */
export const traceId = (runId: string): string =>
  startsAsTrace.test(runId) && !runId.startsWith(nothing)
    ? runId.slice(0, 32)
    : hex(hash(runId, 1n)) + hex(hash(runId, 2n))

/** The span of this role that the entry at `seq` began: 16 hex digits. `index` tells several of one entry apart, up to 4,095. */
export const spanId = (runId: string, role: SpanRole, seq = 0, index = 0): string => {
  const what = (BigInt(roles[role]) << 60n) | (BigInt(index & 0xfff) << 48n) | BigInt(seq)
  const id = mixed((what ^ seedOf(runId)) & all)
  return hex(id === 0n ? all : id)
}

/** The context of a span as `traceparent` of the W3C. It counts as told to a collector where it does not say otherwise. */
export const traceparent = ({ sampled = true, spanId, traceId }: SpanPlace & Partial<Traceparent>): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`

/** The context that a `traceparent` names; undefined where it is none. */
export const ofTraceparent = (text: string): Traceparent | undefined => {
  const found = form.exec(text)
  return found === null || found[1] === nothing || found[2] === nothing.slice(16)
    ? undefined
    : { traceId: found[1]!, spanId: found[2]!, sampled: (Number.parseInt(found[3]!, 16) & 1) === 1 }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const roles = { root: 0, wake: 1, step: 2, wait: 3, suspension: 4, body: 5 } as const

const startsAsTrace = /^[0-9a-f]{32}/
const form = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/
const nothing = "0".repeat(32)

const all = (1n << 64n) - 1n

/** The finalizer of SplitMix64: one to one, and every bit depends on all. */
const mixed = (value: bigint): bigint => {
  const first = ((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n) & all
  const second = ((first ^ (first >> 27n)) * 0x94d049bb133111ebn) & all
  return second ^ (second >> 31n)
}

/** FNV-1a of 64 bits, mixed. */
const hash = (text: string, salt: bigint): bigint => {
  let sum = 0xcbf29ce484222325n ^ salt
  for (let index = 0; index < text.length; index++) {
    sum = ((sum ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n) & all
  }
  return mixed(sum)
}

/** What all spans of a run share, of the run that was asked for last: one has many spans, most often one after the other. */
let last: { readonly runId: string; readonly seed: bigint } | undefined
const seedOf = (runId: string): bigint => {
  if (last?.runId !== runId) last = { runId, seed: hash(runId, 3n) }
  return last.seed
}

const hex = (value: bigint): string => value.toString(16).padStart(16, "0")
