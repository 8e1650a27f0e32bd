/**
 * What the body of a step tells the world beside its outcome, without the
 * secrets that its attempt was told: lines of a log, spans, and what it sends.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { CurrentRun } from "../run/RunPort.ts"
import type { Scrub } from "./Scrub.ts"

/** What is cut out of what the body leaves that the fiber of this moment belongs to; undefined where nothing is. */
export const now = (): Scrub | undefined => ofContext(Fiber.getCurrent()?.context)

/** JSON without the secrets that the caller of this moment was told. */
export const json = <A>(value: A): A => {
  const scrub = now()
  return scrub === undefined ? value : scrub.json(value) as A
}

/** A logger whose lines of step bodies are without secrets. */
export const logger = (self: Logger.Logger<unknown, unknown>): Logger.Logger<unknown, unknown> =>
  Logger.make((options) => {
    const scrub = ofContext(options.fiber.context)
    return self.log(
      scrub === undefined ? options : {
        ...options,
        message: scrub.value(options.message),
        cause: scrub.cause(options.cause),
        fiber: fiberOf(options.fiber, scrub)
      }
    )
  })

/** A tracer whose spans are told no secrets by step bodies. */
export const tracer = (self: Tracer.Tracer): Tracer.Tracer =>
  Tracer.make({
    span: (options) => {
      const own = Fiber.getCurrent()?.context
      const scrub = ofContext(own)
      return guarded(
        self.span(scrub === undefined ? options : { ...options, name: scrub.text(options.name) }),
        own
      )
    },
    ...(self.context === undefined ? {} : { context: self.context })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const ofContext = (context: Context.Context<never> | undefined): Scrub | undefined =>
  context === undefined ? undefined : Context.get(context, CurrentRun)?.confidant?.scrub

/** The fiber as loggers look at it, which take annotations from it. */
const fiberOf = (fiber: Fiber.Fiber<unknown, unknown>, scrub: Scrub): Fiber.Fiber<unknown, unknown> => {
  const context = fiber.context.pipe(
    Context.add(
      References.CurrentLogAnnotations,
      scrub.value(Context.get(fiber.context, References.CurrentLogAnnotations)) as Readonly<Record<string, unknown>>
    ),
    Context.add(
      References.CurrentLogSpans,
      Context.get(fiber.context, References.CurrentLogSpans).map(([label, at]) =>
        [scrub.text(label), at] as const
      ) as unknown as ReadonlyArray<[label: string, timestamp: number]>
    )
  )
  return Object.create(fiber, {
    context: { value: context },
    getRef: { value: <X>(ref: Context.Reference<X>) => Context.get(context, ref) }
  }) as Fiber.Fiber<unknown, unknown>
}

/**
 * The span itself, for exporters know their own: what it is told goes through
 * here. Who tells it may be the body that made it, or one inside, also of a step
 * inside the span of a workflow.
 */
const guarded = (span: Tracer.Span, own: Context.Context<never> | undefined): Tracer.Span => {
  const scrubNow = () => now() ?? ofContext(own)
  const attribute = span.attribute.bind(span)
  const event = span.event.bind(span)
  const end = span.end.bind(span)
  return Object.assign(
    span,
    {
      attribute: (key, value) => {
        const scrub = scrubNow()
        if (scrub === undefined) attribute(key, value)
        else attribute(scrub.text(key), scrub.value(value))
      },
      event: (name, at, attributes) => {
        const scrub = scrubNow()
        if (scrub === undefined) event(name, at, attributes)
        else event(scrub.text(name), at, scrub.value(attributes) as Record<string, unknown> | undefined)
      },
      end: (at, exit) => {
        const scrub = scrubNow()
        end(at, scrub === undefined ? exit : scrub.exit(exit))
      }
    } satisfies Pick<Tracer.Span, "attribute" | "event" | "end">
  )
}
