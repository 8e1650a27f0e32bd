/**
 * The audit of a store: who did what to it, and whether all of that still
 * stands as it was written.
 */
import * as AuditLine from "@fermata/core/AuditLine"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AuditChain from "./AuditChain.ts"
import type { AuditFilter, AuditRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { Store } from "./Store.ts"

/** The audit of a store. */
export class AuditLog extends Context.Service<AuditLog, {
  /** Lines of it, in a tenant those of that, the newest first, and at most `limit` (50 when absent). */
  readonly list: (
    filter?: Partial<AuditFilter>
  ) => Effect.Effect<ReadonlyArray<AuditLine.AuditLine>, StorageFailed>
  /**
   * Looks through the whole chain, so many lines at a time, up to the first that
   * is not as it was written. With a `head`, the hash that its last line had once,
   * it finds too that lines behind or with that one were cut off.
   */
  readonly verify: (options?: { readonly head?: string }) => Effect.Effect<AuditLine.AuditVerdict, StorageFailed>
}>()("@fermata/engine/AuditLog") {
  /** That of the store of this process. */
  static readonly layer: Layer.Layer<AuditLog, never, Store> = Layer.effect(
    AuditLog,
    Effect.map(Store, ({ backend }) =>
      AuditLog.of({
        list: Effect.fn("AuditLog.list")(function*(filter: Partial<AuditFilter> = {}) {
          const lines = yield* backend.audit({ ...filter, ...(yield* CurrentTenant.filter), limit: filter.limit ?? 50 })
          return lines.map(lineOf)
        }),
        verify: Effect.fn("AuditLog.verify")(function*({ head }: { readonly head?: string } = {}) {
          let last: AuditRow | null = null
          let found = head === undefined || head === AuditLine.origin
          while (true) {
            const rows: ReadonlyArray<AuditRow> = yield* backend.auditChain(last?.n ?? 0, batch)
            for (const row of rows) {
              const fault = AuditChain.faultOf(last, row)
              if (fault !== undefined) return verdict(last, fault)
              found ||= row.hash === head
              last = row
            }
            if (rows.length < batch) return verdict(last, found ? undefined : cut(last))
            // Whatever else this process does has its turn.
            yield* Effect.yieldNow
          }
        })
      }))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How many lines are read at a time. */
const batch = 500

const decodeDetail = Schema.decodeUnknownOption(Schema.fromJsonString(AuditLine.AuditDetail))

/** A detail that somebody has made unreadable is shown as the text that it is. */
const lineOf = ({ detail, ...rest }: AuditRow): AuditLine.AuditLine => ({
  ...rest,
  detail: Option.getOrElse(decodeDetail(detail), () => ({ unreadable: detail }))
})

const verdict = (last: AuditRow | null, fault: AuditLine.AuditFault | undefined): AuditLine.AuditVerdict => ({
  intact: fault === undefined,
  lines: last?.n ?? 0,
  head: last?.hash ?? AuditLine.origin,
  ...(fault === undefined ? {} : { fault })
})

const cut = (last: AuditRow | null): AuditLine.AuditFault => {
  const n = (last?.n ?? 0) + 1
  return {
    n,
    kind: "cut",
    problem: `no line has the hash of that head: it was cut off, with whatever stood behind it, or exchanged; ${
      last === null ? "there is no line" : `the last line is ${last.n}`
    }`
  }
}
