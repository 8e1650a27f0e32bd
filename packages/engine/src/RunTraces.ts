/**
 * Tells the traces of runs to whoever collects them, from what is committed.
 *
 * Nothing of it is on the way of a run: one process at a time reads the changes
 * of the store behind a bookmark, folds them to spans (`RunTrace`), sends these,
 * and moves the bookmark. So a trace is whole whichever processes its run went
 * through, and however they ended; a collector that is down is caught up with
 * later, out of the journal, and holds no memory meanwhile. A process that dies
 * between the two has the next one send those spans again, under the same ids.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { RunSpan } from "@fermata/core/RunSpan"
import { RunTrace } from "@fermata/core/RunTrace"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Change, type EntriesChange, hasEntries, hasEvent } from "./ChangeLog.ts"
import { Engine } from "./Engine.ts"
import { HostClock } from "./HostClock.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import type { EngineRuntime } from "./internal/EngineRuntime.ts"
import { RecentMap } from "./internal/RecentMap.ts"
import * as RunSpans from "./internal/RunSpans.ts"
import * as Sampler from "./Sampler.ts"

/** The spans were not taken. `retryable`: the same again may be. */
export class SpansRefused extends Schema.TaggedError<SpansRefused>()("SpansRefused", {
  problem: Schema.String,
  retryable: Schema.Boolean
}) {
  override get message(): string {
    return `The spans of runs were not taken: ${this.problem}`
  }
}

/** Where spans go, and how. Times in ms. */
export interface Options {
  /** Sends spans, at most some thousands at a time. Interrupted after `timeoutMs`. */
  readonly send: (spans: ReadonlyArray<RunSpan>) => Effect.Effect<void, SpansRefused>
  /** Whether inputs, outputs and what models said are told too. Default false. */
  readonly content?: boolean | undefined
  /** Which traces are told, each whole or not at all; `Sampler.all` when absent. */
  readonly sampler?: Sampler.Sampler | undefined
  /** How long spans are gathered before they are sent. Default 1,000. */
  readonly intervalMs?: number | undefined
  /** How long sending may take. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** How long the end of the process waits until all is told. Default 2,000. */
  readonly closeMs?: number | undefined
}

/**
 * Tells them while the layer lives. What was committed before anybody did so for
 * the first time is not told. When the layer closes, what this process has
 * committed is told, as far as the collector takes it within `closeMs`; the rest
 * is told by the next process.
 */
export const layer = (options: Options): Layer.Layer<never, never, Engine | HostClock> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const runtime = yield* CurrentRuntime.current
    // A process that can own no run commits nothing, and nobody would see that it has died.
    if (!runtime.ownership.isOwner) return
    const { now, sleep } = yield* HostClock
    yield* start(runtime, options, now, sleep)
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const name = "traces"
/** How long (ms) a process that says nothing keeps the others from reading. Longer than sending may take. */
const leaseMs = 20_000
/** ms between tries of a collector that is down: doubled up to the second. */
const pauses = { first: 1_000, most: 30_000 }
/** Traces that are kept in memory: those of other runs are read from the journal again. */
const mostKept = 2_000
/** Runs that are known to be told of nothing. */
const mostUntold = 10_000
const pageSize = 500

const start = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  options: Options,
  now: () => number,
  sleep: (millis: number) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const { backend, feed, ownership: { ownerId } } = runtime
  const reader = new Reader(runtime, options)

  const take = (move?: { readonly from: string | null; readonly to: string }, until = now() + leaseMs) =>
    Effect.map(
      backend.write([{
        op: "bookmark",
        name,
        holder: ownerId,
        now: now(),
        until,
        ...(move === undefined ? {} : { move })
      }]),
      ([answer]) => answer
    )
  /** Takes the bookmark, which begins at now. */
  const held = Effect.gen(function*() {
    const answer = yield* take()
    return answer.held && answer.position === null
      ? yield* take({ from: null, to: yield* backend.position })
      : answer
  })

  /** Sends what is behind the position, and moves on. Gives up to where, and whether there is more. */
  const pass = Effect.fnUntraced(function*(position: string, tries: number) {
    const { next, reset, rows } = yield* backend.changes(position, pageSize)
    if (rows.length === 0 && reset !== true) return { next, isMore: false }
    if (reset === true) reader.forget()
    const spans = yield* reader.spansOf(rows)
    if (spans.length > 0) yield* sending(spans, tries)
    const answer = yield* take({ from: position, to: next })
    // Somebody else has gone on meanwhile: what is known here may be of before.
    if (!answer.held || answer.position !== next) reader.forget()
    return { next, isMore: rows.length === pageSize }
  })

  const sending = (spans: ReadonlyArray<RunSpan>, tries: number): Effect.Effect<void, SpansRefused> => {
    const once = options.send(spans).pipe(
      Effect.timeoutOrElse({
        duration: options.timeoutMs ?? 10_000,
        orElse: () => Effect.fail(new SpansRefused({ problem: "it took too long", retryable: true }))
      }),
      Effect.withTracerEnabled(false)
    )
    const again = (left: number, pause: number): Effect.Effect<void, SpansRefused> =>
      Effect.catch(once, (refused) =>
        !refused.retryable
          // The same would be refused for ever.
          ? Effect.logWarning(refused.message)
          : left <= 1
          ? Effect.fail(refused)
          : Effect.logDebug(refused.message).pipe(
            Effect.andThen(sleep(pause)),
            // Others need not try meanwhile.
            Effect.andThen(Effect.ignore(take())),
            Effect.andThen(again(left - 1, Math.min(pause * 2, pauses.most)))
          ))
    return again(tries, pauses.first)
  }

  // Before anything can be committed here.
  const first = yield* Effect.exit(held)
  if (Exit.isFailure(first)) yield* Effect.logWarning("traces of runs are not told yet", first.cause)

  /** Waits until something is committed behind the position. It listens no longer than that, since for who listens each commit is read at once. */
  const something = Effect.fnUntraced(function*(position: string) {
    const { changed } = yield* feed.listen({})
    // Closed before the look, so that what comes during the look is seen.
    changed.closeUnsafe()
    const { reset, rows } = yield* backend.changes(position, 1)
    if (rows.length === 0 && reset !== true) yield* changed.await
  }, Effect.scoped)

  /** Behind this all is told. */
  let told: string | undefined
  const round = Effect.gen(function*() {
    if (told !== undefined) yield* something(told)
    told = undefined
    yield* sleep(options.intervalMs ?? 1_000)
    const answer = yield* held
    if (!answer.held) {
      // Another process tells them. Should it die, this one goes on.
      reader.forget()
      return yield* sleep(Math.max(1_000, answer.until - now()))
    }
    const { isMore, next } = yield* pass(answer.position!, Infinity)
    if (!isMore) told = next
  })

  const rest = Effect.gen(function*() {
    for (;;) {
      const answer = yield* take()
      if (!answer.held || answer.position === null || !(yield* pass(answer.position, 1)).isMore) return
    }
  })
  yield* Effect.addFinalizer(() =>
    rest.pipe(
      Effect.timeout(options.closeMs ?? 2_000),
      Effect.exit,
      // Who comes next need not wait.
      Effect.andThen(Effect.ignore(take(undefined, now()))),
      Effect.timeoutOption(options.closeMs ?? 2_000)
    )
  )
  yield* Effect.forkScoped(Effect.forever(
    Effect.catchCause(round, (cause) => Effect.andThen(Effect.logDebug("traces of runs", cause), sleep(pauses.first)))
  ))
})

