/**
 * What comes in from outside: taken once for each key, in one transaction with
 * what it comes to, kept for a time (`EngineOptions.keepSensorEventsMs`), and
 * listed. What comes in of a tenant stays there.
 */
import * as EventName from "@fermata/core/EventName"
import type { EventRefused } from "@fermata/core/EventRefused"
import type { PayloadRefused, StartRefused, WorkflowNotFound } from "@fermata/core/RunsErrors"
import {
  type Ingested,
  read,
  type SensorEvent,
  SensorEventNotFound,
  type SensorOutcome,
  type SensorPage,
  type SensorRecord,
  SensorRefused
} from "@fermata/core/SensorEvent"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Task from "@fermata/core/Task"
import type { TaskRefused } from "@fermata/core/TaskErrors"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { CurrentActor } from "./Actor.ts"
import type { IngestOp, OutboxRow, SensorRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { sha256Hex } from "./Digest.ts"
import { Engine } from "./Engine.ts"
import { numberOf, positionOf } from "./EventLog.ts"
import * as Events from "./Events.ts"
import * as Acting from "./internal/Acting.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as EventReach from "./internal/EventReach.ts"
import * as RunStarts from "./internal/RunStarts.ts"
import * as Intake from "./internal/tasks/Intake.ts"
import { checkKey, described, inTenant, outboxRow, taskRow } from "./StartRequest.ts"
import { Store } from "./Store.ts"

/** Why what came in is not taken. Nothing of it was done. */
export type IngestError =
  | SensorRefused
  | EventRefused
  | WorkflowNotFound
  | PayloadRefused
  | StartRefused
  | TaskRefused
  | StorageFailed

/** Which of what came in is listed. */
export interface SensorsFilter {
  /** By the name of its sensor. */
  readonly sensor?: string | undefined
  /** Only what came before this position. */
  readonly before?: string | undefined
  /** At most this many; 50 when absent. */
  readonly limit?: number | undefined
}

/** Takes and lists what comes in from outside. */
export class Sensors extends Context.Service<Sensors, {
  /**
   * Takes what a sensor saw, unless something was taken under its key. Success
   * means that it is recorded with what it comes to: an event that is published, a
   * task that is added, a run that is started or used again, or several of them, all
   * of it or nothing. With `tell`
   * it waits until that is on its way, for 10 s at most, and says whether the run
   * was there before.
   */
  readonly ingest: (
    event: SensorEvent,
    options?: { readonly tell?: boolean; readonly by?: string | undefined }
  ) => Effect.Effect<Ingested, IngestError>
  /** Records that something came in and why nothing comes of it, in place of the same refusal before. A payload that cannot be kept is left out. */
  readonly refuse: (
    event: Pick<SensorEvent, "dedupe" | "payload" | "sensor">,
    problem: string
  ) => Effect.Effect<SensorRecord, StorageFailed>
  /** What would come of this, of which nothing is done; of a `duplicate`, what has come of it. */
  readonly preview: (
    event: SensorEvent
  ) => Effect.Effect<{ readonly duplicate: boolean; readonly outcome: SensorOutcome }, IngestError>
  /** What came in and is kept, the newest first. */
  readonly list: (filter?: SensorsFilter) => Effect.Effect<ReadonlyArray<SensorRecord>, StorageFailed>
  /** What came in at this position. */
  readonly find: (position: string) => Effect.Effect<SensorPage, SensorEventNotFound | StorageFailed>
}>()("@fermata/engine/Sensors") {
  /** Those of the store and the engine of this process. */
  static readonly layer: Layer.Layer<Sensors, never, Engine | Store> = Layer.effect(
    Sensors,
    Effect.gen(function*() {
      const runtime = yield* CurrentRuntime.current
      const { backend } = yield* Store
      const engine = yield* Engine
      const { now } = runtime.host

      const eventOf = Effect.fnUntraced(function*({ event, sensor }: SensorEvent, made: Made) {
        if (event === undefined) return undefined
        const { correlationId, name } = event
        const payload = yield* Events.check(name, (event.payload ?? made.value) as Schema.Json)
        if (EventName.isReserved(name)) {
          return yield* new SensorRefused({ problem: `what comes in from outside is no event ${name} of the engine` })
        }
        const row = outboxRow({
          id: made.id,
          name,
          payload,
          source: sensor,
          by: made.by,
          ...(correlationId === undefined ? {} : { correlationId }),
          ...(made.tenant === undefined ? {} : { tenant: made.tenant })
        })
        return { told: { id: made.id, name }, row }
      })

      const taskOf = Effect.fnUntraced(function*({ dedupe, sensor, task }: SensorEvent, made: Made) {
        if (task === undefined) return undefined
        const id = task.id ?? `sensor:${(yield* sha256Hex(dedupe)).slice(0, 32)}`
        const request = { source: sensor, payload: made.value, ...task, id }
        const { tenant } = made
        yield* Intake.opOf(request, { id, isEngine: false, now: now(), tenant })
        const { kind, queue = Task.defaultQueue } = task
        return {
          told: { id: Tenant.qualify(tenant, id), queue, kind },
          row: taskRow({ request, ...(tenant === undefined ? {} : { tenant }) })
        }
      })

      const runOf = Effect.fnUntraced(function*({ dedupe, event, run, sensor }: SensorEvent, made: Made) {
        if (run === undefined) return undefined
        const { key = dedupe, labels, title, version, workflow } = run
        yield* checkKey(workflow, key)
        const definition = yield* RunStarts.definitionOf(backend, workflow, version)
        const start = definition.kind === "program" ? RunStarts.programRequest : RunStarts.documentRequest
        const asked = yield* start(runtime, definition, run.input ?? made.value, { key, by: made.by })
        const { id, ...rest } = inTenant(
          yield* described(asked, {
            key,
            ...(title === undefined ? {} : { title }),
            ...(labels === undefined ? {} : { labels })
          }),
          made.tenant
        )
        const request = { id, ...rest, trigger: { event: event?.name ?? sensor, id: made.id, by: made.by } }
        const row: OutboxRow = { id: `start:${made.id}`, kind: "start", payload: StoredJson.compose(request).text }
        return { told: { id, workflow, key }, row }
      })

      const prepare = Effect.fnUntraced(function*(event: SensorEvent, by: string | undefined) {
        const value = event.payload ?? {}
        const payload = StoredJson.of(value)
        if (Result.isFailure(payload)) {
          return yield* new SensorRefused({ problem: `its payload cannot be stored: ${payload.failure.reason}` })
        }
        const { text } = payload.success
        if (text.length > Events.maxPayload) {
          return yield* new SensorRefused({
            problem: `its payload of ${text.length} characters is longer than ${Events.maxPayload}`
          })
        }
        const tenant = yield* CurrentTenant.current
        const made: Made = {
          id: Tenant.qualify(tenant, `sensor:${event.dedupe}`),
          tenant,
          value,
          by: (yield* CurrentActor)?.who ?? by ?? event.sensor
        }
        const published = yield* eventOf(event, made)
        const added = yield* taskOf(event, made)
        const started = yield* runOf(event, made)
        const outcome: SensorOutcome = {
          ...(published === undefined ? {} : { event: published.told }),
          ...(added === undefined ? {} : { task: added.told }),
          ...(started === undefined ? {} : { run: started.told })
        }
        // The event is first, so that the run knows it for the one that started it.
        return {
          outcome,
          text,
          outbox: [published, added, started].flatMap((one) => one === undefined ? [] : [one.row])
        }
      })

      /** Whether the run that this has come to was there before; undefined where nobody knows yet. */
      const startedBy = Effect.fnUntraced(function*(outcome: SensorOutcome, id: string) {
        if (outcome.run === undefined) return undefined
        yield* Effect.raceFirst(
          EventReach.handedOn(runtime, backend, engine.settled, `start:${id}`),
          runtime.host.hostSleep(handOnMs)
        )
        const [entry] = yield* backend.entries(outcome.run.id, 0, 1)
        return entry === undefined ? undefined : EventReach.triggerId(entry) === id ? "started" : "reused"
      })

      return Sensors.of({
        ingest: Effect.fn("Sensors.ingest")(function*(given, { by, tell } = {}) {
          const event = yield* Effect.fromResult(read(given))
          const tenant = yield* CurrentTenant.current
          const known = yield* backend.sensor(tenant, event.dedupe)
          if (known !== null) return { duplicate: true, event: recordOf(known) }
          const { outbox, outcome, text } = yield* prepare(event, by)
          const act = yield* Acting.of<{ readonly result: string; readonly row: SensorRow }>(
            now,
            {
              action: "sensor.ingest",
              target: Tenant.qualify(tenant, event.dedupe),
              by: by ?? event.sensor,
              detail: { sensor: event.sensor }
            },
            ({ result, row }) => ({ duplicate: result === "duplicate", event: recordOf(row) }),
            true
          )
          const op: IngestOp = {
            op: "ingest",
            row: {
              sensor: Tenant.qualify(tenant, event.sensor),
              dedupe: event.dedupe,
              eventId: event.eventId ?? null,
              ref: event.ref ?? null,
              payload: text,
              outcome: StoredJson.textOf(outcome),
              refused: null,
              at: now()
            },
            outbox
          }
          const { result, row } = yield* runtime.messages.ingest(op, act)
          const record = recordOf(row)
          if (result === "duplicate") return { duplicate: true, event: record }
          const run = tell === true
            ? yield* startedBy(outcome, Tenant.qualify(tenant, `sensor:${event.dedupe}`))
            : undefined
          return { duplicate: false, event: record, ...(run === undefined ? {} : { run }) }
        }),
        refuse: Effect.fn("Sensors.refuse")(function*({ dedupe, payload = {}, sensor }, problem) {
          const stored = StoredJson.of(payload)
          const isKept = Result.isSuccess(stored) && stored.success.text.length <= Events.maxPayload
          const { row } = yield* runtime.messages.ingest({
            op: "ingest",
            row: {
              sensor: Tenant.qualify(yield* CurrentTenant.current, sensor),
              dedupe,
              eventId: null,
              ref: null,
              payload: isKept ? stored.success.text : "null",
              outcome: "{}",
              refused: problem.slice(0, mostProblem),
              at: now()
            },
            outbox: []
          }, undefined)
          return recordOf(row)
        }),
        preview: Effect.fn("Sensors.preview")(function*(given) {
          const event = yield* Effect.fromResult(read(given))
          const known = yield* backend.sensor(yield* CurrentTenant.current, event.dedupe)
          return known === null
            ? { duplicate: false, outcome: (yield* prepare(event, undefined)).outcome }
            : { duplicate: true, outcome: recordOf(known).outcome }
        }),
        list: Effect.fn("Sensors.list")(function*({ before, limit = 50, sensor } = {}) {
          const tenant = yield* CurrentTenant.current
          const rows = yield* backend.sensors({
            tenant,
            before,
            limit,
            sensor: sensor === undefined ? undefined : Tenant.qualify(tenant, sensor)
          })
          return rows.map(recordOf)
        }),
        find: Effect.fn("Sensors.find")(function*(position) {
          const number = /^\d{1,16}$/.test(position) ? numberOf(position) : -1
          const [row] = yield* backend.sensors({
            tenant: yield* CurrentTenant.current,
            before: positionOf(number + 1),
            limit: number < 0 ? 0 : 1
          })
          if (row === undefined || numberOf(row.position) !== number) {
            return yield* new SensorEventNotFound({ position })
          }
          return { ...recordOf(row), payload: JSON.parse(row.payload) as unknown }
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the messages of one sensor event have in common. */
interface Made {
  /** The id of the event that is published, and of what starts the run. */
  readonly id: string
  readonly tenant: string | undefined
  readonly value: unknown
  readonly by: string
}

/** So long (ms) what is asked of runs is waited for until it is handed on. */
const handOnMs = 10_000

/** How many characters of a refusal are kept. */
const mostProblem = 2_000

const recordOf = ({ at, dedupe, eventId, outcome, position, ref, refused, sensor }: SensorRow): SensorRecord => ({
  position,
  at,
  sensor: Tenant.local(sensor),
  dedupe,
  ...(eventId === null ? {} : { eventId }),
  ...(ref === null ? {} : { ref }),
  outcome: JSON.parse(outcome) as SensorOutcome,
  ...(refused === null ? {} : { refused })
})
