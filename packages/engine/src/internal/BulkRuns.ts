/**
 * Acts on many runs, as a run of the engine's own: page by page, so that it
 * survives the end of its process, can be watched and can be stopped.
 *
 * A deletion is made in a step too, in small transactions: what is gone already
 * was deleted before a crash.
 *
 * A cancel, a pause or a resume leaves with the commit that says so, and is
 * carried to its run as any message of a run is: once. A retry is made in a
 * step, which finds what it did before a crash.
 */
import {
  type BulkAction,
  bulkActions,
  BulkFilter,
  BulkReport,
  BulkSkip,
  bulkWorkflow,
  engineWorkflows
} from "@fermata/core/BulkAct"
import * as EntryRole from "@fermata/core/EntryRole"
import { endedStatuses } from "@fermata/core/Retention"
import { isFinal, type RunStatus, runStatuses } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import type { OutboxRow, RunFilter, RunRow, StorageFailed } from "../Backend.ts"
import * as Step from "../Step.ts"
import type { Store } from "../Store.ts"
import * as CallerPlace from "./CallerPlace.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Registrations from "./Registrations.ts"
import type { Registration } from "./run/RunHost.ts"
import * as RunDeletions from "./RunDeletions.ts"
import * as RunLookup from "./RunLookup.ts"
import * as RunRetries from "./RunRetries.ts"
import { Limits } from "./WorkflowAnnotations.ts"

