/**
 * What a package of somebody else may look like: it brings a kind of documents
 * of its own, a route for an event, what commits publish, and a kind of step for
 * contracts that makes a note. It imports what ours make public, and nothing
 * of ours knows it.
 */
import * as ContractParts from "@fermata/contracts/ContractParts"
import { recorded } from "@fermata/contracts/RecordedStep"
import * as StepKind from "@fermata/contracts/StepKind"
import { sha256Hex } from "@fermata/engine/Digest"
import { Engine } from "@fermata/engine/Engine"
import type { Description, Extension, Program } from "@fermata/engine/Extension"
import * as Signal from "@fermata/engine/Signal"
import { payloadText } from "@fermata/engine/StartRequest"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import * as Workflows from "@fermata/engine/Workflows"
import { Context, Effect, Layer, Result, Schema } from "effect"
import { WebCrypto } from "effect/crypto/WebCrypto"
import { Workflow } from "effect/workflow"

/** A recipe: its name, and what is done one after another. The last waits for the bell. */
export const Recipe = Schema.Struct({ name: Schema.String, steps: Schema.Array(Schema.String) })
export type Recipe = typeof Recipe.Type

/** The signal that the bell is for the runs of recipes. */
export const Bell = Signal.make("bell", { schema: Schema.String })

/** What cooks have done, in order. */
export class Kitchen extends Context.Service<Kitchen, { readonly done: Array<string> }>()("outside/Kitchen") {}

/** Stores recipes, so that runs of them can be started by their names. */
export class Recipes extends Context.Service<Recipes, {
  readonly add: (recipe: Recipe) => Effect.Effect<string, unknown>
}>()("outside/Recipes") {}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Recipe))

const describe = (document: string): Description | undefined => {
  const recipe = decode(document)
  return recipe._tag === "None"
    ? undefined
    : { limits: Workflows.defaultLimits, subscriptions: [], signals: ["bell"], waits: new Map() }
}

const compile = ({ name, steps }: Recipe, kitchen: Kitchen["Service"], engine: Engine["Service"]): Program => ({
  workflow: Workflow.make(name, {
    payload: { guests: Schema.Int },
    success: Schema.String,
    idempotencyKey: ({ guests }) => String(guests)
  }),
  limits: Workflows.defaultLimits,
  execute: () =>
    Effect.gen(function*() {
      for (const what of steps) {
        yield* Step.make(what, { onCrash: "rerun", run: () => Effect.sync(() => void kitchen.done.push(what)) })()
      }
      yield* Workflows.note("tasted", name, { salt: "enough" })
      return `${name}, ${yield* Signal.receive(Bell)}`
    }).pipe(Effect.provideService(Engine, engine))
})

/** The layer: on the engine of any host. */
export const layer: Layer.Layer<Recipes, never, Engine | Store | Kitchen> = Layer.effect(
  Recipes,
  Effect.gen(function*() {
    const engine = yield* Engine
    const { backend } = yield* Store
    const kitchen = yield* Kitchen
    const compiled = new Map<string, Program>()
    const extension: Extension = {
      name: "recipes",
      definitions: {
        kind: "recipe",
        resolve: Effect.fnUntraced(function*({ definition }) {
          const known = compiled.get(definition ?? "")
          const row = definition === null || known !== undefined ? null : yield* backend.definitionByHash(definition)
          const recipe = decode(row?.document ?? "")
          if (known !== undefined || recipe._tag === "None") return known
          const made = compile(recipe.value, kitchen, engine)
          compiled.set(definition!, made)
          return made
        }),
        offer: () => ({ ovens: 2 }),
        unserved: () => [],
        describe,
        request: Effect.fnUntraced(function*({ hash, kind, name, version }, payload, { by }) {
          const id = (yield* WebCrypto).randomUUID()
          return {
            id,
            workflow: name,
            version,
            kind,
            definition: hash,
            root: id,
            parent: null,
            listener: null,
            payload: yield* payloadText(name, payload),
            subscriptions: [],
            ...(by === undefined ? {} : { by })
          }
        })
      },
      // Whoever waits for a bell hears one that is rung for its run.
      route: ({ id, name, payload }) =>
        Effect.succeed(
          name === "bell.rung"
            ? [{ _tag: "Signal", runId: String(payload), id: `bell:${id}`, name: "bell", payload: "served" }]
            : []
        ),
      project: ({ entries, run }) =>
        run.kind !== "recipe" ? [] : entries.flatMap((entry) =>
          entry._tag === "StepCompleted"
            ? [{ id: `${run.id}:cooked:${entry.seq}`, name: "recipe.cooked", payload: { what: entry.key } }]
            : []
        )
    }
    yield* engine.extend(extension)
    return {
      add: Effect.fnUntraced(function*(recipe: Recipe) {
        const document = JSON.stringify(recipe)
        const hash = yield* sha256Hex(document)
        const { result } = yield* engine.define({
          name: recipe.name,
          version: "1",
          kind: "recipe",
          hash,
          schemas: "{}",
          document,
          at: 0
        })
        return result
      })
    }
  })
)

/** A kind of step for contracts: tastes something, and makes a note of it. */
export const taste = StepKind.make({
  kind: "taste",
  schema: {
    fields: { what: ContractParts.Text, next: ContractParts.Next },
    words: { kind: "Tastes something.", what: "What is tasted.", next: "What follows." }
  },
  check: { expressions: () => [] },
  needs: () => ({}),
  graph: { brackets: ["(", ")"], ways: () => [{ label: "", path: ["next"] }] },
  run: (step): StepKind.Execute => {
    const tasted = recorded({
      step,
      body: (_call, _input, { key }) => Effect.as(Workflows.note("tasted", key, { what: step.what }), "good")
    })
    return ({ scope }) => Effect.map(tasted(scope, Result.succeed(null)), (output) => ({ output, next: step.next }))
  }
})
