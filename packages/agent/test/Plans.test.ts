/** What a call is going to do, found out before people are asked about it, and held against what is there after a crash. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Context, Deferred, Effect, Layer, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** The file that is written, as a service of the handlers' layer. */
class Disk
  extends Context.Service<Disk, { content: string; writes: number; blocked: Deferred.Deferred<void> | undefined }>()(
    "test/Disk"
  )
{}

const before = Effect.map(Disk, ({ content }) => content)

const Write = AgentTool.probe(
  AgentTool.plan(
    Tool.make("Write", { parameters: Schema.Struct({ content: Schema.String }), success: Schema.String })
      .annotateMerge(AgentTool.rules({ permission: "write" })),
    ({ content }) =>
      Effect.gen(function*() {
        const now = yield* before
        if (content === "") return yield* Effect.fail("there is nothing to write")
        return { shown: `-${now}\n+${content}`, state: { before: now } }
      })
  ),
  ({ content }) =>
    Effect.gen(function*() {
      const now = yield* before
      const plan = yield* AgentTool.CurrentPlan
      assert.deepStrictEqual(plan, { before: "old" })
      return now === content ? Option.some("found written") : Option.none()
    })
)
const kit = Toolkit.make(Write)

const make = Effect.gen(function*() {
  const disk: Disk["Service"] = { content: "old", writes: 0, blocked: undefined }
  const told: Array<string> = []
  const agent = Agent.make("agent", { instructions: "", model: "m", toolkit: kit, policy: Policy.rules() })
  const handlers = kit.toLayer(Effect.gen(function*() {
    const disk = yield* Disk
    return {
      Write: ({ content }) =>
        Effect.gen(function*() {
          const plan = yield* AgentTool.CurrentPlan
          if ((plan as { readonly before: string }).before !== disk.content) {
            return yield* Effect.die(new Error("it has changed since"))
          }
          disk.content = content
          disk.writes++
          if (disk.blocked !== undefined) yield* Deferred.await(disk.blocked)
          return "written"
        })
    }
  })).pipe(Layer.provide(Layer.succeed(Disk, disk)))
  const serving = (content: string) =>
    Layer.provide(
      agent.layer,
      Layer.mergeAll(
        handlers,
        Models.layer([Scripted.provider((request, turn) => {
          told.push(JSON.stringify(request.prompt.content.at(-1)))
          return turn === 0 ? [Scripted.call("Write", { content })] : "done"
        }, { name: "m" })]),
        Chunks.layerMemory
      )
    )
  const world = yield* CrashHost.make
  return { agent, disk, serving, told, world }
})

const questions = (host: CrashHost.Host) =>
  host.use(Effect.provide(Effect.flatMap(Runs, (runs) => runs.approvals()), Runs.layer))

const answer = (host: CrashHost.Host, args?: Schema.Json) =>
  host.use(Effect.provide(
    Effect.gen(function*() {
      const runs = yield* Runs
      const [question] = yield* runs.approvals()
      yield* runs.answer(question!.id, {
        decision: "approve",
        by: "operator",
        ...(args === undefined ? {} : { edit: args })
      })
    }),
    Runs.layer
  ))

describe("the plan of a call", () => {
  it.effect("is shown to whoever is asked, and its state is what the handler goes by", () =>
    Effect.gen(function*() {
      const { agent, disk, serving, told, world } = yield* make
      const host = yield* world.start(serving("new"))
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      const [question] = yield* questions(host)
      assert.include(question!.prompt, "-old\n+new")
      yield* answer(host)
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(disk.content, "new")
      assert.include(told[1]!, "written")
    }))

  it.effect("that cannot be made is told to the model, and nobody is asked", () =>
    Effect.gen(function*() {
      const { agent, disk, serving, told, world } = yield* make
      const host = yield* world.start(serving(""))
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.include(told[1]!, "there is nothing to write")
      assert.strictEqual(disk.writes, 0)
    }))

  it.effect("of what was seen is not carried out on what is there now: the model is told", () =>
    Effect.gen(function*() {
      const { agent, disk, serving, told, world } = yield* make
      const host = yield* world.start(serving("new"))
      yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      disk.content = "changed by somebody"
      yield* answer(host)
      yield* host.settled
      assert.strictEqual(disk.content, "changed by somebody")
      assert.include(told[1]!, "it has changed since")
    }))

  it.effect("is made anew where the arguments were edited, and its first one is not asked about again", () =>
    Effect.gen(function*() {
      const { agent, disk, serving, world } = yield* make
      const host = yield* world.start(serving("new"))
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      disk.content = "newer"
      yield* answer(host, { content: "edited" })
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(disk.content, "edited")
    }))

  it.effect("is there for the probe after a crash: what was done is found, and not done again", () =>
    Effect.gen(function*() {
      const { agent, disk, serving, told, world } = yield* make
      disk.blocked = yield* Deferred.make<void>()
      const host = yield* world.start(serving("new"))
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      yield* answer(host)
      yield* host.settled
      assert.strictEqual(disk.writes, 1)
      disk.blocked = undefined
      const after = yield* world.restart(host, serving("new"))
      yield* after.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(disk.writes, 1)
      assert.include(told[1]!, "found written")
    }))
})
