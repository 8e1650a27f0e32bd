/** The verbs of an operator at a server: `Runs` over the typed client. A run is folded here from its journal, as the server folds it. */
import * as ArtifactNames from "@fermata/core/ArtifactNames"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { Owner } from "@fermata/core/Owner"
import { placeOf } from "@fermata/core/Question"
import type { ListFilter } from "@fermata/core/RunSummary"
import * as RunView from "@fermata/core/RunView"
import { EntryCorrupt } from "@fermata/core/Upcast"
import type { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Calls, pages, pageSize } from "./Calls.ts"
import * as RemoteStreams from "./RemoteStreams.ts"

/** The verbs. In whose name they act the server says, whatever they are told. */
export const make = (calls: Calls): Runs["Service"] => {
  const { ask, client } = calls

  const find = (run: string) => ask(client.runs.find({ params: { run } }))

  const journal = Effect.fnUntraced(function*(run: string, from = 0, limit = Number.POSITIVE_INFINITY) {
    const entries: Array<JournalEntry> = []
    let next: number | undefined = from
    while (next !== undefined && entries.length < limit) {
      const page: { readonly entries: ReadonlyArray<JournalEntry>; readonly next?: number } = yield* ask(
        client.journal.page({
          params: { run },
          query: { from: next, limit: Math.min(pageSize, limit - entries.length) }
        })
      )
      entries.push(...page.entries)
      next = page.next
    }
    return entries
  })

  /** The entries from `from` on, up to the first that cannot be read. */
  const readable = (run: string, from: number) =>
    Effect.catchIf(
      journal(run, from),
      (error) => error instanceof EntryCorrupt,
      ({ seq }) => seq <= from ? Effect.succeed([]) : journal(run, from, seq - from)
    )

  const show = Effect.fnUntraced(function*(run: string) {
    let summary = yield* find(run)
    const { id } = summary
    let view = RunView.empty(id)
    // The run may go on between the two looks; a few times, then its journal alone must do.
    for (let looks = 0; looks < 5; looks++) {
      view = RunView.foldAll(view, yield* readable(id, view.counts.entries))
      summary = yield* find(id)
      if (summary.entries === view.counts.entries) break
    }
    return RunView.standing(view, summary)
  })

  const artifacts = (run: string) =>
    pages((query) =>
      Effect.map(
        ask(client.artifacts.list({ params: { run }, query })),
        ({ artifacts, next }) => ({ items: artifacts, next })
      )
    )

  return {
    find,
    list: ({ before, labels, limit = 50, restored, top, ...filter }: ListFilter = {}) =>
      pages(
        (query) =>
          Effect.map(
            ask(client.runs.list({
              query: {
                ...filter,
                ...query,
                ...(restored === true ? { restored: "true" as const } : {}),
                ...(top === true ? { top: "true" as const } : {}),
                ...(labels === undefined
                  ? {}
                  : { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) })
              }
            })),
            ({ next, runs }) => ({ items: runs, next })
          ),
        limit,
        before
      ),
    show,
    steps: (run) =>
      pages((query) =>
        Effect.map(ask(client.steps.list({ params: { run }, query })), ({ next, steps }) => ({
          items: steps.map(({ problem, ...step }) =>
            problem === undefined ? step : Object.assign(step, { error: { cause: null, message: problem } })
          ),
          next
        }))
      ),
    journal,
    artifacts,
    artifact: Effect.fnUntraced(function*(run, artifact) {
      const { id } = yield* find(run)
      const kept = ArtifactNames.find(id, yield* artifacts(id), artifact)
      if ("_tag" in kept) return yield* kept
      return { ...kept, content: yield* ask(client.artifacts.content({ params: { run: id, artifact: kept.hash } })) }
    }),
    follow: (run, options) =>
      Stream.unwrap(Effect.map(find(run), ({ id }) => RemoteStreams.follow(calls, id, options))),

    cancel: (run, { reason }) => ask(client.runs.cancel({ params: { run }, payload: { reason } })),
    pause: (run) => ask(client.runs.pause({ params: { run } })),
    resume: (run) => ask(client.runs.resume({ params: { run } })),
    tell: (run, webhook) => ask(client.runWebhooks.put({ params: { run }, payload: webhook })),
    webhook: (run) =>
      Effect.map(ask(client.runWebhooks.get({ params: { run } })), ({ webhook }) => Option.fromUndefinedOr(webhook)),
    confirm: (run) => ask(client.runs.confirm({ params: { run } })),
    settle: (run, key, { action }) => ask(client.steps.settle({ params: { run, key }, payload: action })),
    signal: (run, name, payload, { id } = {}) =>
      ask(client.signals.send({ params: { run, name }, payload: { payload, ...(id === undefined ? {} : { id }) } })),
    raise: (run, { by: _, ...raise }) => ask(client.runs.raise({ params: { run }, payload: raise })),
    raiseDay: (workflow, { by: _, ...raise }) => ask(client.spending.raise({ payload: { workflow, ...raise } })),
    dayRaises: (filter = {}) =>
      pages((query) =>
        Effect.map(
          ask(client.spending.raises({ query: { ...filter, ...query } })),
          ({ next, raises }) => ({ items: raises, next })
        )
      ),
    sample: (run, { key, reason }) =>
      Effect.map(
        ask(client.signals.sample({ params: { run }, query: { reason, key } })),
        (told) => "sample" in told ? Option.some(told.sample) : Option.none()
      ),

    approvals: ({ after, limit = 200, ...filter } = {}) =>
      pages(
        (query) =>
          Effect.map(
            ask(client.approvals.list({ query: { ...filter, ...query } })),
            ({ approvals, next }) => ({
              items: approvals,
              next: next === undefined ? undefined : placeOf(approvals.at(-1)!)
            })
          ),
        limit,
        after
      ),
    approval: (approval) => ask(client.approvals.get({ params: { approval } })),
    answer: (approval, { by: _, roles: _roles, ...said }) =>
      ask(client.approvals.answer({ params: { approval }, payload: said })),
    delegate: (approval, { by: _, roles: _roles, ...said }) =>
      ask(client.approvals.delegate({ params: { approval }, payload: said })),
    rules: (filter = {}) =>
      pages((query) =>
        Effect.map(
          ask(client.policy.list({ query: { ...filter, ...query } })),
          ({ next, rules }) => ({ items: rules, next })
        )
      ),
    revoke: (rule) => ask(client.policy.revoke({ params: { rule } })),

    start: (workflow, input, { by: _, ...options } = {}) =>
      ask(client.runs.start({ payload: { workflow, ...(input === undefined ? {} : { input }), ...options } })),
    fork: (run, { by: _, ...options }) => ask(client.runs.fork({ params: { run }, payload: options })),
    retry: (run) => ask(client.runs.retry({ params: { run } })),
    blob: (hash) =>
      Effect.map(
        ask(client.artifacts.blob({ params: { hash } })),
        (bytes) => Option.some(new TextDecoder().decode(bytes))
      ).pipe(Effect.catchTag("BlobNotFound", () => Effect.succeedNone)),
    diff: Effect.fnUntraced(function*(run, other) {
      let found: Pick<Effect.Success<ReturnType<typeof page>>, "a" | "b" | "parting"> | undefined
      const page = (query: { readonly limit: number; readonly after?: string }) =>
        ask(client.diff.page({ params: { run, other }, query }))
      const steps = yield* pages((query) =>
        Effect.map(page(query), ({ next, steps, ...rest }) => {
          found ??= rest
          return { items: steps, next }
        })
      )
      const { a, b, parting } = found!
      return { a, b, ...(parting === undefined ? {} : { parting }), steps } as never
    }),
    spending: (filter = {}) =>
      pages((query) =>
        Effect.map(
          ask(client.spending.sums({ query: { ...filter, ...query } })),
          ({ next, sums }) => ({ items: sums, next })
        )
      ),
    workflows: (name) =>
      pages((query) =>
        Effect.map(
          ask(client.workflows.list({ query: { ...query, ...(name === undefined ? {} : { name }) } })),
          ({ next, workflows }) => ({ items: workflows, next })
        )
      ),
    census: ask(client.runs.counts()),
    reap: ({ by: _, ...options } = {}) =>
      Effect.map(ask(client.system.reap({ payload: options })), ({ reaped }) => reaped),
    owners: Effect.map(ask(client.system.workers()), ({ workers }) => workers.map(elsewhere))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A process of another machine, whatever that calls itself: the pids of this one say nothing of it. */
const elsewhere = (owner: Owner): Owner => ({ ...owner, info: { ...owner.info, elsewhere: true } })
