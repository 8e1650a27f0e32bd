/**
 * A store that was put back from a backup: said once, by an operator, before
 * anything works on it.
 *
 * What the runs of the backup did after it was made has happened in the world,
 * and no journal knows of it. So the store becomes another one, to which no
 * earlier position, owner or process belongs, and its open runs are in doubt:
 * `Runs.confirm` and `Runs.settle` end that run by run, and `Bulk` for many.
 */
import type { Restore } from "@fermata/core/Restore"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import type { Answers, StorageFailed } from "./Backend.ts"
import { HostClock } from "./HostClock.ts"
import * as Acting from "./internal/Acting.ts"
import { Store } from "./Store.ts"

/** Who says that a store was put back, and from when the backup is. */
export interface Options {
  readonly by: string
  /** When the backup had its last commit, ms since the epoch; by default what the store itself says. */
  readonly from?: number | undefined
}

/** What became of the store. */
export interface Declared {
  readonly restore: Restore
  /** Open runs, which are in doubt now. */
  readonly runs: number
  /** Questions that are open: what was answered to them since the backup is lost. */
  readonly questions: number
}

const mostQuestions = 100_000

/** Says that the store was put back from a backup. All of it is one transaction. */
export const declare = Effect.fn("Restoration.declare")(
  function*({ by, from }: Options): Effect.fn.Return<Declared, StorageFailed, Store | HostClock> {
    const { backend } = yield* Store
    const clock = yield* HostClock
    const id = (yield* WebCrypto).randomUUID().replaceAll("-", "").slice(0, 12)
    const act = yield* Acting.of<Answers["restore"]>(
      clock.now,
      { action: "store.restore", target: id, by },
      ({ restore }) => restore
    )
    const op = { op: "restore", id, by, at: clock.now(), from: from ?? null } as const
    const [answer] = act === undefined
      ? yield* backend.write([op])
      : [yield* Effect.flatMap(backend.write([{ ...op, act }]), ([answer]) => Acting.fresh(answer))]
    return { ...answer!, questions: (yield* backend.approvals(null, mostQuestions)).length }
  }
)
