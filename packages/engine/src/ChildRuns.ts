/**
 * Child runs by the name of a workflow, in the body of another: for extensions
 * whose documents name what they call. A program has the workflow at hand, and
 * calls its `execute`.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { type PayloadRefused, StartRefused, type WorkflowNotFound } from "@fermata/core/RunsErrors"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Backend, RunRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as Handover from "./internal/Handover.ts"
import * as Reserved from "./internal/Reserved.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import * as RunStarts from "./internal/RunStarts.ts"
import { inTenant, type StartRequest } from "./StartRequest.ts"

/** The most runs that there may be above a run that is asked for with `request`: what calls itself comes to an end. */
export const maxAbove = 16

/** Which run is asked for. */
export interface RequestOptions {
  /** The newest when absent. */
  readonly version?: string | undefined
  /** Runs of one workflow with one key are one run. The id of the run that asks, and the step in it, make a key of its own. */
  readonly key: string
}

/**
 * The request for a run of a workflow, as `Runs.start` makes it: of a program,
 * or of a document of any kind that this process has an extension for. It is
 * plain JSON, which `StartRequest` decodes. What it says depends on what the
 * store has now, so in a run it is made in a step, whose outcome keeps it.
 * There, what the store could not do is tried again.
 */
export const request = (
  workflow: string,
  payload: Schema.Json,
  { key, version }: RequestOptions
): Effect.Effect<StartRequest, WorkflowNotFound | PayloadRefused | StartRefused | StorageFailed, Engine> =>
  Effect.gen(function*() {
    const runtime = yield* CurrentRuntime.current
    const place = yield* CurrentRun
    const { backend } = runtime
    return yield* runtime.writer.patience.persist(Effect.gen(function*() {
      const definition = yield* RunStarts.definitionOf(backend, workflow, version)
      if (place !== undefined && (yield* countUpwards(backend, place.run.row)) > maxAbove) {
        return yield* new StartRefused({
          workflow,
          problem:
            `${maxAbove} runs are above it, each started by the one before; a run that calls its own workflow has to stop doing so`
        })
      }
      const options = { key, ...(place?.run.by === undefined ? {} : { by: place.run.by }) }
      const made = definition.kind === "program"
        ? yield* RunStarts.programRequest(runtime, definition, payload, options)
        : yield* RunStarts.documentRequest(runtime, definition, payload, options)
      return inTenant({ ...made, payload: StoredJson.read(made.payload) }, yield* CurrentTenant.current)
    }))
  })

/**
 * Starts the run as a child of the one whose body this is in, or joins it, and
 * waits for its end: its output, or the cause of its failure, as journals have
 * them. The child belongs to the tree of this run, and whoever asked for this run
 * counts as having asked for it. Who is interrupted while waiting leaves the
 * child, which stops it unless another run wants it too. Dies outside of a body.
 */
export const run = (request: StartRequest): Effect.Effect<JournalEntry.ExitJson, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    const { id, version, workflow } = request
    if (place === undefined || place.step !== undefined) {
      return yield* Effect.die(
        new Error(`Run ${id} of "${workflow}" is asked for in the body of a workflow, not in a step or outside a run`)
      )
    }
    const { by, caller, row } = place.run
    const granted = (yield* Reserved.granted(id)) ?? request.granted
    const payload = yield* Effect.orDie(
      Handover.given(`payload of workflow "${workflow}"`, request.payload, Handover.giver(row))
    )
    const start = StoredJson.compose({
      ...request,
      payload,
      root: row.root,
      parent: row.id,
      listener: row.id,
      by,
      caller,
      granted
    })
    const ended = place.run.children.ask({
      id,
      start: { id: `start:${row.id}:${id}`, kind: "start", payload: start.text },
      workflow,
      version,
      payload,
      granted,
      linked: true
    }, true)
    return (yield* Effect.onError(ended, () => Effect.sync(() => place.run.children.leave(id))))!
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How many runs are above a child of this one: the run itself, and those above it. Counts no further than it has to. */
const countUpwards = Effect.fnUntraced(function*(
  backend: Backend,
  { parent }: RunRow
): Effect.fn.Return<number, StorageFailed> {
  let count = 1
  for (let above = parent; above !== null && count <= maxAbove; count++) {
    above = (yield* backend.run(above))?.parent ?? null
  }
  return count
})