/** What the run is asked for. */
export const Payload = Schema.Struct({
  action: Schema.Literals(bulkActions),
  filter: Schema.optionalKey(BulkFilter),
  ids: Schema.optionalKey(Schema.Array(Schema.String)),
  reason: Schema.optionalKey(Schema.String),
  by: Schema.String,
  /** For `confirm`: the restores of the store when somebody asked for it. */
  knows: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Payload = typeof Payload.Type

/** The version of the workflow. */
export const version = "1"

/** The workflow of the engine's own runs. Their ids are given when they are started. */
export const workflow = Workflow.make(bulkWorkflow, {
  payload: Payload.fields,
  success: BulkReport,
  idempotencyKey: (payload) => StoredJson.textOf(payload)
}).annotate(Limits, { maxActiveMs: Infinity })

/** How many runs are looked at in one step, and how many are retried in one. */
const pageSizes: { readonly [A in BulkAction]: number } = {
  cancel: 200,
  pause: 200,
  resume: 200,
  confirm: 200,
  retry: 20,
  delete: 100
}
/** How many of those to which nothing was done are named. */
const mostNamed = 100

/** The statuses of runs to which it can be done. */
export const statusesFor = (action: BulkAction): ReadonlyArray<RunStatus> =>
  action === "delete"
    ? endedStatuses
    : action === "retry"
    ? ["failed"]
    : action === "resume"
    ? ["suspended"]
    : runStatuses.filter((status) => !isFinal(status))

/** Why it cannot be done to this run. */
export const lack = (action: BulkAction, { id, restored, root, status }: RunRow): string | undefined =>
  action === "delete" && root !== id
    ? `it is part of run ${root}, and goes with that alone`
    : !statusesFor(action).includes(status as RunStatus)
    ? `it is ${status}`
    : action === "confirm" && restored === undefined
    ? "nobody doubts what it has done"
    : undefined

const Looked = Schema.Struct({
  runs: Schema.Array(Schema.String),
  skipped: Schema.Array(BulkSkip),
  next: Schema.optionalKey(Schema.String)
})
const Acted = Schema.Struct({ done: Schema.Int, skipped: Schema.Array(BulkSkip) })

/** What the filter finds, as the store is asked for it. */
export const storeFilter = (action: BulkAction, filter: typeof BulkFilter.Type): Omit<RunFilter, "limit"> => ({
  ...filter,
  status: filter.status ?? statusesFor(action),
  ...(action === "confirm" ? { restored: true } : {}),
  // What is below goes with what is above it.
  ...(action === "delete" ? { top: true } : {}),
  without: filter.workflow === undefined ? engineWorkflows : undefined
})

/** The workflow as every process serves it. */
export const registration = (runtime: EngineRuntime, store: Store["Service"]): Registration => {
  const body = bodyOf(runtime, store)
  return Registrations.ofProgram(workflow, (payload) => body(payload as Payload))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const bodyOf = (runtime: EngineRuntime, store: Store["Service"]) => {
  const { backend } = store
  const { rowOf } = RunLookup.make(store)
  const persist = <A, E>(effect: Effect.Effect<A, E | StorageFailed>) =>
    runtime.writer.patience.persist(effect as Effect.Effect<A, StorageFailed>)
  return Effect.fnUntraced(function*({ action, by, filter, ids, knows, reason = "no reason given" }: Payload) {
    const place = yield* CallerPlace.inRun
    const { id: own } = place.run.row

    /** The runs of a page, and those of them to which it cannot be done. */
    const sorted = (rows: ReadonlyArray<RunRow>): Pick<typeof Looked.Type, "runs" | "skipped"> => {
      const runs: Array<string> = []
      const skipped: Array<BulkSkip> = []
      for (const row of rows) {
        const why = row.id === own
          ? "it is this run"
          : action === "confirm" && row.restored !== undefined && knows?.includes(row.restored.id) !== true
          ? "the store was put back again since this was asked for"
          : lack(action, row)
        if (why === undefined) runs.push(row.id)
        else skipped.push({ run: row.id, why })
      }
      return { runs, skipped }
    }

    const look = Step.make("look", {
      input: { after: Schema.String },
      success: Looked,
      onCrash: "rerun",
      run: ({ after }) =>
        persist(Effect.gen(function*() {
          const limit = pageSizes[action]
          if (ids !== undefined) {
            const at = Number(after)
            const { rows, skipped } = yield* named(ids.slice(at, at + limit))
            const found = sorted(rows)
            const next = at + limit < ids.length ? { next: String(at + limit) } : {}
            return { runs: found.runs, skipped: [...skipped, ...found.skipped], ...next }
          }
          const wanted = { ...storeFilter(action, filter ?? {}), limit }
          const isBehind = after === own || action !== "delete" || (yield* backend.run(after)) !== null
          // Somebody else has deleted the run behind which this page was to begin.
          const rows = yield* backend.runs({ ...wanted, before: isBehind ? after : own })
          return { ...sorted(rows), ...(rows.length < limit ? {} : { next: rows.at(-1)!.id }) }
        })).pipe(Effect.orDie)
    })

    const named = Effect.fnUntraced(function*(some: ReadonlyArray<string>) {
      const rows = new Map<string, RunRow>()
      const skipped: Array<BulkSkip> = []
      for (const run of some) {
        yield* rowOf(run).pipe(
          Effect.map((row) => void rows.set(row.id, row)),
          Effect.catchTags({
            RunNotFound: ({ message }) => Effect.sync(() => void skipped.push({ run, why: message })),
            RunAmbiguous: ({ message }) => Effect.sync(() => void skipped.push({ run, why: message }))
          })
        )
      }
      return { rows: [...rows.values()], skipped }
    })

    const retry = Step.make("retry", {
      input: { runs: Schema.Array(Schema.String) },
      success: Acted,
      onCrash: "rerun",
      run: ({ runs }) =>
        Effect.map(
          Effect.forEach(runs, (run) =>
            persist(
              Effect.gen(function*() {
                const row = yield* backend.run(run)
                if (row === null) return { run, why: "it is not there any more" }
                const { joined, runId } = yield* RunRetries.retry(runtime, store, row, by)
                // What this step did before a crash it finds now; what is older than this run somebody else did.
                const older = joined ? yield* backend.runs({ prefix: runId, before: own, limit: 1 }) : []
                return older.length > 0
                  ? { run, why: `it was retried before, by run ${runId}` }
                  : undefined
              }).pipe(
                Effect.catchTags({
                  RetryRefused: ({ problem }) => Effect.succeed({ run, why: problem }),
                  RunNotFound: ({ message }) => Effect.succeed({ run, why: message }),
                  EntryCorrupt: ({ message }) => Effect.succeed({ run, why: message })
                })
              )
            )),
          (outcomes) => {
            const skipped = outcomes.filter((outcome) => outcome !== undefined)
            return { done: runs.length - skipped.length, skipped }
          }
        ).pipe(Effect.orDie)
    })

    const remove = Step.make("delete", {
      input: { runs: Schema.Array(Schema.String) },
      success: Acted,
      onCrash: "rerun",
      run: ({ runs }) =>
        persist(Effect.gen(function*() {
          const answers = yield* RunDeletions.removeAll(backend, runtime.host, runs)
          yield* RunDeletions.clearAll(backend, runtime.host)
          const skipped = answers.flatMap((answer, index): ReadonlyArray<typeof BulkSkip.Type> =>
            answer.result === "open"
              ? [{ run: runs[index]!, why: `run ${answer.run} below it has not ended` }]
              : answer.result === "part"
              ? [{ run: runs[index]!, why: `it is part of run ${answer.run}, and goes with that alone` }]
              : []
          )
          return { done: runs.length - skipped.length, skipped }
        })).pipe(Effect.orDie)
    })

    const messageOf = (run: string): OutboxRow => ({
      id: `bulk:${own}:${run}`,
      kind: "inbox",
      payload: StoredJson.textOf({
        run,
        id: `bulk:${own}`,
        kind: action,
        message: action === "cancel"
          ? { kind: "cancel", by, reason }
          : knows === undefined
          ? { by }
          : { by, knows }
      })
    })

    let done = 0
    let skippedCount = 0
    const skipped: Array<BulkSkip> = []
    let revision = 0
    const count = (acted: number, passed: ReadonlyArray<BulkSkip>, messages: ReadonlyArray<OutboxRow>) => {
      done += acted
      skippedCount += passed.length
      skipped.push(...passed.slice(0, mostNamed - skipped.length))
      revision++
      place.run.acts.record(
        EntryRole.acts.state("progress", revision),
        `page ${revision}`,
        {
          _tag: "StateChanged",
          name: "progress",
          revision,
          patch: [{ op: "add", path: "", value: { done, skipped: skippedCount } }]
        },
        messages
      )
    }

    let after = ids === undefined ? own : "0"
    /** The last run of a page goes with the next, which begins behind it. */
    let held: ReadonlyArray<string> = []
    while (true) {
      const page = yield* look({ after })
      if (action === "retry" || action === "delete") {
        const isHeld = (run: string) => action === "delete" && run === page.next
        const runs = [...held, ...page.runs.filter((run) => !isHeld(run))]
        held = page.runs.filter(isHeld)
        const acted = runs.length === 0
          ? { done: 0, skipped: [] }
          : yield* action === "delete" ? remove({ runs }) : retry({ runs })
        count(acted.done, [...page.skipped, ...acted.skipped], [])
      } else count(page.runs.length, page.skipped, page.runs.map(messageOf))
      if (page.next === undefined) return { action, done, skipped, skippedCount }
      after = page.next
    }
  })
}
