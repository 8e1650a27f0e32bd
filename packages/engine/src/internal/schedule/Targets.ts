/** From what a schedule starts to the message of the outbox that starts it. */
import { type Firing, firingEvent, type ScheduleOptions } from "@fermata/core/Schedule"
import * as StoredJson from "@fermata/core/StoredJson"
import type { TaskRequest } from "@fermata/core/Task"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { OutboxRow, StorageFailed } from "../../Backend.ts"
import { CurrentTenant } from "../../CurrentTenant.ts"
import * as Events from "../../Events.ts"
import { checkKey, described, inTenant, outboxRow } from "../../StartRequest.ts"
import { startedId } from "../backend/ScheduleOps.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import * as RunStarts from "../RunStarts.ts"
import * as Intake from "../tasks/Intake.ts"

/** A slot for which something is to be started. */
export interface Wanted extends Pick<Firing, "cause" | "id" | "missed" | "slot"> {
  /** Who asked for it, or said that the schedule is to be. */
  readonly by: string
}

/** What a slot comes to. `Known`: its run or task is there already. `Elsewhere`: only a process that serves what this one does not can tell. */
export type Made =
  | { readonly _tag: "Run"; readonly run: string; readonly row: OutboxRow }
  | { readonly _tag: "Event"; readonly event: string; readonly row: OutboxRow }
  | { readonly _tag: "Task"; readonly task: string; readonly row: OutboxRow }
  | { readonly _tag: "Problem"; readonly problem: string }
  | { readonly _tag: "Known"; readonly run?: string; readonly task?: string; readonly problem: string }
  | { readonly _tag: "Elsewhere"; readonly problem: string }

/** What this slot of the schedule comes to. */
export const make = (
  runtime: EngineRuntime,
  name: string,
  target: ScheduleOptions["target"],
  wanted: Wanted
): Effect.Effect<Made, StorageFailed> => {
  const tenant = Tenant.of(name)
  const made = "event" in target
    ? eventOf(name, target, wanted)
    : "task" in target
    ? taskOf(runtime, name, target, wanted)
    : runOf(runtime, name, target, wanted)
  return Effect.provideService(made, CurrentTenant, tenant)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type WorkflowTarget = Extract<ScheduleOptions["target"], { readonly workflow: unknown }>
type TaskTarget = Extract<ScheduleOptions["target"], { readonly task: unknown }>
type EventTarget = Extract<ScheduleOptions["target"], { readonly event: unknown }>

/** What whoever is started may know of the slot. */
const toldOf = (name: string, { missed, slot }: Wanted) => ({ schedule: Tenant.local(name), slot, missed })

const problem = (error: { readonly message: string }): Effect.Effect<Made> =>
  Effect.succeed({ _tag: "Problem", problem: error.message })

const eventOf = (name: string, { event }: EventTarget, wanted: Wanted): Effect.Effect<Made> => {
  const tenant = Tenant.of(name)
  const id = Tenant.qualify(tenant, startedId(name, wanted.id))
  return Effect.matchEffect(Events.check(event.name, (event.payload ?? toldOf(name, wanted)) as Schema.Json), {
    onFailure: problem,
    onSuccess: (payload) =>
      Effect.succeed({
        _tag: "Event",
        event: id,
        row: outboxRow({
          id,
          name: event.name,
          payload,
          source: `schedule ${Tenant.local(name)}`,
          by: wanted.by,
          ...(tenant === undefined ? {} : { tenant })
        })
      })
  })
}

const taskOf = Effect.fnUntraced(function*(
  { backend, host }: EngineRuntime,
  name: string,
  { task }: TaskTarget,
  wanted: Wanted
): Effect.fn.Return<Made, StorageFailed> {
  const tenant = Tenant.of(name)
  const { delayMs, ...rest } = task
  const request: TaskRequest = {
    ...rest,
    id: startedId(name, wanted.id),
    source: task.source ?? `schedule:${Tenant.local(name)}`,
    ...(delayMs === undefined ? {} : { notBefore: host.now() + delayMs })
  }
  const id = Tenant.qualify(tenant, request.id!)
  const asked = Intake.opOf(request, { id, isEngine: false, now: host.now(), tenant })
  const refused = yield* Effect.match(asked, { onFailure: ({ message }) => message, onSuccess: () => undefined })
  if (refused !== undefined) return { _tag: "Problem", problem: refused }
  if ((yield* backend.task(id)) !== null) {
    return { _tag: "Known", task: id, problem: "its task was added before" }
  }
  const message = { request, ...(tenant === undefined ? {} : { tenant }) }
  return { _tag: "Task", task: id, row: { id, kind: "task", payload: StoredJson.textOf(message) } }
})

const runOf = (
  runtime: EngineRuntime,
  name: string,
  { input, labels, title, version, workflow }: WorkflowTarget,
  wanted: Wanted
): Effect.Effect<Made, StorageFailed> =>
  Effect.gen(function*() {
    const { backend, extensions } = runtime
    const tenant = Tenant.of(name)
    const full = tenant === undefined ? undefined : yield* fullOf(runtime, tenant)
    if (full !== undefined) return { _tag: "Problem", problem: full } as const
    const definition = yield* RunStarts.definitionOf(backend, workflow, version)
    const { kind } = definition
    if (kind !== "program" && extensions.documents.get(kind) === undefined) {
      return { _tag: "Elsewhere", problem: `it starts a ${kind}, and this process does not serve ${kind}s` } as const
    }
    const key = startedId(name, wanted.id)
    yield* checkKey(workflow, key)
    const asked = kind === "program"
      ? yield* RunStarts.programRequest(runtime, definition, input, { key, by: wanted.by })
      : yield* RunStarts.documentRequest(runtime, definition, input, {
        key,
        by: wanted.by,
        event: { name: firingEvent, payload: toldOf(name, wanted) }
      })
    const request = inTenant(
      yield* described(asked, {
        ...(title === undefined ? {} : { title }),
        ...(labels === undefined ? {} : { labels })
      }),
      tenant
    )
    if ((yield* backend.run(request.id)) !== null) {
      return { _tag: "Known", run: request.id, problem: "its run was started before" } as const
    }
    const id = `schedule:${name}:${wanted.id}`
    return {
      _tag: "Run",
      run: request.id,
      row: {
        id,
        kind: "start",
        payload: StoredJson.compose({
          ...request,
          trigger: {
            event: firingEvent,
            id,
            by: wanted.by,
            schedule: { name, slot: wanted.slot, missed: wanted.missed }
          }
        }).text
      }
    } as const
  }).pipe(
    Effect.catchTags({ WorkflowNotFound: problem, PayloadRefused: problem, StartRefused: problem })
  )

/** Why the quota of the tenant has no room for a run. */
const fullOf = Effect.fnUntraced(function*({ backend }: EngineRuntime, tenant: string) {
  const most = (yield* backend.quota(tenant))?.openRuns ?? null
  if (most === null) return undefined
  const [row] = yield* backend.tenants(tenant)
  return (row?.openRuns ?? 0) < most
    ? undefined
    : new Tenant.QuotaReached({ tenant, most, retryAfter: 0 }).message
})
