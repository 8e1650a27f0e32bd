/**
 * The open streams of a server: how many there may be, and their end when the
 * server goes.
 */
import { TooManyRequests } from "@fermata/api/ApiErrors"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/** How many streams may be open at once. */
export interface Limits {
  /** In this process; 2,000 when absent. */
  readonly most?: number
  /** Of one caller; 100 when absent. */
  readonly mostOfCaller?: number
}

/** Counts the streams of a process, and ends them all at once. */
export class Streams extends Context.Service<Streams, {
  /** Takes a place until the scope closes, or says that there is none. */
  readonly enter: (caller: string) => Effect.Effect<void, TooManyRequests, Scope.Scope>
  /** Waits until the server is about to go. */
  readonly closing: Effect.Effect<void>
  /** Tells every stream that the server goes, and waits until all have ended. */
  readonly close: Effect.Effect<void>
  /** How many are open. */
  readonly open: Effect.Effect<number>
}>()("@fermata/server/Streams") {
  /** The streams of one server. */
  static readonly layer = ({ most = 2_000, mostOfCaller = 100 }: Limits = {}): Layer.Layer<Streams> =>
    Layer.effect(
      Streams,
      Effect.sync(() => {
        const going = Latch.makeUnsafe(false)
        const gone = Latch.makeUnsafe(true)
        const byCaller = new Map<string, number>()
        let open = 0
        const count = (caller: string, by: number) => {
          open += by
          const own = (byCaller.get(caller) ?? 0) + by
          if (own === 0) byCaller.delete(caller)
          else byCaller.set(caller, own)
          if (open === 0) gone.openUnsafe()
          else gone.closeUnsafe()
        }
        return Streams.of({
          enter: (caller) =>
            Effect.suspend(() => {
              const refused = open >= most
                ? `This server has its ${most} streams open`
                : (byCaller.get(caller) ?? 0) >= mostOfCaller
                ? `${caller} has ${mostOfCaller} streams open, which is the most`
                : undefined
              return refused === undefined
                ? Effect.acquireRelease(
                  Effect.sync(() => count(caller, 1)),
                  () => Effect.sync(() => count(caller, -1))
                )
                : Effect.fail(new TooManyRequests({ problem: refused, retryAfter: 5 }))
            }),
          closing: going.await,
          close: Effect.andThen(going.open, gone.await),
          open: Effect.sync(() => open)
        })
      })
    )
}
