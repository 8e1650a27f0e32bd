/** Notices what changes in the store, whoever writes it: that there is another run, and that other questions are open. */
import { Feed } from "@fermata/engine/Feed"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CommandFailed } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"

/** Each an element for one change or several. */
export interface Changes {
  readonly runs: Stream.Stream<void>
  readonly approvals: Stream.Stream<void>
}

/** Looks until the scope ends. */
export const watch = (host: Host): Effect.Effect<Changes, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const runs = yield* PubSub.sliding<void>(1)
    const approvals = yield* PubSub.sliding<void>(1)
    const { written } = yield* host.use(Effect.provide(Feed, Feed.layer))
    let newest = yield* newestOf(host)
    let open = yield* openOf(host)
    const look = Effect.gen(function*() {
      const [newestNow, openNow] = [yield* newestOf(host), yield* openOf(host)]
      if (newestNow !== newest) yield* PubSub.publish(runs, undefined)
      if (openNow !== open) yield* PubSub.publish(approvals, undefined)
      newest = newestNow
      open = openNow
    })
    // A look that failed is followed by another.
    yield* Effect.forkScoped(Stream.runForEach(written, () => Effect.ignore(look)), { startImmediately: true })
    return { runs: Stream.fromPubSub(runs), approvals: Stream.fromPubSub(approvals) }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const newestOf = (host: Host): Effect.Effect<string | undefined, CommandFailed> =>
  Effect.map(host.refine(host.runs.list({ limit: 1 })), ([run]) => run?.id)

const openOf = (host: Host): Effect.Effect<string, CommandFailed> =>
  Effect.map(
    host.refine(host.runs.approvals()),
    (open) => open.map(({ answers, id, status }) => `${id} ${status} ${answers.length}`).join("\n")
  )
