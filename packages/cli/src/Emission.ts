/**
 * Publishes an event and follows the runs that it starts or reaches: what
 * `fermata emit` does.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type CommandFailed, exitCodes } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { follow } from "./Follow.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import type { Operator } from "./Operator.ts"
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
  given: Globals,
  { event, key, noWait, payload }: Emission
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { globals, operator } = yield* opened(given, noWait)
    const options = { source: globals.as, ...(key === undefined ? {} : { id: key }) }
    const { id: eventId, runs } = noWait
      ? { id: yield* operator.refine(operator.events.emit(event, payload as Schema.Json, options)), runs: [] }
      : yield* operator.refine(operator.events.publish(event, payload as Schema.Json, options))
    yield* note(`event ${event} is published (${eventId})`)
    if (noWait) return globals.json ? yield* document({ eventId, event }) : undefined
    const started = runs.filter((run) => run.started).length
    const waiting = runs.length - started
    yield* note(
      runs.length === 0
        ? "  it starts no new run, and no run waits for it"
        : `  it ${started === 0 ? "" : `started ${Words.count(started, "run")}`}${
          started > 0 && waiting > 0 ? " and " : ""
        }${waiting === 0 ? "" : `reached ${Words.count(waiting, "run")}`}`
    )
    const followed = yield* Effect.forEach(
      runs,
      ({ from, runId }) =>
        follow(operator, runId, {
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
        runs: followed.map((run) =>
          toJson(run, { joined: !runs.some(({ runId, started }) => started && runId === run.view.id) })
        )
      })
    }
    for (const run of followed) yield* tellPeople(run, { globals, joined: true })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Where the event is published. The contracts of a configuration must be there before the event is. */
const opened = Effect.fnUntraced(function*(globals: Globals, idle: boolean) {
  if (globals.server !== undefined) {
    const { open } = yield* Effect.promise(() => import("./remote/Remote.ts"))
    return yield* open(globals, globals.server)
  }
  const config = yield* Config.loadOrRecall(globals, [process.cwd()])
  const host = yield* Host.open(globals, { command: "emit", config, idle })
  yield* host.serve()
  return { globals, operator: host as Operator }
})
