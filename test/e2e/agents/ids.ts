/**
 * An agent in memory, on what every platform has: `node ids.ts`. It prints the
 * ids of two runs that are given none, that of one that is, and what `node:crypto`
 * is in this process.
 */
import { Agent, Models, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { Effect, Layer } from "effect"

const helper = Agent.make("helper", { instructions: "You help.", model: "m" })
const boss = Agent.make("boss", { instructions: "You lead.", model: "m", agents: [helper] })

const script: Scripted.Script = (request, turn) =>
  turn === 0 && request.tools.length > 0 ? [Scripted.call("helper", { prompt: "help me" })] : "done"

const app = Layer.mergeAll(boss.layer, helper.layer).pipe(
  Layer.provide(Layer.mergeAll(Models.layer([Scripted.provider(script, { name: "m" })]), Chunks.layerMemory)),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(Engine.layer),
  Layer.provideMerge(Layer.mergeAll(Store.layerMemory, HostClock.layerManual()))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const made: Array<string> = []
  for (let run = 0; run < 2; run++) yield* boss.run("go")
  yield* boss.run("go", { id: "given" })
  for (const { id, workflow } of yield* runs.list()) {
    if (workflow !== "boss") continue
    const [begin] = yield* runs.journal(id)
    const { id: own } = (begin as unknown as { readonly payload: { readonly id: string } }).payload
    if (own !== "given") made.push(own)
  }
  const given = yield* boss.workflow.executionId({ id: "given", input: "go" })
  const { children } = yield* runs.show(given)
  const blocked = process.getBuiltinModule("node:crypto") === undefined &&
    (yield* Effect.promise(() => import("node:crypto").then(() => false, () => true)))
  console.log(JSON.stringify({ blocked, made, given, child: children[0]?.child }))
})

await Effect.runPromise(Effect.provide(main, app))
process.exit(0)
