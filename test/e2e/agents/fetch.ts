/**
 * An agent that makes one call over HTTP: `node fetch.ts DB ORIGIN TOOL METHOD`, where TOOL is `WebFetch` or
 * `ApiCall`. It prints how its run stands, and stays until its input ends.
 */
import { Agent, Models, Policy, Scripted } from "@fermata/agent"
import { WebTools } from "@fermata/agent-node"
import * as HttpService from "@fermata/engine/HttpService"
import { Runs } from "@fermata/engine/Runs"
import * as Egress from "@fermata/host-node/Egress"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer } from "effect"

const [db, origin, tool, method] = process.argv.slice(2) as [string, string, string, string]

const services = HttpService.make({
  services: [{ name: "crm", baseUrl: origin, idempotency: "Idempotency-Key" }]
})
const agent = Agent.make("agent", {
  instructions: "You make one call.",
  model: "demo",
  toolkit: WebTools.toolkit,
  services,
  policy: Policy.open
})
const model = Scripted.provider((_, turn) =>
  turn > 0
    ? "done"
    : [
      tool === "WebFetch"
        ? Scripted.call("WebFetch", { url: `${origin}/page` })
        : Scripted.call("ApiCall", {
          service: "crm",
          method,
          path: "/page",
          ...(method === "POST" ? { body: {} } : {})
        })
    ], { name: "demo" })

const app = agent.layer.pipe(
  Layer.provide([WebTools.layer, Models.layer([model])]),
  Layer.provide(Egress.layer({ origins: [origin] })),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db }))
)

process.stdin.resume().on("end", () => process.exit())

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const run = yield* agent.start("go", { id: "1" })
  let before = ""
  while (true) {
    const { status } = yield* runs.show(run)
    if (status !== before) console.log(JSON.stringify({ run, status }))
    before = status
    yield* Effect.sleep(5)
  }
})

await Effect.runPromise(Effect.provide(main, app))
