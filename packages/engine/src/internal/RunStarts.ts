/** From the name of a workflow and a payload in JSON to the request that starts a run. */
import { PayloadRefused, StartRefused, WorkflowNotFound } from "@fermata/core/RunsErrors"
import type { StartOptions } from "@fermata/core/RunStart"
import { newestFirst } from "@fermata/core/VersionOrder"
import * as Cause from "effect/Cause"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import type * as Workflow from "effect/workflow/Workflow"
import type { Backend, DefinitionRow, StorageFailed } from "../Backend.ts"
import { described, payloadText, type StartRequest } from "../StartRequest.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Identity from "./Identity.ts"
import * as RunTitle from "./RunTitle.ts"
import { codecs } from "./WorkflowCodecs.ts"

/** The definition of this name, in this version or the highest. */
export const definitionOf = Effect.fnUntraced(function*(
  backend: Backend,
  workflow: string,
  version: string | undefined
): Effect.fn.Return<DefinitionRow, WorkflowNotFound | StorageFailed> {
  // All of them, with their documents, are read only where one has to be chosen, or to say what there is.
  const exact = version === undefined ? null : yield* backend.definition(workflow, version)
  if (exact !== null) return exact
  const all = yield* backend.definitions
  const named = newestFirst(all.filter((row) => row.name === workflow), ({ version }) => version)
  if (version === undefined && named[0] !== undefined) return named[0]
  return yield* new WorkflowNotFound({
    workflow,
    known: (named.length > 0 ? named : all).map((row) => `${row.name}@${row.version}`),
    ...(version === undefined ? {} : { version })
  })
})

/** The request that starts a run of the workflow of this name, in the version that is asked for or the highest. */
export const request = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  backend: Backend,
  workflow: string,
  payload: unknown,
  options: StartOptions
): Effect.fn.Return<StartRequest, WorkflowNotFound | PayloadRefused | StartRefused | StorageFailed> {
  const definition = yield* definitionOf(backend, workflow, options.version)
  const asked = definition.kind === "program"
    ? yield* programRequest(runtime, definition, payload, options)
    : yield* documentRequest(runtime, definition, payload, options)
  return yield* described(asked, options)
})

export const programRequest = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  definition: DefinitionRow,
  given: unknown,
  options: StartOptions
): Effect.fn.Return<StartRequest, PayloadRefused | StartRefused> {
  // JSON has no undefined: nothing was given.
  const payload = given === undefined ? {} : given
  const { name, version } = definition
  if (options.event !== undefined) {
    return yield* new StartRefused({
      workflow: name,
      problem: "it is a program, which no event starts: give the payload as its input"
    })
  }
  const registration = runtime.programs.get(name, version)
  const checked = registration === undefined ? undefined : yield* check(registration.workflow, payload)
  const key = options.new === true
    ? (yield* WebCrypto).randomUUID()
    : options.key ??
      (checked === undefined ? undefined : Identity.idempotencyKey(registration!.workflow, checked.decoded))
  if (key === undefined) {
    return yield* new StartRefused({
      workflow: name,
      problem:
        "its code, which tells whether this input has been run before, is not in this process; give a key, or ask for a new run"
    })
  }
  const id = yield* Identity.runId(name, key)
  return {
    id,
    workflow: name,
    version,
    kind: "program",
    definition: null,
    root: id,
    parent: null,
    listener: null,
    payload: yield* payloadText(name, checked === undefined ? payload : checked.encoded),
    subscriptions: [],
    ...titleOf(registration?.workflow, checked?.decoded),
    ...(options.by === undefined ? {} : { by: options.by })
  }
})

export const documentRequest = (
  runtime: EngineRuntime,
  definition: DefinitionRow,
  payload: unknown,
  options: StartOptions
): Effect.Effect<StartRequest, PayloadRefused | StartRefused | StorageFailed> => {
  const { kind, name: workflow } = definition
  const known = runtime.extensions.documents.get(kind)
  return known === undefined
    ? Effect.fail(new StartRefused({ workflow, problem: `it is a ${kind}, and this process does not serve ${kind}s` }))
    : known.request(definition, payload, options)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What an annotation says, or a key that the workflow has made. */
const titleOf = (workflow: Workflow.Any | undefined, payload: unknown): Pick<StartRequest, "title"> => {
  const title = workflow === undefined ? undefined : RunTitle.ofWorkflow(workflow, payload)
  return title === undefined ? {} : { title }
}

/** The payload as the workflow sees it and as it is stored. */
export const check = (workflow: Workflow.Any, payload: unknown) => {
  const { decodePayload, encodePayload } = codecs(workflow)
  return decodePayload(payload).pipe(
    Effect.flatMap((decoded) => Effect.map(encodePayload(decoded), (encoded) => ({ decoded, encoded }))),
    Effect.catchCause((cause) =>
      Effect.fail(new PayloadRefused({ workflow: workflow._tag, problem: problemOf(cause) }))
    )
  )
}

const problemOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
