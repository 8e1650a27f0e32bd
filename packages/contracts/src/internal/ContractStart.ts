/**
 * From a contract and what it is given to the request that starts a run.
 */
import type { PayloadRefused } from "@fermata/core/RunsErrors"
import { compose, type StoredJson, textOf } from "@fermata/core/StoredJson"
import { sha256Hex } from "@fermata/engine/Digest"
import { payloadText, type StartRequest } from "@fermata/engine/StartRequest"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type Payload, subscriptionsOf } from "../ContractProgram.ts"
import type { Stored } from "../ContractRegistry.ts"
import * as Expression from "../Expression.ts"
import { standardShapes } from "../StandardShapes.ts"
import type { StepShapes } from "../StepShape.ts"

/** What a run is started with. */
export interface Given {
  /** What the run sees as `input`; the payload of the event when absent. */
  readonly input?: Schema.Json | undefined
  readonly event?:
    | {
      readonly name: string
      readonly id?: string | undefined
      readonly payload: Schema.Json
      /** Whoever published it. */
      readonly by?: string | undefined
    }
    | undefined
  readonly key?: string | undefined
  readonly by?: string | undefined
}

/**
 * The request. Runs of one contract with one key are one run, and so are those
 * of one event id; every other start is a run of its own.
 */
export const requestOf = Effect.fnUntraced(function*(
  { contract, hash, id: name, version }: Stored,
  { by, event, input, key }: Given,
  shapes: StepShapes = standardShapes
): Effect.fn.Return<StartRequest, PayloadRefused> {
  const id = key !== undefined
    ? yield* identity(name, "key", key)
    : event?.id !== undefined
    ? yield* identity(name, "event", event.id)
    : (yield* WebCrypto).randomUUID().replaceAll("-", "")
  const trigger = event === undefined ? undefined : yield* payloadText(name, event.payload)
  const payload: { readonly [part in keyof Payload]?: StoredJson | undefined } = input === undefined
    ? { input: trigger ?? (yield* payloadText(name, null)) }
    : { input: yield* payloadText(name, input), trigger }
  const title = yield* titleOf(contract, { input, event })
  return {
    id,
    workflow: name,
    version,
    kind: "contract",
    definition: hash,
    root: id,
    parent: null,
    listener: null,
    payload: compose(payload),
    ...(title === undefined ? {} : { title }),
    ...(by === undefined ? {} : { by }),
    ...(event === undefined ? {} : {
      trigger: { event: event.name, id: event.id ?? id, ...(event.by === undefined ? {} : { by: event.by }) }
    }),
    subscriptions: subscriptionsOf(contract, shapes)
  }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the run is about, as its contract says it. A title is worth no run that does not start. */
const titleOf = (
  { id, runTitle }: Stored["contract"],
  { event, input }: Given
): Effect.Effect<string | undefined> => {
  if (runTitle === undefined) return Effect.undefined
  const trigger = event?.payload ?? input ?? null
  return Expression.evaluate(runTitle, { input: input ?? trigger, trigger }).pipe(
    Effect.map((title) => typeof title === "string" ? title : title === null ? "" : textOf(title)),
    Effect.map((title) => title.trim() === "" ? undefined : title),
    Effect.catch(({ message }) =>
      Effect.as(Effect.logWarning(`a run of contract "${id}" has no title of its own: ${message}`), undefined)
    )
  )
}

const identity = (contract: string, what: "key" | "event", value: string): Effect.Effect<string> =>
  Effect.map(sha256Hex(`contract:${contract.length}:${contract}:${what}:${value}`), (hash) => hash.slice(0, 32))
