/**
 * What comes in from outside: a sensor (a program that watches something, or a
 * webhook) says that something has happened, under a key by which the same
 * thing is known again, and what is to come of it.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as EventName from "./EventName.ts"
import { ReferenceTask, taskOf } from "./ReferenceTask.ts"
import { TaskRequest } from "./Task.ts"

/** What the name of a sensor or a source is, as a sentence for people. */
export const nameRule = "1 to 63 letters, digits and . _ -, with a letter or a digit at the front"

/** The name of a sensor or a source, without its tenant. */
export const SensorName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { expected: nameRule }),
  Schema.makeFilter((name) => EventName.isReserved(name) ? "names that begin with engine. are the engine's own" : true)
)

const text = (most: number) => Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(most))
const optional = Schema.optionalKey

/** How many characters the key of a sensor event may have. */
export const mostDedupe = 500

/** An event that is published. */
export const ProposedEvent = Schema.Struct({
  name: EventName.EventName,
  /** What it says; the payload of the sensor event when absent. */
  payload: optional(Schema.Unknown),
  correlationId: optional(text(500))
})
export interface ProposedEvent extends Schema.Schema.Type<typeof ProposedEvent> {}

/** A run that is started, or used again where there is one of this workflow and key. */
export const ProposedRun = Schema.Struct({
  workflow: text(200),
  version: optional(text(100)),
  /** That of the sensor event when absent. */
  key: optional(text(500)),
  /** The payload of the sensor event when absent. */
  input: optional(Schema.Unknown),
  title: optional(Schema.String),
  labels: optional(Schema.Record(Schema.String, Schema.String))
})
export interface ProposedRun extends Schema.Schema.Type<typeof ProposedRun> {}

/** What is to come of something that came in: none of these, or several. */
export const proposals = {
  event: optional(ProposedEvent),
  /** A task that is added; its payload is that of the sensor event, and its source the sensor, where it has none. */
  task: optional(TaskRequest),
  run: optional(ProposedRun)
}

/** What a sensor says of one thing that has happened. */
export const described = {
  /** By which it is told from everything else that comes in: under a key that is known, nothing is done again. */
  dedupe: text(mostDedupe),
  /** What the sensor calls it. */
  eventId: optional(text(500)),
  /** Where it is to be found, such as `discord://channel/message-123`. */
  ref: optional(text(2_000)),
  /** What it is; `{}` when absent. */
  payload: optional(Schema.Unknown),
  ...proposals
}

/** Something that a sensor saw. */
export const SensorEvent = Schema.Struct({ sensor: SensorName, ...described })
export interface SensorEvent extends Schema.Schema.Type<typeof SensorEvent> {}

/** What it came to. */
export const SensorOutcome = Schema.Struct({
  /** The event that was published. */
  event: optional(Schema.Struct({ id: Schema.String, name: Schema.String })),
  /** The task that was asked for: where another of its `dedupe` was there, that one goes on as it is. */
  task: optional(Schema.Struct({ id: Schema.String, queue: Schema.String, kind: Schema.String })),
  /** The run that was started or used again. */
  run: optional(Schema.Struct({ id: Schema.String, workflow: Schema.String, key: Schema.String }))
})
export interface SensorOutcome extends Schema.Schema.Type<typeof SensorOutcome> {}

/** Something that came in, without its payload. */
export const SensorRecord = Schema.Struct({
  /** Its place among all that came in; texts of later ones are greater. */
  position: Schema.String,
  /** ms since the epoch. */
  at: Schema.Finite,
  sensor: Schema.String,
  dedupe: Schema.String,
  eventId: optional(Schema.String),
  ref: optional(Schema.String),
  outcome: SensorOutcome,
  /** Why it came to nothing; absent for what was taken. */
  refused: optional(Schema.String)
})
export interface SensorRecord extends Schema.Schema.Type<typeof SensorRecord> {}

/** Something that came in, with all that is known of it. */
export const SensorPage = Schema.Struct({ ...SensorRecord.fields, payload: Schema.Unknown })
export interface SensorPage extends Schema.Schema.Type<typeof SensorPage> {}

/** What came of telling. */
export const Ingested = Schema.Struct({
  /** It was known, and nothing was done; `event` is the one that came first. */
  duplicate: Schema.Boolean,
  event: SensorRecord,
  /** Whether the run was started now or was there before; where that was asked for, and known within 10 s. */
  run: optional(Schema.Literals(["started", "reused"]))
})
export interface Ingested extends Schema.Schema.Type<typeof Ingested> {}

/** This is nothing that a sensor can have seen. Nothing was recorded. */
export class SensorRefused extends Schema.TaggedError<SensorRefused>()("SensorRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `This sensor event is refused: ${this.problem}`
  }
}

/** Nothing that is kept came in at this position. */
export class SensorEventNotFound extends Schema.TaggedError<SensorEventNotFound>()("SensorEventNotFound", {
  position: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `Nothing that is kept came in at position ${this.position.slice(0, 80)}`
  }
}

/**
 * The reference runtime's form of the same: `sensor_id`, `event_id`,
 * `source_ref`, `dedupe_key`, `payload`, as `proposed_workflow` a run of the
 * workflow `template` under the key `instance_key` with the input `context`, and
 * as `proposed_task` a task.
 */
export const ReferenceEvent = Schema.Struct({
  sensor_id: SensorName,
  dedupe_key: described.dedupe,
  event_id: described.eventId,
  source_ref: described.ref,
  payload: described.payload,
  proposed_workflow: optional(
    Schema.Struct({ template: text(200), instance_key: text(500), context: optional(Schema.Unknown) })
  ),
  proposed_task: optional(ReferenceTask)
})
export interface ReferenceEvent extends Schema.Schema.Type<typeof ReferenceEvent> {}

/** The event that the reference's form says. */
export const ofReference = (
  { dedupe_key, event_id, payload, proposed_task: task, proposed_workflow: proposed, sensor_id, source_ref }:
    ReferenceEvent
): SensorEvent => ({
  sensor: sensor_id,
  dedupe: dedupe_key,
  ...(event_id === undefined ? {} : { eventId: event_id }),
  ...(source_ref === undefined ? {} : { ref: source_ref }),
  ...(payload === undefined ? {} : { payload }),
  ...(task === undefined ? {} : { task: taskOf(task) }),
  ...(proposed === undefined ? {} : {
    run: {
      workflow: proposed.template,
      key: proposed.instance_key,
      input: proposed.context ?? {}
    }
  })
})

/** Reads what somebody says that a sensor saw, in either form; the first thing that is wrong is told, with its place. */
export const read = (value: unknown): Result.Result<SensorEvent, SensorRefused> =>
  typeof value === "object" && value !== null && "sensor_id" in value
    ? Result.map(reading(ReferenceEvent)(value), ofReference)
    : reading(SensorEvent)(value)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const reading = <A>(schema: Schema.Codec<A>): (value: unknown) => Result.Result<A, SensorRefused> => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })
  return (value) =>
    Result.mapError(decode(value), ({ issue }) => {
      const [first] = format(issue).issues
      const path = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment))
      return new SensorRefused({
        problem: `${path.length === 0 ? "" : `${path.join(".")}: `}${first?.message ?? "it is not as it must be"}`
      })
    })
}
