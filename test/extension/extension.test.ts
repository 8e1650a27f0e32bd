import { assert, describe, it } from "@effect/vitest"
import { ContractValidation } from "@fermata/contracts"
import { Contracts } from "@fermata/contracts/Contracts"
import { standardKinds } from "@fermata/contracts/StandardKinds"
import type { Backend } from "@fermata/engine/Backend"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { TestHost } from "@fermata/testing/TestHost"
import { Cause, Effect, Exit, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Outside from "./Recipes.ts"

const soup: Outside.Recipe = { name: "soup", steps: ["chop", "boil"] }

const kitchen = () => {
  const done: Array<string> = []
  return { done, layer: Layer.succeed(Outside.Kitchen, { done }) }
}

/** The verbs on a host; recipes come to it later, or never. */
const verbs = Layer.merge(Runs.layer, Events.layer)
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const show = (runId: string) => Effect.flatMap(Runs, (runs) => runs.show(runId))
const ring = (runId: string, id: string) => Effect.flatMap(Events, (events) => events.emit("bell.rung", runId, { id }))

const inMemory = Effect.sync(() => MemoryBackend.make(MemoryBackend.makeStore()))

const onSqlite = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-extension-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  return yield* SqliteBackend.make({ file: join(folder, "test.db") })
})

/** A host on this store, with what is built on it. */
const on = <A, E, R>(backend: Backend, layer: Layer.Layer<A, E, R>) =>
  layer.pipe(Layer.provideMerge(TestHost.layerOf(backend)))

