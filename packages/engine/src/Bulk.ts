/**
 * Acts on many runs at once: looked at first, then done by a run of the
 * engine's own, which anybody may watch, and cancel, like any other.
 */
import {
  type BulkPreview,
  type BulkRequest,
  type BulkStarted,
  bulkWorkflow,
  mostUnconfirmed
} from "@fermata/core/BulkAct"
import { BulkRefused, BulkUnconfirmed, type PayloadRefused } from "@fermata/core/RunsErrors"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RunRow } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { Engine } from "./Engine.ts"
import * as BulkRuns from "./internal/BulkRuns.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as Identity from "./internal/Identity.ts"
import * as RunLookup from "./internal/RunLookup.ts"
import { summary } from "./internal/RunSummaries.ts"
import { payloadText } from "./StartRequest.ts"
import { Store } from "./Store.ts"

/** How an act on many runs is started. */
export interface StartOptions {
  readonly by: string
  /** Acts of one key are one. */
  readonly key?: string
  /** How many runs there are, where there are more than `mostUnconfirmed`: as many as a preview said, or more. */
  readonly confirm?: number
}

/** One act on many runs. */
export class Bulk extends Context.Service<Bulk, {
  /** What it would act on now: how many runs, and the first 20. Nothing is done. */
  readonly preview: (request: BulkRequest) => Effect.Effect<BulkPreview, BulkRefused | RunLookup.FindError>
  /**
   * Has it done, to the runs that there are now, each at most once: by a run of the
   * workflow `engine.bulk`, whose document `progress` tells how far it is and
   * whose output is a `BulkReport`. Success means that this is recorded.
   */
  readonly start: (
    request: BulkRequest,
    options: StartOptions
  ) => Effect.Effect<BulkStarted, BulkRefused | BulkUnconfirmed | PayloadRefused | RunLookup.FindError>
}>()("@fermata/engine/Bulk") {
  /** Has this process work on the runs that do it. Part of every host, so that a worker needs nothing else. */
  static readonly served: Layer.Layer<never, never, Engine | Store> = Layer.effectDiscard(
    Effect.gen(function*() {
      const runtime = yield* CurrentRuntime.current
      yield* runtime.programs.serve(BulkRuns.registration(runtime, yield* Store))
      runtime.rounds.poke()
    })
  )

  /** The acts on the store and engine of this process. */
  static readonly layer: Layer.Layer<Bulk, never, Engine | Store> = Layer.effect(
    Bulk,
    Effect.gen(function*() {
      const engine = yield* Engine
      const store = yield* Store
      const { backend } = store
      const { rowOf } = RunLookup.make(store)

      /** The request with whole ids. */
      const checked = Effect.fnUntraced(function*(request: BulkRequest) {
        const { action, filter, ids, reason } = request
        if ((filter === undefined) === (ids === undefined)) {
          return yield* new BulkRefused({
            problem: "Say which runs are meant: by a filter, or by their ids, and not by both"
          })
        }
        if (reason !== undefined && action !== "cancel") {
          return yield* new BulkRefused({ problem: `A ${action} has no reason; only a cancel has` })
        }
        const whole = (run: string | undefined) =>
          run === undefined ? Effect.succeed({}) : Effect.map(rowOf(run), ({ id }) => id)
        return filter === undefined ? request : {
          ...request,
          filter: {
            ...filter,
            ...(yield* CurrentTenant.filter),
            ...(filter.parent === undefined ? {} : { parent: (yield* whole(filter.parent)) as string }),
            ...(filter.root === undefined ? {} : { root: (yield* whole(filter.root)) as string })
          }
        }
      })

      const matchedBy = Effect.fnUntraced(function*({ action, filter, ids }: BulkRequest, most: number) {
        if (ids === undefined) {
          const wanted = BulkRuns.storeFilter(action, filter!)
          return {
            matched: yield* backend.runCount(wanted),
            first: most === 0 ? [] : yield* backend.runs({ ...wanted, limit: most })
          }
        }
        const found = new Map<string, RunRow>()
        for (const run of ids) {
          const row = yield* Effect.catchTags(rowOf(run), {
            RunNotFound: () => Effect.succeed(undefined),
            RunAmbiguous: () => Effect.succeed(undefined)
          })
          if (row !== undefined && BulkRuns.lack(action, row) === undefined) found.set(row.id, row)
        }
        return { matched: found.size, first: [...found.values()].slice(0, most) }
      })

      return Bulk.of({
        preview: Effect.fn("Bulk.preview")(function*(request: BulkRequest) {
          const { first, matched } = yield* matchedBy(yield* checked(request), mostShown)
          return { matched, first: first.map(summary) }
        }),
        start: Effect.fn("Bulk.start")(function*(request: BulkRequest, { by, confirm, key }: StartOptions) {
          const wanted = yield* checked(request)
          const id = key === undefined
            ? yield* Identity.newRunId
            : yield* Identity.runId(bulkWorkflow, key)
          const { matched } = yield* matchedBy(wanted, 0)
          const isThere = key !== undefined && (yield* backend.run(id)) !== null
          if (!isThere && matched > Math.max(mostUnconfirmed, confirm ?? 0)) {
            return yield* new BulkUnconfirmed({
              matched,
              most: mostUnconfirmed,
              ...(confirm === undefined ? {} : { confirmed: confirm })
            })
          }
          const { action, filter, ids, reason } = wanted
          const payload: BulkRuns.Payload = {
            action,
            ...(filter === undefined ? {} : { filter }),
            ...(ids === undefined ? {} : { ids }),
            ...(reason === undefined ? {} : { reason }),
            ...(action === "confirm" ? { knows: (yield* backend.restores).map((restore) => restore.id) } : {}),
            by
          }
          const started = yield* Effect.catchTag(
            engine.start({
              id,
              workflow: bulkWorkflow,
              version: BulkRuns.version,
              kind: "program",
              definition: null,
              root: id,
              parent: null,
              listener: null,
              payload: yield* payloadText(bulkWorkflow, payload),
              subscriptions: [],
              title: `${action} ${matched} ${matched === 1 ? "run" : "runs"}`,
              by
              // Runs of the engine itself are within every quota.
            }),
            "QuotaReached",
            Effect.die
          )
          return { ...started, matched }
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostShown = 20
