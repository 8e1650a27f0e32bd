/** Tasks in the form of the reference runtime. */
import * as Schema from "effect/Schema"
import { TaskRequest } from "./Task.ts"

const optional = Schema.optionalKey
const { adapter, kind, payload, priority, profile, source, subject } = TaskRequest.fields

/** A task: `requested_adapter` and `requested_profile` name who does it, and `schedule` says after how many minutes. */
export const ReferenceTask = Schema.Struct({
  kind,
  source,
  subject,
  payload,
  priority,
  requested_adapter: adapter,
  requested_profile: profile,
  schedule: optional(Schema.Struct({ delay_minutes: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)) }))
})
export interface ReferenceTask extends Schema.Schema.Type<typeof ReferenceTask> {}

/** The task that it asks for. */
export const taskOf = ({ requested_adapter, requested_profile, schedule, ...rest }: ReferenceTask): TaskRequest => ({
  ...rest,
  ...(requested_adapter === undefined ? {} : { adapter: requested_adapter }),
  ...(requested_profile === undefined ? {} : { profile: requested_profile }),
  ...(schedule === undefined ? {} : { delayMs: schedule.delay_minutes * 60_000 })
})