/** The traces of runs as far as they were read. */
class Reader {
  private readonly runtime: EngineRuntime
  private readonly options: Options
  private readonly traces = new RecentMap<string, Read>(mostKept)
  /** Runs whose traces the sampler leaves out. */
  private readonly untold = new RecentMap<string, true>(mostUntold)

  constructor(runtime: EngineRuntime, options: Options) {
    this.runtime = runtime
    this.options = options
  }

  forget(): void {
    this.traces.clear()
    this.untold.clear()
  }

  readonly spansOf = (rows: ReadonlyArray<Change>): Effect.Effect<ReadonlyArray<RunSpan>> =>
    Effect.map(
      Effect.forEach(rows, (row) =>
        hasEvent(row)
          ? Effect.succeed([])
          : hasEntries(row)
          ? this.ofEntries(row)
          : Effect.sync(() => this.traces.get(row.run)?.trace?.stand(row) ?? [])),
      (all) => all.flat()
    )

  private readonly ofEntries = Effect.fnUntraced(function*(this: Reader, change: EntriesChange) {
    const { entries, first, run } = change
    const { store } = this.runtime
    if (this.untold.get(run) !== undefined) return []
    let read = this.traces.get(run)
    if (read === undefined || (read.trace !== undefined && read.next < first)) read = yield* this.begin(change)
    const { trace } = read
    if (trace === undefined) return []
    const exit = yield* Effect.exit(store.read(run, first, entries))
    if (Exit.isFailure(exit)) {
      // A journal that cannot be read is what the engine tells of.
      read.trace = undefined
      return []
    }
    const spans: Array<RunSpan> = []
    for (const entry of exit.value) {
      // What was told before a store was put back is not told again.
      if (entry.seq < read.next) continue
      read.next = entry.seq + 1
      if (this.leavesOut(change, entry)) return []
      spans.push(...trace.add(entry))
    }
    if (trace.isOver) this.traces.delete(run)
    return spans
  })

  /** The trace of a run up to this entry, of which nothing is told. */
  private readonly begin = Effect.fnUntraced(function*(this: Reader, change: EntriesChange) {
    const { first: upTo, run } = change
    const trace = new RunTrace(run, { content: this.options.content })
    const read: Read = { trace, next: 0 }
    this.traces.set(run, read)
    while (read.next < upTo) {
      const entries = yield* Effect.exit(
        this.runtime.store.journal(run, read.next, Math.min(pageSize, upTo - read.next))
      )
      if (Exit.isFailure(entries) || entries.value.length === 0) {
        read.trace = undefined
        break
      }
      if (this.leavesOut(change, entries.value[0]!)) {
        read.trace = undefined
        break
      }
      for (const entry of entries.value) trace.add(entry)
      read.next += entries.value.length
    }
    return read
  })

  /** Whether this is the first entry of a run of which nothing is told. */
  private leavesOut({ root, run }: EntriesChange, entry: JournalEntry): boolean {
    if (entry.seq > 0) return false
    const caller = RunSpans.callerIn(entry)
    if (Sampler.takesRun(this.options.sampler ?? Sampler.all, { id: run, root, caller })) return false
    this.traces.delete(run)
    this.untold.set(run, true)
    return true
  }
}

interface Read {
  /** Undefined where the journal cannot be read. */
  trace: RunTrace | undefined
  next: number
}
