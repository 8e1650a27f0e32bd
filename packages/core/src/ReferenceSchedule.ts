/** Schedules in the form of the reference runtime. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as FirstIssue from "./internal/FirstIssue.ts"
import { ReferenceTask, taskOf } from "./ReferenceTask.ts"
import { longestMs, ScheduleOptions, ScheduleRefused } from "./Schedule.ts"

/** A schedule: a task that is added once in so many seconds, by a name. */
export const ReferenceSchedule = Schema.Struct({
  name: Schema.NonEmptyString,
  interval_seconds: Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: longestMs / 1_000 })),
  task: ReferenceTask
})
export interface ReferenceSchedule extends Schema.Schema.Type<typeof ReferenceSchedule> {}

/** A schedule with its name, in our own form. */
export const NamedSchedule = Schema.Struct({ name: Schema.NonEmptyString, ...ScheduleOptions.fields })
export interface NamedSchedule extends Schema.Schema.Type<typeof NamedSchedule> {}

/** The schedule that the reference's form says. */
export const ofReference = ({ interval_seconds, name, task }: ReferenceSchedule): NamedSchedule => ({
  name,
  spec: { everyMs: Math.round(interval_seconds * 1_000) },
  target: { task: taskOf(task) }
})

/** Reads a schedule with its name in either form; what is wrong with it is told, with its place. */
export const read = (value: unknown): Result.Result<NamedSchedule, ScheduleRefused> =>
  typeof value === "object" && value !== null && "interval_seconds" in value
    ? Result.map(reading(ReferenceSchedule)(value), ofReference)
    : reading(NamedSchedule)(value)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const reading = <A>(schema: Schema.Codec<A>): (value: unknown) => Result.Result<A, ScheduleRefused> => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })
  return (value) =>
    Result.mapError(decode(value), (error) => {
      const name = typeof value === "object" && value !== null && "name" in value ? String(value.name) : ""
      return new ScheduleRefused({ schedule: name, problem: FirstIssue.of(error) })
    })
}
