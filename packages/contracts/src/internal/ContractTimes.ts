/** The schedules that the triggers of a contract say. */
import type { ScheduleOptions } from "@fermata/core/Schedule"
import * as ScheduleTime from "@fermata/core/ScheduleTime"

/** A trigger of the type `schedule`. */
export interface Trigger extends Pick<ScheduleOptions, "catchUp" | "jitterMs" | "overlap" | "windowMs"> {
  readonly everyMs?: number
  readonly cron?: string
  readonly zone?: string
  readonly input?: unknown
}

/** What a schedule would have to be, where none can be like that; undefined where one can. */
export const problemOf = (trigger: Trigger): string | undefined => {
  const { cron, everyMs, jitterMs, zone } = trigger
  if ((everyMs === undefined) === (cron === undefined)) return "exactly one of everyMs and cron, to say when it fires"
  if (zone !== undefined && cron === undefined) return "a zone beside cron alone"
  const problem = ScheduleTime.problemOf({
    spec: specOf(trigger),
    ...(jitterMs === undefined ? {} : { jitterMs })
  }, 0)
  return problem === undefined ? undefined : `times that can be: ${problem}`
}

/** The schedules of a contract, by their names. */
export const of = (
  id: string,
  triggers: ReadonlyArray<{ readonly type: string }>
): ReadonlyMap<string, ScheduleOptions> => {
  const own = triggers.filter((trigger): trigger is Trigger & { readonly type: "schedule" } =>
    trigger.type === "schedule"
  )
  return new Map(own.map((trigger, index) => {
    const { catchUp, input, jitterMs, overlap, windowMs } = trigger
    return [`${namePrefix}${id}${index === 0 ? "" : `:${index + 1}`}`, {
      spec: specOf(trigger),
      target: { workflow: id, ...(input === undefined ? {} : { input }) },
      ...(catchUp === undefined ? {} : { catchUp }),
      ...(jitterMs === undefined ? {} : { jitterMs }),
      ...(overlap === undefined ? {} : { overlap }),
      ...(windowMs === undefined ? {} : { windowMs })
    }]
  }))
}

/** What the names of schedules begin with that contracts say. */
export const namePrefix = "contract:"

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const specOf = ({ cron, everyMs, zone }: Trigger): ScheduleOptions["spec"] =>
  everyMs === undefined ? { cron: cron ?? "", ...(zone === undefined ? {} : { zone }) } : { everyMs }
