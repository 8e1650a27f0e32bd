/**
 * Which traces are told to a collector. Whether one is follows from its id and
 * from whoever asked for it, so that all processes that have the same sampler
 * decide alike without asking each other, and the trace of a run is told whole or
 * not at all.
 */
import * as TraceIds from "@fermata/core/TraceIds"
import * as Context from "effect/Context"

/** Which traces are told. */
export interface Sampler {
  /** A span is told where the one above it is, and a run where the span or the run is that asked for it. */
  readonly parentBased: boolean
  /** The share of the others that is told: from 0 to 1. */
  readonly ratio: number
}

/** Whatever nobody above has decided against is told. */
export const all: Sampler = { parentBased: true, ratio: 1 }

/** The sampler of the spans that code makes by itself, where the engine has a tracer; `all` when nobody gives one. */
export const CurrentSampler: Context.Reference<Sampler> = Context.Reference<Sampler>("@fermata/engine/CurrentSampler", {
  defaultValue: () => all
})

/** A run, as far as it is looked at: its id, that of the run on top of its tree, and the `traceparent` that it was asked for with. */
export interface Asked {
  readonly id: string
  readonly root: string
  readonly caller: string | undefined
}

/** Whether the trace of a run is told. */
export const takesRun = (sampler: Sampler, { caller, id, root }: Asked): boolean => {
  const asked = sampler.parentBased && caller !== undefined ? TraceIds.ofTraceparent(caller) : undefined
  return asked?.sampled ?? takesTrace(sampler, TraceIds.traceId(sampler.parentBased ? root : id))
}

/**
 * Whether a trace is told by the share of all traces alone. By the low bits of
 * its id, which are random, as the specification of OpenTelemetry has it.
 */
export const takesTrace = ({ ratio }: Sampler, traceId: string): boolean =>
  ratio >= 1 || Number.parseInt(traceId.slice(18, 31), 16) / 2 ** 52 >= 1 - ratio
