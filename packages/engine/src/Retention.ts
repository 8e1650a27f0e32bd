/** What is deleted for good, and for how long runs that have ended are kept. */
import {
  type Deleted,
  type RetentionLimits,
  RetentionNotFound,
  RetentionRefused,
  type RetentionRule,
  type RetentionScope
} from "@fermata/core/Retention"
import { DeletionRefused } from "@fermata/core/RunsErrors"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Answers, RemoveOp, RetainOp, RetentionRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { Engine } from "./Engine.ts"
import * as Acting from "./internal/Acting.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import { ruleFrom } from "./internal/RetentionSweep.ts"
import * as RunDeletions from "./internal/RunDeletions.ts"
import * as RunLookup from "./internal/RunLookup.ts"
import * as RunWatch from "./internal/RunWatch.ts"
import { Store } from "./Store.ts"

/**
 * Deletes runs, and says for how long they are kept. The processes that work
 * carry the rules out, every 10 s; without a rule a run is kept for ever.
 */
export class Retention extends Context.Service<Retention, {
  /**
   * Deletes a run that has ended, with all that was asked for below it. Nothing
   * of it is left: journals, questions, labels, what it has spent and said, and
   * whatever its steps keep, unless another run keeps the same. Sums of days, the
   * rules that people let stand, published events and the audit stay. A run that
   * is started with the same key afterwards is a new one.
   */
  readonly delete: (
    run: string,
    options: { readonly by: string }
  ) => Effect.Effect<Deleted, RunLookup.FindError | DeletionRefused>
  /** The rules; in a tenant those of that and those of all. */
  readonly rules: Effect.Effect<ReadonlyArray<RetentionRule>, StorageFailed>
  /** Says for how long some runs are kept, in place of what was said of just these before. In a tenant it is about that. */
  readonly set: (
    limits: RetentionLimits,
    options: { readonly by: string }
  ) => Effect.Effect<RetentionRule, RetentionRefused | StorageFailed>
  /** Takes a rule back, and answers with it. */
  readonly unset: (
    scope: RetentionScope,
    options: { readonly by: string }
  ) => Effect.Effect<RetentionRule, RetentionNotFound | RetentionRefused | StorageFailed>
}>()("@fermata/engine/Retention") {
  /** Of the store and engine of this process. */
  static readonly layer: Layer.Layer<Retention, never, Engine | Store> = Layer.effect(
    Retention,
    Effect.gen(function*() {
      const store = yield* Store
      const { backend } = store
      const { host } = yield* CurrentRuntime.current
      const { rowOf } = RunLookup.make(store)

      const remove = Effect.fn("Retention.delete")(function*(run: string, { by }: { readonly by: string }) {
        const { id: runId } = yield* rowOf(run)
        const act = yield* Acting.of<Answers["remove"]>(
          host.now,
          { action: "run.delete", target: runId, by },
          (answer) => ({ runId, runs: answer.result === "removed" ? answer.runs : 0 })
        )
        const answer = yield* Acting.write(
          (op: RemoveOp) => Effect.map(backend.write([op]), ([answer]) => answer),
          RunDeletions.removal(runId),
          act
        )
        switch (answer.result) {
          case "unknown":
            return yield* RunWatch.deleted(runId)
          case "open":
            return yield* new DeletionRefused({ runId, open: answer.run })
          case "part":
            return yield* new DeletionRefused({ runId, root: answer.run })
          case "removed":
            yield* RunDeletions.clearAll(backend, host)
            return { runId, runs: answer.runs }
        }
      })

      /** The rule's runs, as they are stored. */
      const scopeOf = Effect.fnUntraced(function*({ status, tenant, workflow }: RetentionScope) {
        const own = yield* CurrentTenant.current
        if (own !== undefined && (tenant ?? own) !== own) {
          return yield* new RetentionRefused({ problem: `A rule of tenant ${own} cannot be about tenant ${tenant}` })
        }
        return { tenant: own ?? tenant ?? null, workflow: workflow ?? null, status: status ?? null }
      })

      const write = (op: RetainOp, action: string, told: RetentionRule, by: string) =>
        Effect.flatMap(
          Acting.of<Answers["retain"]>(host.now, {
            action,
            target: told.workflow ?? "",
            by,
            detail: {
              ...(told.tenant === undefined ? {} : { tenant: told.tenant }),
              ...(told.status === undefined ? {} : { status: told.status }),
              ...(op.row === null || told.maxAgeMs === undefined ? {} : { maxAgeMs: told.maxAgeMs }),
              ...(op.row === null || told.maxCount === undefined ? {} : { maxCount: told.maxCount })
            }
          }, ({ before }) => op.row === null && before !== null ? ruleFrom(before) : told),
          (act) => Acting.write((op: RetainOp) => Effect.map(backend.write([op]), ([answer]) => answer), op, act)
        )

      return Retention.of({
        delete: remove,
        rules: Effect.gen(function*() {
          const own = yield* CurrentTenant.current
          const rows = yield* backend.retention
          return rows.filter(({ tenant }) => own === undefined || (tenant ?? own) === own).map(ruleFrom)
        }),
        set: Effect.fn("Retention.set")(function*(limits, { by }) {
          const { maxAgeMs, maxCount } = limits
          if (maxAgeMs === undefined && maxCount === undefined) {
            return yield* new RetentionRefused({
              problem: "A rule says how old runs may get, how many are kept, or both; this one says neither"
            })
          }
          const rule = yield* scopeOf(limits)
          const row: RetentionRow = {
            ...rule,
            maxAgeMs: maxAgeMs ?? null,
            maxCount: maxCount ?? null,
            by,
            at: host.now()
          }
          yield* write({ op: "retain", rule, row }, "retention.set", ruleFrom(row), by)
          return ruleFrom(row)
        }),
        unset: Effect.fn("Retention.unset")(function*(scope, { by }) {
          const rule = yield* scopeOf(scope)
          const nothing: RetentionRow = { ...rule, maxAgeMs: null, maxCount: null, by, at: host.now() }
          const { before } = yield* write(
            { op: "retain", rule, row: null },
            "retention.unset",
            ruleFrom(nothing),
            by
          )
          return before === null ? yield* new RetentionNotFound({ scope }) : ruleFrom(before)
        })
      })
    })
  )
}
