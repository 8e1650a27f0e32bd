/** The attempts of a run's steps that are under way, and their spans. */
import * as FailureText from "../FailureText.ts"
import * as GenAi from "../GenAi.ts"
import type { EntryOf } from "../JournalEntry.ts"
import type { SpanAttributes, SpanEvent } from "../RunSpan.ts"
import * as TimeText from "../TimeText.ts"
import * as TraceIds from "../TraceIds.ts"
import { errorType, json, type Telling } from "./SpanParts.ts"

interface OpenStep extends GenAi.TracedStep {
  readonly parentId: string
  readonly spanId: string
  readonly events: Array<SpanEvent>
  start: number
  released: number | undefined
  usage: unknown
}

export class StepSpans {
  totals: GenAi.Totals = GenAi.nothing
  readonly counts = { attempts: 0, failures: 0, recoveries: 0 }
  private readonly open = new Map<string, OpenStep>()
  private readonly telling: Telling

  constructor(telling: Telling) {
    this.telling = telling
  }

  get isEmpty(): boolean {
    return this.open.size === 0
  }

  /** Another attempt of a step, under the span of whoever asked for it. */
  begin(entry: EntryOf<"StepRequested">, asker: string): void {
    const before = this.open.get(entry.key)
    const isRecovery = (entry.recovery ?? 0) > (before?.entry.recovery ?? 0)
    if (isRecovery) this.counts.recoveries++
    if (before !== undefined) {
      const how = { "fermata.step.end": isRecovery ? "lost" : "released" }
      this.tell(before, before.released ?? entry.at, how, isRecovery ? lost : {})
    }
    this.counts.attempts++
    this.open.set(entry.key, {
      entry,
      start: entry.at,
      parentId: this.outer(entry)?.spanId ?? asker,
      spanId: TraceIds.spanId(this.telling.run, "step", entry.seq),
      events: [],
      released: undefined,
      usage: undefined
    })
  }

  /** Something happened to an attempt. */
  event(key: string, name: string, at: number): void {
    this.open.get(key)?.events.push({ name, at })
  }

  /** The body of an attempt was interrupted with its process, in an orderly way. */
  released(key: string, at: number): void {
    const step = this.open.get(key)
    if (step !== undefined) step.released = at
    this.event(key, "released", at)
  }

  /** What a step has used, as it noted. */
  used(key: string, usage: unknown): void {
    const step = this.open.get(key)
    if (step !== undefined) step.usage = usage
  }

  finish(entry: EntryOf<"StepCompleted" | "StepFailed">): void {
    const step = this.open.get(entry.key)
    if (step === undefined) return
    this.open.delete(entry.key)
    const failed = entry._tag === "StepFailed" ? entry : undefined
    if (failed !== undefined) this.counts.failures++
    const { micros, tokens } = entry.spent ?? {}
    const outcome = entry._tag === "StepFailed" ? undefined : entry.output
    this.totals = GenAi.add(this.totals, step, outcome)
    this.tell(
      step,
      entry.at,
      {
        "fermata.step.end": failed === undefined ? "completed" : failed.retryAt === undefined ? "failed" : "retried",
        ...(failed?.retryAt === undefined ? {} : { "fermata.step.retry_at": TimeText.iso(failed.retryAt) }),
        ...(entry.settledBy === undefined ? {} : { "fermata.step.settled": true }),
        ...(micros === undefined ? {} : { "fermata.spent.micros": micros }),
        ...(tokens === undefined ? {} : { "fermata.spent.tokens": tokens }),
        ...GenAi.outcome(step, outcome, this.telling.content),
        ...(this.telling.content ? json("fermata.step.output", outcome) : {})
      },
      failed === undefined
        ? GenAi.problem(step, outcome)
        : { error: FailureText.ofCause(failed.cause), type: errorType(failed.cause) }
    )
  }

  /** What is under way began when this run parted from the one that it is a fork of. */
  forked(at: number): void {
    for (const step of this.open.values()) step.start = at
  }

  /** The run has ended, and left what was under way. */
  close(at: number): void {
    for (const step of this.open.values()) this.tell(step, step.released ?? at, { "fermata.step.end": "left" }, {})
    this.open.clear()
  }

  /** The attempt whose body asked for it. */
  private outer({ key, nested }: EntryOf<"StepRequested">): OpenStep | undefined {
    if (nested !== true) return undefined
    let found: OpenStep | undefined
    for (const step of this.open.values()) {
      const outer = step.entry.key
      const isInside = key.startsWith(outer) && /^[#?/]/.test(key.slice(outer.length))
      if (isInside && outer.length > (found?.entry.key.length ?? 0)) found = step
    }
    return found
  }

  private tell(
    step: OpenStep,
    end: number,
    attributes: SpanAttributes,
    { error, type }: { readonly error?: string; readonly type?: string }
  ): void {
    const { attempt, input, key, label, name, onCrash, probe, recovery } = step.entry
    this.telling.tell({
      spanId: step.spanId,
      parentId: step.parentId,
      ...GenAi.named(step, attributes),
      start: step.start,
      end,
      attributes: {
        "fermata.step.key": key,
        "fermata.step.name": name,
        "fermata.step.attempt": attempt,
        "fermata.step.on_crash": onCrash,
        ...(label === undefined ? {} : { "fermata.step.kind": label }),
        ...(recovery === undefined ? {} : { "fermata.step.recovery": recovery }),
        ...(probe === true ? { "fermata.step.probe": true } : {}),
        ...(this.telling.content ? json("fermata.step.input", input) : {}),
        ...attributes,
        ...(type === undefined ? {} : { "error.type": type })
      },
      events: step.events,
      links: [],
      ...(error === undefined ? {} : { error })
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lost = {
  error: "its process died; when is not known, and this span ends when that was found",
  type: "process_died"
}
