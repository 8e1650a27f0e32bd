/**
 * One look at a schedule: what waited for a run to end, what is due, and what is
 * to be filled back, in this order. All of it comes to one operation, which does
 * nothing where the schedule is not any more as it was seen.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import {
  type Firing,
  mostBuffered,
  mostFirings,
  type Overlap,
  overlapOf,
  ScheduleOptions
} from "@fermata/core/Schedule"
import * as ScheduleTime from "@fermata/core/ScheduleTime"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Task from "@fermata/core/Task"
import * as Tenant from "@fermata/core/Tenant"
import * as TimeText from "@fermata/core/TimeText"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { FireOp, FiringRow, OutboxRow, ScheduleRow, ScheduleState, StorageFailed } from "../../Backend.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import * as DueSlots from "./DueSlots.ts"
import * as Targets from "./Targets.ts"

/** What a look comes to: an operation, nothing, or that only a process that serves more can tell. */
export type Evaluated =
  | { readonly _tag: "Fire"; readonly op: FireOp }
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Elsewhere"; readonly problem: string }

/** What is said of a stored schedule. */
export const optionsOf = Schema.decodeUnknownSync(Schema.fromJsonString(ScheduleOptions))

/** How a stored schedule stands. */
export const stateOf = ({ state }: Pick<ScheduleRow, "state">): ScheduleState => JSON.parse(state) as ScheduleState

/** A slot of a schedule by which all others of an interval are found. */
export const anchorOf = ({ lastSlot, nextSlot, since }: ScheduleState): number => nextSlot ?? lastSlot ?? since

/** The id of the firing of a slot. */
export const idOf = (slot: number): string => TimeText.iso(slot)

/** When somebody has to look at a schedule that stands so: 0 for at once, null for never. */
export const dueAt = (name: string, options: ScheduleOptions, state: ScheduleState): number | null => {
  if (state.paused) return null
  const isFree = state.running.length === 0
  if (isFree && state.buffered.length > 0) return 0
  const [backfill] = state.backfills
  if (backfill !== undefined && (isFree || !waits(backfill.overlap as Overlap))) return 0
  return state.nextSlot === null ? null : ScheduleTime.fireAt(name, options, state.nextSlot)
}

/** Looks at a schedule. `asked`: somebody asks for a firing now, also of one that is paused; then nothing else is done. */
export const evaluate = (
  runtime: EngineRuntime,
  row: ScheduleRow,
  now: number,
  asked?: { readonly id: string; readonly by: string }
): Effect.Effect<Evaluated, StorageFailed> =>
  Effect.gen(function*() {
    const options = optionsOf(row.options)
    const overlap = overlapOf(options)
    const before = stateOf(row)
    const draft = new Draft(row, options, before, now, yield* open(runtime, before.running))
    const start = Effect.fnUntraced(function*(wanted: Targets.Wanted, overlap: Overlap) {
      const made = yield* Targets.make(runtime, row.name, options.target, wanted)
      if (made._tag === "Elsewhere") return yield* Effect.fail(made)
      if (made._tag === "Problem") return draft.settle(wanted, "failed", { problem: made.problem })
      if (made._tag === "Known") return draft.settle(wanted, "skipped", made)
      draft.start(wanted, made, overlap)
    })

    const take = Effect.fnUntraced(function*(wanted: Targets.Wanted, overlap: Overlap) {
      if (overlap === "allow-all" || draft.running.length === 0) return yield* start(wanted, overlap)
      switch (overlap) {
        case "skip":
          return draft.settle(wanted, "skipped", {
            problem: `${"task" in options.target ? "task" : "run"} ${draft.running[0]} goes on`
          })
        case "buffer-all":
          return draft.buffered.length >= mostBuffered
            ? draft.settle(wanted, "skipped", { problem: `${mostBuffered} slots wait already` })
            : draft.buffer(wanted)
        case "buffer-one":
          return draft.buffered.length > 0
            ? draft.settle(wanted, "skipped", { problem: `slot ${draft.buffered[0]!.id} waits already` })
            : draft.buffer(wanted)
        case "cancel-other":
          draft.cancelRunning(wanted)
          draft.replaceBuffered()
          return draft.buffer(wanted)
        case "terminate-other":
          draft.cancelRunning(wanted)
          draft.running.length = 0
          return yield* start(wanted, overlap)
      }
    })

    if (asked !== undefined) {
      yield* take({ id: asked.id, slot: now, cause: "now", missed: 0, by: asked.by }, overlap)
      return { _tag: "Fire", op: draft.op() } as const
    }

    if (!before.paused) {
      while (draft.buffered.length > 0 && draft.running.length === 0) {
        yield* start(draft.release(), overlap)
      }
      const due = draft.nextSlot === null ? undefined : DueSlots.of(row.name, options, draft.nextSlot, now)
      if (due !== undefined) {
        draft.miss(due)
        let { missed } = due
        for (const slot of due.slots) {
          yield* take({ id: idOf(slot), slot, cause: "due", missed, by: row.by }, overlap)
          missed = 0
        }
      }
      yield* fillBack(draft, options, take)
    }
    return draft.isChanged ? { _tag: "Fire", op: draft.op() } as const : { _tag: "Idle" } as const
  }).pipe(Effect.catchTag("Elsewhere", Effect.succeed))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const waiting = ({ by, cause, id, slot }: ScheduleState["buffered"][number]): Targets.Wanted => ({
  id,
  slot,
  cause: cause as Firing["cause"],
  missed: 0,
  by
})

