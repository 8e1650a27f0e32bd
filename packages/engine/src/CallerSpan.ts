/**
 * Traces that go on from process to process, by the `traceparent` of the W3C:
 * what was sent along with a request, and what is sent along with one.
 */
import * as TraceIds from "@fermata/core/TraceIds"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as RunSpans from "./internal/RunSpans.ts"

/** What this makes and starts belongs to the span that a `traceparent` names; what names none changes nothing. */
export const within =
  (traceparent: unknown) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> => {
    const caller = typeof traceparent === "string" ? TraceIds.ofTraceparent(traceparent) : undefined
    return (caller === undefined
      ? effect
      : Effect.provideService(
        effect,
        Tracer.ParentSpan,
        Tracer.externalSpan(caller)
      )) as Effect.Effect<
        A,
        E,
        Exclude<R, Tracer.ParentSpan>
      >
  }

/** The span of this moment as `traceparent`, which says whether it is told to a collector; undefined where nobody makes spans. */
export const current: Effect.Effect<string | undefined> = Effect.map(
  Effect.context<never>(),
  (context: Context.Context<never>) => RunSpans.caller(context)
)
