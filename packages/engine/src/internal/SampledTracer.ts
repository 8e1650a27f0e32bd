/** A tracer of whose spans a sampler takes some. */
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as Sampler from "../Sampler.ts"

/**
 * The spans of this tracer, of which those are told that the sampler takes. A
 * span below another is told where that one is, unless the sampler looks at ids
 * alone; then whoever is above has not decided.
 */
export const make = (own: Tracer.Tracer, sampler: Sampler.Sampler): Tracer.Tracer =>
  Tracer.make({
    span: (options) => {
      const { parent } = options
      if (sampler.parentBased && Option.isSome(parent)) return own.span(options)
      const isRefusedAbove = Option.isSome(parent) && !parent.value.sampled
      if (!options.sampled && !isRefusedAbove) return own.span(options)
      const span = own.span({ ...options, sampled: true })
      return Sampler.takesTrace(sampler, span.traceId)
        ? span
        : Object.defineProperty(span, "sampled", { value: false })
    },
    ...(own.context === undefined ? {} : { context: own.context })
  })