/** Whether a slot that is filled back waits for the run before it. */
const waits = (overlap: Overlap): boolean => overlap === "buffer-all" || overlap === "buffer-one"

/** What of this has not ended, as far as the store knows: what is on its way has not. */
const open = ({ backend }: EngineRuntime, running: ReadonlyArray<string>) =>
  Effect.filter(
    running,
    Effect.fnUntraced(function*(id) {
      const run = yield* backend.run(id)
      if (run !== null) return !isFinal(run.status as RunStatus)
      const task = yield* backend.task(id)
      return task === null || !Task.isOver(task.status)
    })
  )

/** Fires a page of the first span that is to be filled back. */
const fillBack = Effect.fnUntraced(function*<E>(
  draft: Draft,
  options: ScheduleOptions,
  take: (wanted: Targets.Wanted, overlap: Overlap) => Effect.Effect<void, E>
) {
  const [first] = draft.backfills
  if (first === undefined) return
  const overlap = first.overlap as Overlap
  const { spec } = options
  const behind = ScheduleTime.slotBehind(spec, draft.anchor, first.after)
  const slots = ScheduleTime.slots({ spec }, behind, first.until, DueSlots.page)
  let { after } = first
  for (const slot of slots) {
    if (waits(overlap) && draft.running.length > 0) break
    yield* take({ id: idOf(slot), slot, cause: "backfill", missed: 0, by: first.by }, overlap)
    after = slot
  }
  draft.filled(after === slots.at(-1) && slots.length < DueSlots.page || slots.length === 0 ? undefined : after)
})

/** What is told of the slots of a schedule. */
type Told = { -readonly [K in "lastRun" | "lastSlot" | "missed" | "problem" | "started"]: ScheduleState[K] }

/** The schedule as it is going to be, and what leaves with it. */
class Draft {
  readonly running: Array<string>
  readonly buffered: Array<ScheduleState["buffered"][number]>
  backfills: ScheduleState["backfills"]
  nextSlot: number | null
  private readonly row: ScheduleRow
  private readonly options: ScheduleOptions
  private readonly before: ScheduleState
  private readonly now: number
  private readonly firings = new Map<string, FiringRow>()
  private readonly outbox: Array<OutboxRow> = []
  /** What is told of its slots. */
  private readonly told: Told

  constructor(
    row: ScheduleRow,
    options: ScheduleOptions,
    before: ScheduleState,
    now: number,
    running: ReadonlyArray<string>
  ) {
    this.row = row
    this.options = options
    this.before = before
    this.now = now
    this.running = [...running]
    this.buffered = [...before.buffered]
    this.backfills = before.backfills
    this.nextSlot = before.nextSlot
    const { lastRun, lastSlot, missed, problem, started } = before
    this.told = { lastRun, lastSlot, missed, problem, started }
  }

