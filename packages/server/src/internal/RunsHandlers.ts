/** What the routes for runs do. */
import { Api } from "@fermata/api/Api"
import { BadRequest, KeyReused, type QuotaReached } from "@fermata/api/ApiErrors"
import type { RunDetail } from "@fermata/api/RunsGroup"
import type { BulkRequest } from "@fermata/core/BulkAct"
import * as RunSentence from "@fermata/core/RunSentence"
import type { Retried, Started } from "@fermata/core/RunStart"
import type { RunSummary } from "@fermata/core/RunSummary"
import type { RunView } from "@fermata/core/RunView"
import { Bulk } from "@fermata/engine/Bulk"
import { HostClock } from "@fermata/engine/HostClock"
import { Retention } from "@fermata/engine/Retention"
import { RunExports } from "@fermata/engine/RunExports"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Stream from "effect/Stream"
import * as Acting from "./Acting.ts"
import * as LargeFields from "./LargeFields.ts"
import * as Pages from "./Pages.ts"
import * as ProblemResponse from "./ProblemResponse.ts"

/** The group `runs`. */
export const layer = HttpApiBuilder.group(
  Api,
  "runs",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    const bulk = yield* Bulk
    const retention = yield* Retention
    const exports = yield* RunExports
    const clock = yield* HostClock
    const onMany = Effect.fnUntraced(function*(
      { confirm, dryRun = false, ...wanted }: BulkRequest & {
        readonly confirm?: number
        readonly dryRun?: boolean
      },
      request: HttpServerRequest
    ) {
      if (dryRun) return yield* bulk.preview(wanted)
      const by = yield* Acting.name
      const key = yield* Acting.keyOf(request)
      const started = yield* bulk.start(wanted, {
        by,
        // The key of a request is its caller's alone; no name has a line feed in it.
        ...(key === undefined ? {} : { key: `${by}\n${key}` }),
        ...(confirm === undefined ? {} : { confirm })
      })
      return started.otherInput && key !== undefined ? yield* new KeyReused({ key }) : started
    })
    return handlers.handleAll({
      list: Effect.fnUntraced(
        function*({ query: { after, label, limit = Pages.defaultLimit, restored, top, ...filter } }) {
          const found = yield* runs.list({
            ...filter,
            limit: limit + 1,
            ...(restored === undefined ? {} : { restored: true }),
            ...(top === undefined ? {} : { top: true }),
            ...(after === undefined ? {} : { before: after }),
            ...(label === undefined ? {} : { labels: yield* labelsOf(label) })
          })
          const { next, shown } = Pages.of(found, limit, ({ id }) => id)
          return { runs: shown, ...next }
        }
      ),
      counts: () => runs.census,
      start: Effect.fnUntraced(function*({ payload: { input, key, workflow, ...options }, request }) {
        const { new: anew, ...rest } = options
        const once = yield* Acting.runKey(request, key)
        const started = yield* runs.start(workflow, input, {
          ...rest,
          by: yield* Acting.name,
          ...once,
          // A run of a key of its own is a new one in any case.
          ...(anew === undefined || (key === undefined && once.key !== undefined) ? {} : { new: anew })
        })
        // Who names the key of a run is told that its input is another; who names that of a request has made a mistake.
        const header = request.headers["idempotency-key"]
        if (started.otherInput && key === undefined && header !== undefined) {
          return yield* new KeyReused({ key: header })
        }
        return started as OneOf<Started>
      }, Effect.catchTag("QuotaReached", refused)),
      get: Effect.fnUntraced(function*({ params: { run }, query: { wait } }) {
        const { id } = yield* runs.find(run)
        if (wait !== undefined) {
          const stands = Stream.runDrain(runs.follow(id, { untilSuspended: true }))
          yield* Effect.raceFirst(stands, clock.sleep(Number.parseInt(wait, 10) * 1000))
        }
        const found = detail(yield* runs.find(id), yield* runs.show(id), clock.now())
        return yield* LargeFields.leaveOut(runs, found, ["payload", "output"])
      }),
      find: ({ params: { run } }) => runs.find(run),
      cancel: Effect.fnUntraced(function*({ params: { run }, payload: { reason = "no reason given" } }) {
        return yield* runs.cancel(run, { by: yield* Acting.name, reason })
      }),
      pause: Effect.fnUntraced(function*({ params: { run } }) {
        return yield* runs.pause(run, { by: yield* Acting.name })
      }),
      resume: Effect.fnUntraced(function*({ params: { run } }) {
        return yield* runs.resume(run, { by: yield* Acting.name })
      }),
      confirm: Effect.fnUntraced(function*({ params: { run } }) {
        return yield* runs.confirm(run, { by: yield* Acting.name })
      }),
      raise: Effect.fnUntraced(function*({ params: { run }, payload }) {
        return yield* runs.raise(run, { ...payload, by: yield* Acting.name })
      }),
      fork: Effect.fnUntraced(function*({ params: { run }, payload }) {
        return yield* runs.fork(run, { ...payload, by: yield* Acting.name })
      }, Effect.catchTag("QuotaReached", refused)),
      actions: ({ payload, request }) => onMany(payload, request),
      delete: Effect.fnUntraced(function*({ params: { run } }) {
        return yield* retention.delete(run, { by: yield* Acting.name })
      }),
      export: ({ params: { run } }) => exports.export(run),
      import: Effect.fnUntraced(function*({ payload }) {
        return yield* exports.import(payload, { by: yield* Acting.name })
      }),
      prune: ({ payload, request }) => onMany({ ...payload, action: "delete" }, request),
      retry: Effect.fnUntraced(function*({ params: { run } }) {
        return (yield* runs.retry(run, { by: yield* Acting.name })) as OneOf<Retried>
      }, Effect.catchTag("QuotaReached", refused))
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** One of the two answers of a route, whose status says which it is. */
type OneOf<A extends { readonly joined: boolean }> = A & { readonly joined: true }

/** The tenant has as many runs as it may have: the answer says when to ask again. */
const refused = (error: QuotaReached) => Effect.succeed(ProblemResponse.of(error))

const labelsOf = (texts: ReadonlyArray<string>): Effect.Effect<Record<string, string>, BadRequest> => {
  const labels: Record<string, string> = {}
  for (const text of texts) {
    const at = text.indexOf("=")
    if (at <= 0) {
      const message = `${JSON.stringify(text)} is no label; give it as name=value`
      return Effect.fail(
        new BadRequest({ problem: `query.label: ${message}`, issues: [{ path: "query.label", message }] })
      )
    }
    labels[text.slice(0, at)] = text.slice(at + 1)
  }
  return Effect.succeed(labels)
}

const detail = (summary: RunSummary, view: RunView, now: number): RunDetail => ({
  ...summary,
  sentence: RunSentence.of({ ...view, status: summary.status, waits: summary.waits }, now),
  ...present(view, ["by", "payload", "output", "error"]),
  times: view.times,
  counts: view.counts,
  spending: view.spent
})

const present = <T extends object, const K extends keyof T>(from: T, names: ReadonlyArray<K>): Partial<Pick<T, K>> =>
  Object.fromEntries(names.flatMap((name) => from[name] === undefined ? [] : [[name, from[name]]])) as Partial<
    Pick<T, K>
  >
