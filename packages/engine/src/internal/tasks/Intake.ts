/** A task that is asked for, as it is added. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Task from "@fermata/core/Task"
import { TaskRefused } from "@fermata/core/TaskErrors"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { EnqueueOp } from "../../Backend.ts"
import { problemOfIssue } from "./Problems.ts"

/** The operation that adds it in a tenant at this time. `id` stands for an absent one. */
export const opOf = (
  asked: Task.TaskRequest,
  { id, isEngine, now, tenant }: {
    readonly id: string
    readonly now: number
    readonly tenant: string | undefined
    readonly isEngine: boolean
  }
): Effect.Effect<EnqueueOp, TaskRefused> =>
  Effect.suspend(() => {
    const decoded = decode(asked)
    if (Exit.isFailure(decoded)) return refuse(problemOfIssue(decoded.cause))
    const request = decoded.value
    const queue = request.queue ?? Task.defaultQueue
    if (!isEngine && Task.isReserved(queue)) {
      return refuse(`queue ${queue} is the engine's own; name another, without "engine." at its front`)
    }
    if (request.notBefore !== undefined && request.delayMs !== undefined) {
      return refuse("it has both notBefore and delayMs; give one of them")
    }
    if (request.onDuplicate !== undefined && request.dedupe === undefined) {
      return refuse("onDuplicate says what becomes of one with the same dedupe, and it has none; give dedupe")
    }
    if (request.maxDelayMs !== undefined && request.onDuplicate !== "replace") {
      return refuse("maxDelayMs says how long one that is replaced is put off, and it replaces none; give onDuplicate")
    }
    const stored = StoredJson.of(request.payload ?? null)
    if (Result.isFailure(stored)) return refuse(`its payload cannot be stored: ${stored.failure.reason}`)
    const payload = stored.success.text
    if (payload.length > Task.mostBytes) {
      return refuse(
        `its payload has ${payload.length} characters of JSON, and at most ${Task.mostBytes} are kept; ` +
          "store it elsewhere and say where it is"
      )
    }
    return Effect.succeed({
      op: "enqueue",
      task: {
        id: Tenant.qualify(tenant, request.id ?? id),
        queue: Tenant.qualify(tenant, queue),
        kind: request.kind,
        source: request.source ?? null,
        subject: request.subject ?? null,
        priority: request.priority ?? 0,
        notBefore: request.delayMs === undefined ? request.notBefore ?? 0 : now + request.delayMs,
        lane: request.lane ?? "",
        adapter: request.adapter ?? "",
        profile: request.profile ?? null,
        dedupe: request.dedupe ?? null,
        payload,
        maxAttempts: request.maxAttempts ?? null,
        waiterRun: null,
        waiterStep: null
      },
      onDuplicate: request.onDuplicate ?? "join",
      ...(request.maxDelayMs === undefined ? {} : { maxDelayMs: request.maxDelayMs }),
      isLimited: true,
      now
    })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decode = Schema.decodeUnknownExit(Task.TaskRequest, { onExcessProperty: "error" })

const refuse = (problem: string): Effect.Effect<never, TaskRefused> => Effect.fail(new TaskRefused({ problem }))