describe("a package outside", () => {
  for (const [name, store] of [["memory", inMemory], ["SQLite", onSqlite]] as const) {
    it.effect(`brings a kind of documents: its runs are executed, wait, are signalled and told of (${name})`, () =>
      Effect.gen(function*() {
        const { done, layer } = kitchen()
        const backend = yield* store
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          assert.strictEqual(yield* (yield* Outside.Recipes).add(soup), "added")
          const { runId } = yield* runs.start("soup", { guests: 2 }, { by: "ada" })
          yield* settled
          const waiting = yield* show(runId)
          assert.include(waiting, { workflow: "soup", version: "1", status: "suspended", reason: "signal" })
          assert.deepStrictEqual(done, ["chop", "boil"])
          assert.deepStrictEqual(waiting.notes.map(({ kind, text }) => [kind, text]), [["tasted", "soup"]])
          assert.strictEqual((yield* runs.list())[0]!.kind, "recipe")
          yield* (yield* Engine).announce
          assert.deepStrictEqual((yield* runs.owners)[0]!.serves, { programs: [], offers: { ovens: 2 } })
          // Two bells, one of them rung twice: each is one signal.
          yield* ring(runId, "b1")
          yield* ring(runId, "b1")
          yield* settled
          const ended = yield* show(runId)
          assert.deepInclude(ended, { status: "completed", output: "soup, served" })
          assert.lengthOf(ended.signals, 1)
          const kept = yield* (yield* Events).kept({ name: "recipe.cooked", limit: 10 })
          assert.sameDeepMembers(kept.map(({ payload }) => payload), [{ what: "chop" }, { what: "boil" }])
          // What no run of the kind receives is refused, by what the extension says of the document.
          const { runId: other } = yield* runs.start("soup", { guests: 3 })
          yield* settled
          assert.strictEqual((yield* Effect.flip(runs.signal(other, "gong", null)))._tag, "SignalUnknown")
        }).pipe(Effect.provide(on(
          backend,
          Outside.layer.pipe(Layer.provide(layer), Layer.provideMerge(verbs))
        )))
      }))

    it.effect(`is not there: its runs are left to others, and its events too (${name})`, () =>
      Effect.gen(function*() {
        const { done, layer } = kitchen()
        const backend = yield* store
        const extended = Outside.layer.pipe(Layer.provide(layer))
        const runId = yield* Effect.gen(function*() {
          yield* (yield* Outside.Recipes).add(soup)
          const { runId } = yield* (yield* Runs).start("soup", { guests: 2 })
          yield* settled
          return runId
        }).pipe(Effect.provide(on(backend, Layer.merge(extended, verbs).pipe(Layer.provide(layer)))))
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          assert.include(
            (yield* Effect.flip(runs.start("soup", { guests: 3 }))).message,
            "it is a recipe, and this process does not serve recipes"
          )
          assert.include(
            (yield* Effect.flip(runs.fork(runId, { at: "boil" }))).message,
            "it is a run of a recipe, and this process does not serve recipes"
          )
          yield* ring(runId, "b1")
          yield* settled
          assert.strictEqual((yield* show(runId)).status, "suspended")
          // It comes now, after everything else: order does not matter.
          yield* Effect.provide(
            Effect.gen(function*() {
              yield* settled
              assert.deepInclude(yield* show(runId), { status: "completed", output: "soup, served" })
            }),
            extended
          )
        }).pipe(Effect.provide(on(backend, verbs)))
        assert.deepStrictEqual(done, ["chop", "boil"])
      }))
  }

  it.effect("brings a kind of step for contracts, and its step makes a note", () => {
    const kinds = [...standardKinds, Outside.taste]
    const document = {
      schemaVersion: "fermata.contract.v1",
      id: "dinner",
      version: "1.0.0",
      title: "Dinner",
      entryStepId: "taste",
      steps: [{ id: "taste", name: "Taste", kind: "taste", what: "soup", next: null }]
    }
    return Effect.gen(function*() {
      assert.deepStrictEqual(ContractValidation.check(document, kinds).problems, [])
      const { runId } = yield* Contracts.use((contracts) => contracts.start({ contract: document }))
      yield* settled
      const run = yield* show(runId)
      assert.deepInclude(run, { status: "completed", output: "good" })
      assert.deepStrictEqual(run.notes.map(({ kind, text }) => [kind, text]), [["tasted", "taste"]])
    }).pipe(Effect.provide(Contracts.layerServing({ kinds }).pipe(Layer.provideMerge(TestHost.layer))))
  })

  it.effect("S11: is called by a contract: its document runs as a child, and its end is what the step comes to", () => {
    const { done, layer } = kitchen()
    const menu = {
      schemaVersion: "fermata.contract.v1",
      id: "menu",
      version: "1.0.0",
      title: "Menu",
      permissions: [{ kind: "workflow:call", pattern: "soup" }],
      entryStepId: "cook",
      steps: [{ id: "cook", name: "Cook", kind: "call", workflow: "soup", input: { guests: 2 }, next: null }]
    }
    return Effect.gen(function*() {
      yield* (yield* Outside.Recipes).add(soup)
      const { runId } = yield* Contracts.use((contracts) => contracts.start({ contract: menu }))
      yield* settled
      assert.include(yield* show(runId), { status: "suspended", reason: "child" })
      const [child] = yield* Runs.use((runs) => runs.list({ workflow: "soup" }))
      assert.deepInclude(child, { kind: "recipe", parent: runId, status: "suspended" })
      yield* ring(child!.id, "b1")
      yield* settled
      assert.deepInclude(yield* show(runId), { status: "completed", output: "soup, served" })
      assert.deepStrictEqual(done, ["chop", "boil"])
    }).pipe(
      Effect.provide(
        Outside.layer.pipe(
          Layer.provide(layer),
          Layer.provideMerge(Contracts.layerServing()),
          Layer.provideMerge(TestHost.layer)
        )
      )
    )
  })

  it.effect("is refused where its kind is none or taken, and changes nothing by that", () =>
    Effect.gen(function*() {
      const { layer } = kitchen()
      const engine = yield* Engine
      const definitions = {
        resolve: () => Effect.undefined,
        offer: () => ({}),
        unserved: () => [],
        describe: () => undefined,
        request: () => Effect.die("not asked")
      }
      const refusal = (kind: string) =>
        Effect.map(Effect.exit(engine.extend({ name: "mine", definitions: { ...definitions, kind } })), (exit) =>
          Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "taken")
      assert.include(yield* refusal("program"), "its kind of documents \"program\" is taken already")
      assert.include(yield* refusal("My Recipe"), "\"My Recipe\" is no word of small letters, digits and hyphens")
      yield* Effect.provide(
        Effect.gen(function*() {
          assert.include(yield* refusal("recipe"), "\"recipe\" is taken already")
        }),
        Outside.layer.pipe(Layer.provide(layer))
      )
      // Its scope is closed, and the kind is free again.
      assert.strictEqual(yield* refusal("recipe"), "taken")
    }).pipe(Effect.provide(TestHost.layer)))
})
