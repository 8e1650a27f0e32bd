/**
 * Publishes an event and follows the runs that it starts or reaches: what
 * `fermata emit` does.
 */
import { mayEqual } from "@fermata/engine/EventLog"
import { inputNames } from "@fermata/engine/Events"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type CommandFailed, exitCodes } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { follow } from "./Follow.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import { document, exitWith, note } from "./Output.ts"
import { exitCodeOf, tellPeople, toJson } from "./Report.ts"
import * as Words from "./Words.ts"

/** An event to publish. */
export interface Emission {
  readonly event: string
  readonly payload: unknown
  readonly key: string | undefined
  readonly noWait: boolean
}

/** Publishes the event. The command ends when every run that it concerns is over or waits for somebody. */
export const emit = (
  globals: Globals,
  { event, key, noWait, payload }: Emission
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const config = yield* Config.loadOrRecall(globals, [process.cwd()])
    const host = yield* Host.open(globals, { command: "emit", config, idle: noWait })
    // The contracts of the configuration must be there before the event is.
    yield* host.serve()
    const waiting = yield* host.refine(waitingFor(host, event, payload))
    const eventId = yield* host.refine(host.events.emit(event, payload as Schema.Json, {
      source: globals.as,
      ...(key === undefined ? {} : { id: key })
    }))
    yield* note(`event ${event} is published (${eventId})`)
    yield* handedOn(host, eventId)
    if (noWait) return globals.json ? yield* document({ eventId, event }) : undefined
    const started = yield* host.refine(startedBy(host, eventId))
    const runs = [...started.map((runId) => ({ runId, from: 0 })), ...waiting]
    if (runs.length === 0) {
      yield* note("  it starts no new run, and no run waits for it")
    } else {
      yield* note(
        `  it ${started.length === 0 ? "" : `started ${Words.count(started.length, "run")}`}${
          started.length > 0 && waiting.length > 0 ? " and " : ""
        }${waiting.length === 0 ? "" : `reached ${Words.count(waiting.length, "run")}`}`
      )
    }
    const followed = yield* Effect.forEach(
      runs,
      ({ from, runId }) =>
        follow(host, runId, {
          from,
          work: "if-nobody-does",
          ...(runs.length > 1 ? { prefix: `${runId.slice(0, 8)}` } : {})
        }),
      { concurrency: "unbounded" }
    )
    const codes = new Set(followed.map(({ view }) => exitCodeOf(view.status)))
    yield* exitWith([exitCodes.failed, exitCodes.suspended].find((code) => codes.has(code)) ?? exitCodes.completed)
    if (globals.json) {
      yield* document({
        eventId,
        event,
        runs: followed.map((run) => toJson(run, { joined: !started.includes(run.view.id) }))
      })
    }
    for (const run of followed) yield* tellPeople(run, { globals, joined: true })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lookMs = 20

/** The runs that wait for such an event now, with what their journals hold before. */
const waitingFor = (host: Host.Host, event: string, payload: unknown) =>
  Effect.gen(function*() {
    const waiting = (yield* host.store.backend.eventWaits(event))
      .filter(({ equality }) => equality === null || mayEqual(payload, equality))
      .map(({ run }) => run)
    const named = inputNames.some((name) =>
        name === event
      ) && Predicate.hasProperty(payload, "runId") && typeof payload.runId === "string"
      ? [payload.runId]
      : []
    const rows = yield* Effect.forEach(new Set([...waiting, ...named]), (run) => host.store.backend.run(run))
    return rows.flatMap((row) => row === null ? [] : [{ runId: row.id, from: row.length }])
  })

/** Waits until this process or another has handed the event on to the runs that it concerns. */
const handedOn = (host: Host.Host, eventId: string): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const outboxId = `event:${eventId}`
    while (true) {
      yield* host.engine.settled
      const rows = yield* host.refine(host.store.backend.outbox(outboxLimit, true))
      if (!rows.some(({ id }) => id === outboxId)) return
      yield* host.sleep(lookMs)
    }
  })

const outboxLimit = 10_000
const latest = 200

/** The runs that an event has started, among the latest. */
const startedBy = (host: Host.Host, eventId: string) =>
  Effect.gen(function*() {
    const runs = yield* host.runs.list({ limit: latest })
    const first = yield* Effect.forEach(runs, ({ id }) =>
      Effect.map(host.store.backend.entries(id, 0, 1), ([entry]) => ({ id, entry })))
    return first.flatMap(({ entry, id }) =>
      entry !== undefined && triggerId(entry) === eventId ? [id] : []
    )
  })

const triggerId = (entry: string): unknown => {
  const { trigger }: { readonly trigger?: { readonly id?: unknown } } = JSON.parse(entry)
  return trigger?.id
}
