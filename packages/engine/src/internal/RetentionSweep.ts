/**
 * Deletes runs that no rule keeps any longer. One worker of a store does so at
 * a time, in small transactions, and writes nothing while there is nothing to
 * delete.
 */
import * as Retention from "@fermata/core/Retention"
import * as Effect from "effect/Effect"
import type { Backend, EndedGroup, RetentionRow, StorageFailed } from "../Backend.ts"
import * as RunDeletions from "./RunDeletions.ts"

interface Host extends RunDeletions.Host {
  readonly backend: Backend
  readonly ownerId: string
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
  /** ms since the epoch, by the clock of the machine. */
  readonly hostNow: () => number
  readonly closed: boolean
}

/** How often (ms, host time) a worker looks. */
export const beatMs = 10_000

/** How many groups of runs are looked at together, and how many runs of one. */
export const most = { groups: 100, runs: 100 }

/** The sweeps of a worker, one after another, until it is interrupted. */
export const run = (host: Host): Effect.Effect<never> => {
  const beat = Effect.catchCause(sweep(host), (cause) => Effect.logWarning("old runs could not be deleted", cause))
  return Effect.forever(Effect.andThen(host.hostSleep(beatMs), Effect.suspend(() => host.closed ? Effect.void : beat)))
}

/** The effect is one beat: it ends when all has gone that was to go. */
export const sweep = (host: Host): Effect.Effect<void, StorageFailed> =>
  Effect.gen(function*() {
    const { backend } = host
    const rules = yield* backend.retention
    if (rules.length === 0 && !(yield* backend.uncleared)) return
    let after: EndedGroup | null = null
    while (rules.length > 0) {
      const groups: ReadonlyArray<EndedGroup> = yield* backend.endedGroups(after, most.groups)
      for (const group of groups) {
        if (host.closed || !(yield* sweepGroup(host, rules, group))) return
      }
      after = groups.at(-1) ?? null
      if (groups.length < most.groups) break
    }
    if ((yield* backend.uncleared) && (yield* isMine(host))) yield* RunDeletions.clearAll(backend, host)
  })

/** The rule as others know it. */
export const ruleFrom = (
  { maxAgeMs, maxCount, status, tenant, workflow, ...set }: RetentionRow
): Retention.RetentionRule => ({
  ...(tenant === null ? {} : { tenant }),
  ...(workflow === null ? {} : { workflow }),
  ...(status === null ? {} : { status: status as (typeof Retention.endedStatuses)[number] }),
  ...(maxAgeMs === null ? {} : { maxAgeMs }),
  ...(maxCount === null ? {} : { maxCount }),
  ...set
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Deletes the runs of a group that its rule does not keep. False where another process does so. */
const sweepGroup = Effect.fnUntraced(function*(
  host: Host,
  rules: ReadonlyArray<RetentionRow>,
  group: EndedGroup
): Effect.fn.Return<boolean, StorageFailed> {
  const { backend } = host
  const { tenant, ...rest } = group
  const rule = Retention.ruleOf(rules.map(ruleFrom), { ...rest, tenant: tenant ?? undefined })
  if (rule === undefined) return true
  const filter = {
    ...group,
    until: rule.maxAgeMs === undefined ? null : host.now() - rule.maxAgeMs,
    beyond: rule.maxCount ?? null
  }
  // Those that cannot go yet stay where they are, before the others.
  let skipped = 0
  while (!host.closed) {
    const looked = host.now()
    const ids = yield* backend.ended(filter, most.runs, skipped)
    if (ids.length === 0) return true
    if (!(yield* isMine(host))) return false
    const answers = yield* RunDeletions.removeAll(backend, host, ids, looked)
    skipped += answers.filter(({ result }) => result === "open" || result === "part").length
  }
  return false
})

/** Whether this process is the one that deletes, for the next minute. */
const isMine = (host: Host): Effect.Effect<boolean, StorageFailed> =>
  Effect.suspend(() => {
    const now = host.hostNow()
    return Effect.map(
      host.backend.write([{ op: "bookmark", name: bookmark, holder: host.ownerId, now, until: now + heldMs }]),
      ([{ held }]) => held
    )
  })

const bookmark = "engine.retention"
const heldMs = 60_000
