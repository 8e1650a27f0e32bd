/**
 * The trace of a run: the spans that its journal tells, one entry after the
 * other. It is a fold, so a replay tells nothing, every process tells the same
 * under the same ids, and who reads a part of the journal can be told where the
 * spans of the rest are.
 *
 * ```text
 * invoke_workflow purchase        from the request to the end, told with the end
 * ├─ wake 1                       from the first entry of a life to its suspension
 * │  ├─ step charge               one attempt
 * │  │  └─ step fee               asked for by the body of another
 * │  └─ chat claude-fable-5-5     an attempt of a model step
 * ├─ wait approval                from the question to its answer
 * └─ wake 2                       linked to wake 1
 * ```
 *
 * An attempt whose process died is told when another takes its place, and so is
 * the life that it was in.
 */
import * as FailureText from "./FailureText.ts"
import * as GenAi from "./GenAi.ts"
import { errorType, json, link, type Telling } from "./internal/SpanParts.ts"
import { StepSpans } from "./internal/StepSpans.ts"
import { WaitSpans } from "./internal/WaitSpans.ts"
import type { EntryOf, JournalEntry } from "./JournalEntry.ts"
import type { RunSpan, RunTraceOptions, SpanAttributes, SpanLink } from "./RunSpan.ts"
import * as TraceIds from "./TraceIds.ts"

/** How a run stands since a commit without entries. */
export interface Stand {
  readonly at: number
  readonly status: string
  readonly reason: string | null
}

/** Reads the journal of one run from its first entry on. */
export class RunTrace {
  private readonly telling: Telling
  private readonly steps: StepSpans
  private readonly waits: WaitSpans
  private requested: EntryOf<"RunRequested"> | undefined
  private forked: EntryOf<"RunForked"> | undefined
  private wake: Wake | undefined
  private lastWake: { readonly spanId: string; readonly number: number } | undefined
  private told: Array<RunSpan> = []
  private next = 0
  private hasEnded = false

  constructor(run: string, { content = false }: RunTraceOptions = {}) {
    const traceId = TraceIds.traceId(run)
    this.telling = {
      run,
      content,
      rootId: TraceIds.spanId(run, "root"),
      tell: (span) =>
        void this.told.push({
          traceId,
          ...span,
          end: Math.max(span.start, span.end),
          attributes: { "fermata.run.id": run, "fermata.workflow": this.workflow, ...span.attributes }
        })
    }
    this.steps = new StepSpans(this.telling)
    this.waits = new WaitSpans(this.telling)
  }

  /** The spans that end with this entry. */
  add(entry: JournalEntry): ReadonlyArray<RunSpan> {
    this.told = []
    // What nobody has owned is a request, or the life of the run that this one is a fork of.
    if (entry.epoch > 0) this.live(entry)
    this.take(entry)
    this.next = entry.seq + 1
    return this.told
  }

  /** Whether the run has ended: no span comes any more. */
  get isOver(): boolean {
    return this.hasEnded
  }

  /** The run was suspended without an entry, by something that is not its own doing. The spans that end with it. */
  stand({ at, reason, status }: Stand): ReadonlyArray<RunSpan> {
    this.told = []
    if (status === "suspended" && reason !== null && this.wake !== undefined) {
      this.endWake("suspended", at, { "fermata.wait.reasons": [reason] })
      this.waits.stopped(reason, { at, seq: this.next })
    }
    return this.told
  }

  private get workflow(): string {
    return this.requested?.workflow ?? ""
  }

  private live({ at, epoch, seq }: JournalEntry): void {
    const { wake } = this
    if (wake !== undefined && wake.epoch !== epoch) {
      // Nobody saw when its process ended: at the latest when somebody else went on, if it left something undone.
      this.endWake("lost", this.steps.isEmpty ? wake.last : at)
    }
    if (this.wake === undefined) {
      this.waits.goesOn(at)
      this.wake = {
        spanId: TraceIds.spanId(this.telling.run, "wake", seq),
        number: (this.lastWake?.number ?? 0) + 1,
        start: at,
        epoch,
        last: at
      }
    }
    this.wake.last = at
  }

