/**
 * The spans that code of a run makes by itself, inside the spans that its
 * journal tells (`RunTrace`). Nothing of it happens where nobody has given the
 * engine a tracer.
 *
 * A body is replayed, and so are its spans: each gets its id by its place in the
 * body and its times from the run's clock, so that one that began in another
 * life, or process, ends as the one that began. It is told when it ends in code
 * that has not run before.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as TraceIds from "@fermata/core/TraceIds"
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RunRow } from "../Backend.ts"
import * as Sampler from "../Sampler.ts"

/** A run, as far as its spans look at it. */
export interface Traced {
  readonly id: string
  /** Whether its trace is told. */
  readonly sampled: boolean
}

/** The run of a body. */
export interface TracedBody extends Traced {
  readonly replaying: boolean
}

/** Whether somebody wants spans. */
export const isTraced = (context: Context.Context<never>): boolean =>
  context.mapUnsafe.has(Tracer.Tracer.key) && Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer

/** What a body sees, with its run's trace as the place of its spans. */
export const ofBody = (shared: Context.Context<never>, body: TracedBody): Context.Context<never> =>
  isTraced(shared)
    ? shared.pipe(
      Context.add(Tracer.Tracer, tracer(Context.get(shared, Tracer.Tracer), body)),
      Context.add(Tracer.ParentSpan, external(body, "root"))
    )
    : shared

/** What the body of a step sees, whose attempt the entry at `seq` has requested. */
export const ofStep = (context: Context.Context<never>, run: Traced, seq: number): Context.Context<never> =>
  isTraced(context) ? Context.add(context, Tracer.ParentSpan, external(run, "step", seq)) : context

/** Whether the trace of the run with this row and first entry is told; where nobody makes spans, nobody asks. */
export const isSampled = (
  context: Context.Context<never>,
  { id, root }: Pick<RunRow, "id" | "root">,
  first: JournalEntry.JournalEntry
): boolean =>
  !isTraced(context) ||
  Sampler.takesRun(Context.get(context, Sampler.CurrentSampler), { id, root, caller: callerIn(first) })

/**
 * What a run is asked for with that the body of another asks for: where whoever
 * asked for that one has decided whether its trace is told, both are told or neither.
 */
export const handedOn = (run: string, first: JournalEntry.JournalEntry): string | undefined => {
  const caller = callerIn(first)
  const asked = caller === undefined ? undefined : TraceIds.ofTraceparent(caller)
  return asked && TraceIds.traceparent({
    traceId: TraceIds.traceId(run),
    spanId: TraceIds.spanId(run, "root"),
    sampled: asked.sampled
  })
}

/** The `traceparent` in the first entry of a run. */
export const callerIn = (first: JournalEntry.JournalEntry): string | undefined =>
  first._tag === "RunRequested" ? first.caller : undefined

/** The span in which somebody asks for something, as `traceparent`, which says whether it is told; undefined where nobody makes spans. */
export const caller = (context: Context.Context<never>): string | undefined => {
  const isTold = isTraced(context)
  for (
    let span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan));
    span !== undefined;
    span = span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined
  ) {
    // Spans of the tracer that is there by default are told nowhere; whoever is outside has told its own, or has decided not to.
    const text = isTold || span._tag === "ExternalSpan" ? textOf(span) : undefined
    if (text !== undefined) return text
  }
  return undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const external = ({ id, sampled }: Traced, role: TraceIds.SpanRole, seq?: number): Tracer.ExternalSpan =>
  Tracer.externalSpan({ traceId: TraceIds.traceId(id), spanId: TraceIds.spanId(id, role, seq), sampled })

/** Only what others can read as one. */
const textOf = ({ sampled, spanId, traceId }: Tracer.AnySpan): string | undefined => {
  const text = TraceIds.traceparent({ traceId: traceId.padStart(32, "0"), spanId, sampled })
  return TraceIds.ofTraceparent(text) === undefined ? undefined : text
}

const tracer = (own: Tracer.Tracer, body: TracedBody): Tracer.Tracer => {
  const top = Option.some(external(body, "root"))
  let made = 0
  return Tracer.make({
    span: (asked) => {
      const index = made++
      // Whatever wants to be on top is so below its run, whose trace has one root and is told whole or not at all.
      const options = Option.isSome(asked.parent)
        ? asked
        : { ...asked, parent: top, sampled: asked.sampled && body.sampled }
      const placed = (span: Tracer.Span): Tracer.Span =>
        Object.defineProperties(span, {
          traceId: { value: TraceIds.traceId(body.id) },
          spanId: { value: TraceIds.spanId(body.id, "body", index) }
        })
      const real = () => placed(own.span(options))
      return body.replaying ? new ReplayedSpan(options, placed, real, body) : real()
    },
    ...(own.context === undefined ? {} : { context: own.context })
  })
}

/** A span that began in code which is replayed: it is told if it ends in code that is not. */
class ReplayedSpan extends Tracer.NativeSpan {
  private readonly real: () => Tracer.Span
  private readonly body: TracedBody

  constructor(
    options: ConstructorParameters<typeof Tracer.NativeSpan>[0],
    placed: (span: Tracer.Span) => Tracer.Span,
    real: () => Tracer.Span,
    body: TracedBody
  ) {
    super(options)
    this.real = real
    this.body = body
    placed(this)
  }

  override end(at: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (!this.body.replaying && this.status._tag === "Started") {
      const span = this.real()
      for (const [name, value] of this.attributes) span.attribute(name, value)
      for (const [name, time, attributes] of this.events) span.event(name, time, attributes)
      span.end(at, exit)
    }
    super.end(at, exit)
  }
}
