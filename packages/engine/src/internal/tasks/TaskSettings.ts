/** What a queue is called and set to, as somebody asks for it. */
import type { AuditDetail } from "@fermata/core/AuditLine"
import * as Task from "@fermata/core/Task"
import { QueueRefused } from "@fermata/core/TaskErrors"
import { QueueSettings } from "@fermata/core/TaskQueue"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as CurrentTenant from "../../CurrentTenant.ts"
import { problemOfIssue } from "./Problems.ts"

/** The whole name of a queue, as the tenant of whoever acts has it. */
export const nameOf = (queue: string): Effect.Effect<string, QueueRefused> =>
  Effect.flatMap(CurrentTenant.current, (tenant) => {
    const name = Tenant.qualify(tenant, queue)
    return isName(Tenant.local(name)) && Tenant.reaches(tenant, name)
      ? Effect.succeed(name)
      : Effect.fail(new QueueRefused({ queue: queue.slice(0, 80), problem: Task.queueRule }))
  })

/** Settings that are fit to be kept. */
export const check = (queue: string, settings: unknown): Effect.Effect<QueueSettings, QueueRefused> =>
  Effect.suspend(() => {
    const decoded = decode(settings)
    return Exit.isSuccess(decoded)
      ? Effect.succeed(decoded.value)
      : Effect.fail(new QueueRefused({ queue, problem: problemOfIssue(decoded.cause) }))
  })

/** What of them the audit tells. */
export const detailOf = ({ laneRate, rate, retry, ...counts }: QueueSettings): AuditDetail => ({
  ...counts,
  ...(rate === undefined ? {} : { rate: `${rate.count} in ${rate.perMs} ms` }),
  ...(laneRate === undefined ? {} : { laneRate: `${laneRate.count} in ${laneRate.perMs} ms` }),
  ...(retry === undefined ? {} : { retry: `${retry.attempts} attempts, ${retry.delaysMs.join(", ")} ms` })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isName = Schema.is(Task.QueueName)

const decode = Schema.decodeUnknownExit(QueueSettings, { onExcessProperty: "error" })