  private take(entry: JournalEntry): void {
    const { steps, waits } = this
    switch (entry._tag) {
      case "RunRequested":
        this.requested = entry
        return
      case "RunForked":
        this.forked = entry
        steps.forked(entry.at)
        return waits.forked(entry.at)
      case "StepRequested":
        return steps.begin(entry, this.wake?.spanId ?? this.telling.rootId)
      case "StepReleased":
        return steps.released(entry.key, entry.at)
      case "BodyLetGo":
        return steps.event(entry.key, "let go", entry.at)
      case "ProbeFailed":
        return steps.event(entry.key, "probe failed", entry.at)
      case "Note":
        return entry.kind === "usage" ? steps.used(entry.text, entry.data) : undefined
      case "StepCompleted":
      case "StepFailed":
        // A step that waits for an event.
        waits.end("signal", entry.key, entry.at)
        return steps.finish(entry)
      case "ApprovalRequested":
        return waits.begin("approval", entry.key, entry, { "fermata.approval.quorum": entry.quorum })
      case "ApprovalAnswered":
        return entry.open === true
          ? waits.event("approval", entry.key, "answered", entry.at)
          : waits.end("approval", entry.key, entry.at, { "fermata.approval.decision": entry.decision })
      case "TimerSet":
        return waits.begin("timer", String(entry.timer), entry)
      case "TimerFired":
        return waits.end("timer", String(entry.timer), entry.at)
      case "ChildStarted":
        return waits.begin("child", entry.child, entry, { "fermata.child.workflow": entry.workflow }, [
          link(entry.child, "child")
        ])
      case "ChildFinished":
        return waits.end("child", entry.child, entry.at, { "fermata.child.exit": entry.exit._tag })
      case "SignalReceived":
        return waits.end("signal", entry.name, entry.at)
      case "RunSuspended": {
        const since = this.wake?.start ?? entry.at
        const reasons = Array.from(new Set(entry.waits.map(({ reason }) => reason)))
        this.endWake("suspended", entry.at, { "fermata.wait.reasons": reasons })
        return waits.suspended(entry, since)
      }
      case "RunCompleted":
        return this.end("completed", entry, this.telling.content ? json("fermata.run.output", entry.output) : {})
      case "RunFailed":
        return this.end("failed", entry, { "error.type": errorType(entry.cause) }, FailureText.ofCause(entry.cause))
      case "RunCancelled":
        return this.end("cancelled", entry, {})
      default:
    }
  }

  private endWake(how: string, end: number, attributes: SpanAttributes = {}): void {
    const { lastWake, wake } = this
    if (wake === undefined) return
    this.wake = undefined
    this.lastWake = wake
    this.telling.tell({
      spanId: wake.spanId,
      parentId: this.telling.rootId,
      name: `wake ${wake.number}`,
      kind: "internal",
      start: wake.start,
      end: Math.max(end, wake.last),
      attributes: {
        "fermata.wake.number": wake.number,
        "fermata.run.epoch": wake.epoch,
        "fermata.wake.end": how,
        ...attributes
      },
      events: [],
      links: lastWake === undefined ? [] : [{
        traceId: TraceIds.traceId(this.telling.run),
        spanId: lastWake.spanId,
        attributes: { "fermata.link": "wake before" }
      }]
    })
  }

  private end(status: string, entry: JournalEntry, attributes: SpanAttributes, error?: string): void {
    const { forked, requested, steps } = this
    this.hasEnded = true
    steps.close(entry.at)
    this.waits.close(entry.at)
    this.endWake(status, entry.at)
    const caller = callerOf(requested)
    this.telling.tell({
      spanId: this.telling.rootId,
      parentId: undefined,
      ...GenAi.root(this.workflow, steps.totals),
      start: (forked ?? requested ?? entry).at,
      end: entry.at,
      attributes: {
        ...GenAi.rootAttributes(this.workflow, steps.totals),
        "fermata.workflow.version": requested?.version ?? "",
        "fermata.run.status": status,
        "fermata.run.wakes": this.lastWake?.number ?? 0,
        "fermata.run.attempts": steps.counts.attempts,
        "fermata.run.failed_attempts": steps.counts.failures,
        "fermata.run.recoveries": steps.counts.recoveries,
        ...(requested?.trigger === undefined ? {} : { "fermata.trigger.event": requested.trigger.event }),
        ...(this.telling.content ? json("fermata.run.input", requested?.payload) : {}),
        ...attributes
      },
      events: [],
      links: [
        ...(requested?.parent === undefined ? [] : [link(requested.parent, "parent")]),
        ...(forked === undefined ? [] : [link(forked.from, forked.retry === true ? "retry of" : "fork of")]),
        ...(caller === undefined ? [] : [caller])
      ],
      ...(error === undefined ? {} : { error })
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The span in which somebody asked for the run. Of a run that the body of another asked for, the link to that one says it. */
const callerOf = (requested: EntryOf<"RunRequested"> | undefined): SpanLink | undefined => {
  const caller = requested?.caller === undefined ? undefined : TraceIds.ofTraceparent(requested.caller)
  if (caller === undefined) return undefined
  const { spanId, traceId } = caller
  const parent = requested?.parent
  return parent !== undefined && traceId === TraceIds.traceId(parent) && spanId === TraceIds.spanId(parent, "root")
    ? undefined
    : { traceId, spanId, attributes: { "fermata.link": "caller" } }
}

/** A life of the run: from its first entry to its suspension, or until another process goes on. */
interface Wake {
  readonly spanId: string
  readonly number: number
  readonly start: number
  readonly epoch: number
  last: number
}
