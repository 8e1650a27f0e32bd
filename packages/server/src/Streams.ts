/**
 * The open streams of a server: how many there may be, when each has been silent
 * for so long that it says a word, and their end when the server goes, or when
 * what let their caller in counts no more.
 */
import type { Caller } from "@fermata/api/Access"
import { TooManyRequests } from "@fermata/api/ApiErrors"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Callers from "./internal/Callers.ts"

/** How many streams may be open at once. */
export interface Limits {
  /** In this process; 2,000 when absent. */
  readonly most?: number
  /** Of one caller; 100 when absent. */
  readonly mostOfCaller?: number
}

/** How often (ms) something is said on a stream on which nothing happens. */
export const keepAliveMs = 15_000

/** How often (ms) is looked whether what let a caller in still counts: for so long may a stream outlast it. */
export const recheckMs = 5_000

/** What a stream hears beside what it tells: nothing has happened for a while; the server goes; its caller is not let in any more. */
export type Word = "idle" | "closing" | "refused"

/** A stream that has a place. */
export interface Place {
  /** What the fiber has come to, or what is to be said before that. The fiber goes on, and may be waited for again. */
  readonly heard: <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.Effect<Exit.Exit<A, E> | Word>
}

/** Counts the streams of a process, and ends them all at once. */
export class Streams extends Context.Service<Streams, {
  /** Takes a place until the scope closes, or says that there is none; `quota` is how many the tenant of the caller may have here. */
  readonly enter: (
    caller: Pick<Caller["Service"], "name" | "session" | "tenant">,
    quota?: number
  ) => Effect.Effect<Place, TooManyRequests, Scope.Scope>
  /** Tells every stream that the server goes, and waits until all have ended. */
  readonly close: Effect.Effect<void>
  /** How many are open. */
  readonly open: Effect.Effect<number>
}>()("@fermata/server/Streams") {
  /** The streams of one server. */
  static readonly layer = ({ most = 2_000, mostOfCaller = 100 }: Limits = {}): Layer.Layer<Streams> =>
    Layer.effect(
      Streams,
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const gone = Latch.makeUnsafe(true)
        const places = new Set<Seat>()
        const byCaller = new Map<string, number>()
        const byTenant = new Map<string, number>()
        let isClosing = false
        let ticking: Fiber.Fiber<void> | undefined
        const count = (counts: Map<string, number>, whose: string, by: number) => {
          const own = (counts.get(whose) ?? 0) + by
          if (own === 0) counts.delete(whose)
          else counts.set(whose, own)
        }
        /** One clock for all streams: each of its own would be a fiber and a timer more for each. */
        const tick = Effect.gen(function*() {
          for (let ticks = 1; places.size > 0; ticks++) {
            yield* Effect.sleep(tickMs)
            const now = yield* Clock.currentTimeMillis
            for (const place of places) place.tick(now)
            if (ticks % (recheckMs / tickMs) === 0) yield* recheck(places)
          }
          ticking = undefined
        })
        return Streams.of({
          enter: ({ name, session, tenant }, quota = Infinity) =>
            Effect.suspend(() => {
              const caller = Callers.keyOf({ name, tenant })
              const refused = places.size >= most
                ? { problem: `This server has its ${most} streams open`, limit: "streams" }
                : (byCaller.get(caller) ?? 0) >= mostOfCaller
                ? {
                  problem: `${name} has ${mostOfCaller} streams open, which is the most`,
                  limit: "streams of a caller"
                }
                : tenant !== undefined && (byTenant.get(tenant) ?? 0) >= quota
                ? {
                  problem: `The tenant ${tenant} has ${quota} streams open, which is the most`,
                  limit: "streams of a tenant"
                }
                : undefined
              if (refused !== undefined) return Effect.fail(new TooManyRequests({ ...refused, retryAfter: 5 }))
              const place = new Seat(session, isClosing ? "closing" : undefined)
              const taken = Effect.acquireRelease(
                Effect.sync(() => {
                  places.add(place)
                  count(byCaller, caller, 1)
                  if (tenant !== undefined) count(byTenant, tenant, 1)
                  gone.closeUnsafe()
                  return place
                }),
                () =>
                  Effect.sync(() => {
                    places.delete(place)
                    count(byCaller, caller, -1)
                    if (tenant !== undefined) count(byTenant, tenant, -1)
                    if (places.size === 0) gone.openUnsafe()
                  })
              )
              return Effect.tap(
                taken,
                () =>
                  ticking !== undefined ? Effect.void : Effect.map(Effect.forkIn(tick, scope), (fiber) => {
                    ticking = fiber
                  })
              )
            }),
          close: Effect.suspend(() => {
            isClosing = true
            for (const place of places) place.end("closing")
            return gone.await
          }),
          open: Effect.sync(() => places.size)
        })
      })
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const tickMs = 1_000

type Session = Caller["Service"]["session"]

class Seat implements Place {
  readonly session: Session
  private ended: Word | undefined
  private wake: ((word: Word) => void) | undefined
  private since = 0

  constructor(session: Session, ended: Word | undefined) {
    this.session = session
    this.ended = ended
  }

  readonly heard = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<Exit.Exit<A, E> | Word> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.callback((resume) => {
        const done = (heard: Exit.Exit<A, E> | Word) => {
          leave()
          resume(Effect.succeed(heard))
        }
        const leave = () => {
          this.wake = undefined
          unobserve()
        }
        let unobserve = () => {}
        if (this.ended !== undefined) return done(this.ended)
        this.since = now
        this.wake = done
        unobserve = fiber.addObserver(done)
        return Effect.sync(leave)
      }))

  tick(now: number): void {
    if (now - this.since >= keepAliveMs) this.wake?.("idle")
  }

  /** What it has told is not taken back, and this is the last that it hears. */
  end(word: Word): void {
    this.ended ??= word
    this.wake?.(this.ended)
  }
}

/** Ends the streams of those that are not let in any more. A store that cannot be asked ends nothing. */
const recheck = (places: Iterable<Seat>): Effect.Effect<void> => {
  const bySession = new Map<string, { readonly counts: Effect.Effect<boolean, unknown>; readonly of: Array<Seat> }>()
  for (const place of places) {
    const { session } = place
    if (session === undefined) continue
    const known = bySession.get(session.id)
    if (known === undefined) bySession.set(session.id, { counts: session.counts, of: [place] })
    else known.of.push(place)
  }
  return Effect.forEach(bySession.values(), ({ counts, of }) =>
    Effect.matchCause(counts, {
      onFailure: () => {},
      onSuccess: (still) => {
        if (!still) { for (const place of of) place.end("refused") }
      }
    }), { discard: true })
}