  /** A slot by which all others of an interval are found. */
  get anchor(): number {
    return anchorOf(this.before)
  }

  get isChanged(): boolean {
    return this.firings.size > 0 || this.backfills !== this.before.backfills ||
      this.nextSlot !== this.before.nextSlot ||
      this.running.length !== this.before.running.length ||
      dueAt(this.row.name, this.options, this.state) !== this.row.dueAt
  }

  private get state(): ScheduleState {
    return {
      ...this.before,
      ...this.told,
      nextSlot: this.nextSlot,
      running: this.running,
      buffered: this.buffered,
      backfills: this.backfills
    }
  }

  /** What became of a slot. */
  settle(
    { by, cause, id, missed, slot }: Targets.Wanted,
    outcome: Firing["outcome"],
    { event = null, problem = null, run = null, task = null }: Partial<
      Pick<FiringRow, "event" | "problem" | "run" | "task">
    > = {}
  ): void {
    this.firings.set(id, {
      schedule: this.row.name,
      id,
      slot,
      at: this.now,
      cause,
      outcome,
      missed,
      run,
      event,
      task,
      problem,
      by: cause === "due" ? null : by
    })
    if (cause === "due") this.told.lastSlot = Math.max(slot, this.told.lastSlot ?? slot)
    if (cause !== "due" || slot === this.told.lastSlot) this.told.problem = problem
  }

  start(wanted: Targets.Wanted, made: Extract<Targets.Made, { readonly row: OutboxRow }>, overlap: Overlap): void {
    this.outbox.push(made.row)
    this.told.started++
    if (made._tag === "Event") return this.settle(wanted, "started", { event: made.event })
    const id = made._tag === "Run" ? made.run : made.task
    this.told.lastRun = id
    if (overlap !== "allow-all") this.running.push(id)
    this.settle(wanted, "started", made._tag === "Run" ? { run: id } : { task: id })
  }

  buffer(wanted: Targets.Wanted): void {
    const { by, cause, id, slot } = wanted
    this.buffered.push({ id, slot, cause, by })
    this.settle(wanted, "buffered")
  }

  /** The first of those that wait. */
  release(): Targets.Wanted {
    return waiting(this.buffered.shift()!)
  }

  /** What waits gives its place to a later slot. */
  replaceBuffered(): void {
    for (const one of this.buffered) {
      this.settle(waiting(one), "skipped", {
        problem: "a later slot took its place before the run ended that it waited for"
      })
    }
    this.buffered.length = 0
  }

  /** Asks the runs that go on to stop. */
  cancelRunning({ id }: Targets.Wanted): void {
    const schedule = Tenant.local(this.row.name)
    for (const run of this.running) {
      const message = {
        kind: "cancel",
        by: `schedule ${schedule}`,
        reason: `the next slot of schedule ${schedule} has come`
      }
      this.outbox.push({
        id: `schedule:${this.row.name}:${id}:cancel:${run}`,
        kind: "inbox",
        payload: StoredJson.textOf({ run, id: `schedule:${this.row.name}:${id}`, kind: "cancel", message })
      })
    }
  }

  /** Slots have passed, and are not all fired. */
  miss({ missed, next, skipped }: DueSlots.Due): void {
    this.nextSlot = next
    this.told.missed += missed
    if (skipped === undefined) return
    const { problem, slot } = skipped
    this.settle({ id: idOf(slot), slot, cause: "due", missed: missed - 1, by: this.row.by }, "skipped", { problem })
  }

  /** The first span is filled back up to here, or as a whole. */
  filled(after: number | undefined): void {
    const [first, ...rest] = this.backfills
    this.backfills = after === undefined
      ? rest
      : after === first!.after
      ? this.backfills
      : [{ ...first!, after }, ...rest]
  }

  op(): FireOp {
    const { state } = this
    return {
      op: "fire",
      row: {
        ...this.row,
        state: StoredJson.textOf(state),
        dueAt: dueAt(this.row.name, this.options, state),
        version: this.row.version + 1
      },
      seen: this.row.version,
      firings: [...this.firings.values()],
      outbox: this.outbox,
      kept: mostFirings
    }
  }
}
