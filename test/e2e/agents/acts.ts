/**
 * An agent whose model does one thing with the real tools: `node acts.ts DB ROOT URL CALL [POINT]`,
 * where CALL is `[tool, params]` as JSON. At the POINT `write:before` or `write:after` the process is
 * killed around a change of a file. It prints how the run stands once it is over, or waits for somebody.
 */
import { Agent, Models, Policy, Scripted } from "@fermata/agent"
import { FileTools, NodeSandbox, ShellTools, Workspace } from "@fermata/agent-node"
import * as HttpService from "@fermata/engine/HttpService"
import { Runs } from "@fermata/engine/Runs"
import * as Egress from "@fermata/host-node/Egress"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, Stream } from "effect"
import { Toolkit } from "effect/ai"
import { appendFileSync } from "node:fs"

const [db, root, url, wanted, point = ""] = process.argv.slice(2) as [string, string, string, string, string?]
const [tool, params] = JSON.parse(wanted) as [string, unknown]

const kit = Toolkit.merge(FileTools.toolkit, ShellTools.toolkit)
const service = { baseUrl: url, allowedPaths: ["/.*"], allowedMethods: ["GET", "POST"] } as const
const told: Array<string> = []

const agent = Agent.make("agent", {
  instructions: "You do one thing.",
  model: "demo",
  toolkit: kit,
  policy: Policy.rules({ mode: "open" }),
  services: HttpService.make({
    services: [{ ...service, name: "plain" }, { ...service, name: "keyed", idempotency: "Idempotency-Key" }]
  })
})
const model = Scripted.provider((request, turn) => {
  if (turn > 0) told.push(Scripted.lastText(request))
  return turn === 0 ? [Scripted.call(tool, params)] : "done"
}, { name: "demo" })

const die = () => process.kill(process.pid, "SIGKILL")

/** The workspace, in which each change is counted, and at whose changes the process dies. */
const workspace = Layer.effect(
  Workspace.Workspace,
  Effect.map(Workspace.make({ root }), (space) => ({
    ...space,
    write: (...args: Parameters<typeof space.write>) =>
      Effect.suspend(() => {
        if (point === "write:before") die()
        return Effect.map(space.write(...args), (place) => {
          appendFileSync(`${db}.writes`, `${place.name}\n`)
          if (point === "write:after") die()
          return place
        })
      })
  }))
)

const app = agent.layer.pipe(
  Layer.provide(Layer.mergeAll(ShellTools.layer, FileTools.layer, NodeSandbox.layer(), Models.layer([model]))),
  Layer.provide(workspace),
  Layer.provide(Egress.layer()),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db, leaseMs: 1_000 }))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const id = yield* agent.start("go", { id: "1" })
  const stood = yield* Stream.runLast(runs.follow(id, { untilSuspended: true }))
  const { status, waits } = stood._tag === "Some" ? stood.value.view : { status: "gone", waits: [] }
  console.log(JSON.stringify({ status, waits: waits.map(({ reason }) => reason), told }))
})

await Effect.runPromise(Effect.provide(main, app))
process.exit(0)
