/** Sends one delivery: asks whether its endpoint may be told, tells it, and says what that means for both. */
import * as Tenant from "@fermata/core/Tenant"
import { defaultRetryMs } from "@fermata/core/Webhook"
import type { StorageFailed } from "@fermata/engine/Backend"
import * as Egress from "@fermata/engine/Egress"
import * as Secrets from "@fermata/engine/Secrets"
import { type LeasedTask, TaskFailed, TaskReleased } from "@fermata/engine/Tasks"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Breaker from "./Breaker.ts"
import * as EndpointRows from "./EndpointRows.ts"
import type { Endpoints } from "./Endpoints.ts"
import * as Request from "./Request.ts"
import * as Verdict from "./Verdict.ts"

/** What a delivery that has arrived is kept with. */
export interface Delivered {
  readonly status: number
}

/** Bytes of an answer that are read, so that its connection serves the next one; nothing of it is kept. */
const mostRead = 65_536

export const make = (
  endpoints: Endpoints,
  egress: Egress.Egress,
  secrets: Secrets.Source
) => {
  const tell: Request.Tell = (name) => secrets.find(name)

  const outcomeOf = (
    url: string,
    timeoutMs: number,
    manner: Request.Manner,
    attempt: Request.Attempt
  ): Effect.Effect<Verdict.Outcome> =>
    Effect.gen(function*() {
      const headers = yield* Effect.result(Request.headersOf(manner, attempt, tell))
      if (headers._tag === "Failure") return { _tag: "Unsigned", problem: headers.failure } as const
      const policy = {
        ...egress.policy,
        maxRedirects: 0,
        maxResponseBytes: mostRead,
        idleTimeoutMs: timeoutMs,
        timeoutMs
      }
      const response = yield* egress.request({
        url,
        method: "POST",
        headers: headers.success,
        body: attempt.body,
        redirect: "manual"
      }, policy)
      // What it says beside its status is nobody's to know, and may be what it was told.
      yield* Effect.ignore(Stream.runDrain(response.body))
      const retryAfter = response.headers.find(([name]) => name === "retry-after")?.[1]
      return { _tag: "Answered", status: response.status, retryAfter } as const
    }).pipe(
      Effect.scoped,
      Effect.catchTags({
        EgressFailed: (error) => Effect.succeed({ _tag: "Failed", error } as const),
        EgressRefused: (error) => Effect.succeed({ _tag: "Refused", error } as const)
      })
    )

  /** Whether the endpoint may be told now; who tries it is one alone. */
  const admitted = Effect.fnUntraced(function*(name: string): Effect.fn.Return<
    EndpointRows.Read | undefined,
    TaskFailed | TaskReleased | StorageFailed
  > {
    const now = yield* endpoints.now
    let isAdmitted = false
    const read = yield* endpoints.change(name, (known) => {
      const answer = known === undefined ? { may: false } : Breaker.ask(known.health, now)
      isAdmitted = answer.may
      return known !== undefined && answer.next !== undefined ? { ...known, health: answer.next } : undefined
    })
    if (read === undefined) {
      return yield* new TaskFailed({ message: "its endpoint is not there any more", code: "removed", retryable: false })
    }
    if (isAdmitted) return read
    // Whoever holds its lane may have died before.
    yield* endpoints.hold(name, read.health)
    return yield* new TaskReleased()
  })

  const send = Effect.fn("Webhooks.send")(function*(task: LeasedTask): Effect.fn.Return<
    Delivered,
    TaskFailed | TaskReleased | StorageFailed
  > {
    const payload = WebhookTasks.payloadOf({ payload: JSON.stringify(task.payload) })
    if (payload === undefined) {
      return yield* new TaskFailed({ message: "it cannot be read", code: "unreadable", retryable: false })
    }
    const { body, endpoint, event, run, target } = payload
    const read = endpoint === null ? undefined : yield* admitted(endpoint)
    const { headers = {}, profile = "standard", secrets, url } = read?.stored ?? target!
    const began = yield* endpoints.now
    const outcome = yield* outcomeOf(url, EndpointRows.timeoutOf(read?.stored ?? {}), { headers, profile, secrets }, {
      message: Tenant.local(task.id),
      id: WebhookTasks.attemptIdOf(task.id, task.attempt),
      at: began,
      event,
      run,
      body
    })
    const now = yield* endpoints.now
    const verdict = Verdict.of(outcome, now)
    if (endpoint !== null && verdict.sign !== undefined) {
      const { sign } = verdict
      yield* endpoints.change(endpoint, (known) => {
        const health = known === undefined ? undefined : Breaker.after(known.health, sign, now)
        return known === undefined || health === known.health ? undefined : { ...known, health: health! }
      })
    }
    if (verdict.do === "done") return { status: (outcome as Extract<Verdict.Outcome, { _tag: "Answered" }>).status }
    const retryMs = read === undefined ? defaultRetryMs : EndpointRows.retryOf(read.stored)
    const delay = verdict.do === "dead"
      ? undefined
      : Verdict.delayOf(retryMs, task.failures + 1, verdict.retryAfterMs)
    return yield* new TaskFailed({
      message: verdict.problem,
      code: verdict.code,
      ...(delay === undefined ? { retryable: false } : { retryAfterMs: delay })
    })
  })
  return send
}
