/**
 * The ids of runs of programs: digests of a workflow's name and a key.
 *
 * They are those of `effect/workflow`, which makes them with an encoder that
 * has one sign for every half of a character. A key that was cut inside one
 * goes into the digest as a text that stands for it alone.
 */
import * as WellFormed from "@fermata/core/WellFormed"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import type * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as CurrentTenant from "../CurrentTenant.ts"
import { sha256Hex } from "../Digest.ts"

/** The id of the run of this workflow and key, in the tenant of whoever asks. */
export const runId = (name: string, key: string): Effect.Effect<string> =>
  Effect.flatMap(
    sha256Hex(`${name.length}:${name}:${distinct(name, key)}`),
    (hash) => CurrentTenant.idOf(hash.slice(0, 32))
  )

/** An id that no other run has, in the tenant of whoever asks. */
export const newRunId: Effect.Effect<string> = Effect.flatMap(
  WebCrypto,
  (web) => CurrentTenant.idOf(web.randomUUID().replaceAll("-", ""))
)

/** The key that a workflow gives to a payload, as it wrote it. */
export const idempotencyKey = (workflow: Workflow.Any, payload: unknown): string =>
  keyOf(workflow).call(workflow, payload)

/** The function of the workflow's definition that makes its keys. */
export const keyOf = ({ idempotencyKey }: Workflow.Any): Workflow.Any["idempotencyKey"] =>
  originals.get(idempotencyKey) ?? idempotencyKey

/** The engine with runs of their own for keys that are texts of their own, and for tenants. */
export const identified = (engine: WorkflowEngine["Service"]): WorkflowEngine["Service"] =>
  WorkflowEngine.of({
    ...engine,
    register: (workflow, execute) => {
      distinguish(workflow)
      return engine.register(workflow, execute)
    },
    execute: (workflow, options) =>
      Effect.flatMap(executionId(workflow, options.payload, options.executionId), (executionId) =>
        engine.execute(workflow, { ...options, executionId })),
    poll: (workflow, id) =>
      Effect.flatMap(CurrentTenant.idOf(id), (id) => engine.poll(workflow, id)),
    interrupt: (workflow, id) => Effect.flatMap(CurrentTenant.idOf(id), (id) => engine.interrupt(workflow, id)),
    interruptUnsafe: (workflow, id) =>
      Effect.flatMap(CurrentTenant.idOf(id), (id) => engine.interruptUnsafe(workflow, id)),
    resume: (workflow, id) => Effect.flatMap(CurrentTenant.idOf(id), (id) => engine.resume(workflow, id)),
    deferredDone: (deferred, options) =>
      Effect.flatMap(CurrentTenant.idOf(options.executionId), (executionId) =>
        engine.deferredDone(deferred, { ...options, executionId }))
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/**
 * Has the workflow make its ids from keys that stay different. What asks it for
 * an id from now on, `executionId` too, gets the one that this engine gives.
 */
const distinguish = (workflow: Workflow.Any): void => {
  const original = workflow.idempotencyKey
  if (originals.has(original)) return
  const key = function(this: Workflow.Any, payload: unknown): string {
    return distinct(workflow._tag, original.call(this, payload))
  }
  originals.set(key, original)
  // A workflow that nobody may change keeps its keys, and `execute` gives their runs the right ids.
  Reflect.set(workflow, "idempotencyKey", key)
}

/** The id of the run that is executed with this payload; `given` is what `effect/workflow` made of it. */
const executionId = (workflow: Workflow.Any, payload: unknown, given: string): Effect.Effect<string> => {
  if (originals.has(workflow.idempotencyKey)) return CurrentTenant.idOf(given)
  const key = idempotencyKey(workflow, payload)
  distinguish(workflow)
  return distinct(workflow._tag, key) === key ? CurrentTenant.idOf(given) : runId(workflow._tag, key)
}

type IdempotencyKey = Workflow.Any["idempotencyKey"]

/** What workflows wrote, by what stands in its place. */
const originals = new WeakMap<IdempotencyKey, IdempotencyKey>()

/** The key that goes into the digest behind the name, which goes there as it is. */
const distinct = (name: string, key: string): string => {
  const known = WellFormed.encode(key)
  if (name.isWellFormed()) return known
  const told = WellFormed.encode(name)
  return `${told.length}:${told}:${known}`
}
