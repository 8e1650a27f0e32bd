/**
 * An agent on Anthropic's client and SQLite, for a process that is killed:
 * `node app.ts DB EFFECTS URL POINT`. It kills itself at the point that is
 * named, else it runs to the end and prints what came of it.
 */
import { Agent, AgentStream, AgentTool, Anthropic, Models } from "@fermata/agent"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Config, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { appendFileSync } from "node:fs"

const [db, effects, baseURL, killAt] = process.argv.slice(2) as [string, string, string, string]
const point = (name: string) => {
  if (name === killAt) process.kill(process.pid, "SIGKILL")
}
const act = (line: object) => appendFileSync(effects, `${JSON.stringify(line)}\n`)

const text = { success: Schema.String }
const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Charge = Tool.make("Charge", { parameters: Schema.Struct({ cents: Schema.Int }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "read" }))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "write" }))

const helperKit = Toolkit.make(Write)
const bossKit = Toolkit.make(Look, Charge, Write)
const handlers = {
  Look: ({ n }: { readonly n: number }) =>
    Effect.gen(function*() {
      act({ tool: "Look", n })
      point(`look:${n}:begun`)
      yield* Effect.sleep(10)
      point(`look:${n}:done`)
      return `saw ${n} ${"and more ".repeat(20)}`
    }),
  Charge: () =>
    Effect.gen(function*() {
      const { idempotencyKey } = yield* AgentTool.call
      point("charge:before")
      act({ tool: "Charge", key: idempotencyKey })
      point("charge:after")
      return "it is charged"
    }),
  Write: ({ path }: { readonly path: string }) =>
    Effect.sync(() => {
      point(`write:${path}:before`)
      act({ tool: "Write", path })
      point(`write:${path}:after`)
      return `wrote ${path}`
    })
}
const helper = Agent.make("helper", { instructions: "You are the helper.", toolkit: helperKit })
const boss = Agent.make("boss", {
  instructions: "You are the boss.",
  toolkit: bossKit,
  agents: [helper],
  output: Schema.Struct({ done: Schema.Boolean }),
  compaction: { strategy: "summarise", contextLimit: 1_500, keepLast: 2 }
})
/** A provider that comes to a point at each part of each answer: who follows a run may be late, and find the whole answer there. */
const watched = (provider: Models.Provider): Models.Provider => {
  const calls = new Map<string, number>()
  return {
    ...provider,
    find: (name) => {
      const found = provider.find(name)
      return found && Effect.map(found, (model) => ({
        ...model,
        stream: (request) =>
          Stream.suspend(() => {
            const agent = JSON.stringify(request.prompt.content[0]).includes("You are the helper") ? "helper" : "boss"
            const call = (calls.get(agent) ?? 0) + 1
            calls.set(agent, call)
            let parts = 0
            return Stream.tap(model.stream(request), () =>
              Effect.sync(() => point(`part:${agent}:model${call === 1 ? "" : `~${call}`}:${++parts}`)))
          })
      }))
    }
  }
}

const app = Layer.mergeAll(boss.layer, helper.layer).pipe(
  Layer.provide(Layer.mergeAll(
    helperKit.toLayer(handlers),
    bossKit.toLayer(handlers),
    Models.layer([watched(Anthropic.provider({ baseURL, apiKey: Config.succeed(Redacted.make("test")) }))])
  )),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db, leaseMs: 1_000 }))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const id = yield* boss.start("go", { id: "1" })
  yield* Effect.forkChild(Stream.runForEach(AgentStream.of(id), (event) =>
    Effect.sync(() => {
      if (event.type === "answer") point(`answer:${event.agent}:${event.step}`)
      else if (event.type === "subagent") point("subagent")
    })))
  const asked = new Set<string>()
  while (true) {
    const view = yield* runs.show(id)
    if (view.status === "completed" || view.status === "failed") {
      point("over")
      const below = yield* Effect.forEach(view.children, ({ child }) => runs.show(child))
      return console.log(JSON.stringify({
        status: view.status,
        output: view.output,
        error: view.error?.message,
        spent: view.spent,
        unsettledBelow: below.reduce((sum, { spent }) => sum + (spent.unsettled.tokens ?? 0), 0),
        recoveries: view.counts.recoveries,
        steps: view.steps.map(({ key }) => key)
      }))
    }
    for (const { id: approval, workflow } of yield* runs.approvals()) {
      point(`question:${workflow}`)
      if (asked.has(approval)) continue
      asked.add(approval)
      yield* Effect.ignore(runs.answer(approval, { decision: "approve", by: "operator" }))
      point(`answered:${workflow}`)
    }
    yield* Effect.sleep(5)
  }
})

await Effect.runPromise(Effect.provide(main, app))
process.exit(0)
