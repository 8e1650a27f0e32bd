/**
 * An agent whose model runs one line in the shell: `node shell.ts DB ROOT LINE`, or
 * `… LINE rereads`. It prints what becomes of the run, and stays until it is killed or its input ends;
 * a line `cancel` on its input cancels the run.
 */
import { Agent, Models, Policy, Scripted } from "@fermata/agent"
import { NodeSandbox, ShellTools, Workspace } from "@fermata/agent-node"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer } from "effect"
import { createInterface } from "node:readline"

const [db, root, command, kind] = process.argv.slice(2) as [string, string, string, string | undefined]

const told: Array<string> = []
const agent = Agent.make("agent", {
  instructions: "You run one line.",
  model: "demo",
  toolkit: kind === "rereads" ? ShellTools.toolkitRereads : ShellTools.toolkit,
  policy: Policy.rules({ mode: "open" })
})
const model = Scripted.provider((request, turn) => {
  if (turn > 0) told.push(Scripted.lastText(request))
  return turn === 0 ? [Scripted.call("Bash", { command })] : "done"
}, { name: "demo" })

const app = agent.layer.pipe(
  Layer.provide(Layer.mergeAll(ShellTools.layer, NodeSandbox.layer(), Models.layer([model]))),
  Layer.provide(Workspace.layer({ root })),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db, leaseMs: 1_000 }))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const services = yield* Effect.context<never>()
  const id = yield* agent.start("go", { id: "1" })
  const input = createInterface({ input: process.stdin })
  input.on("line", (line) => {
    if (line === "cancel") void Effect.runPromiseWith(services)(runs.cancel(id, { by: "ada", reason: "no more" }))
  })
  // Whoever tests it is gone.
  input.on("close", () => process.exit())
  let before = ""
  while (true) {
    const { status, waits } = yield* runs.show(id)
    if (status !== before) console.log(JSON.stringify({ status, waits: waits.map(({ reason }) => reason), told }))
    before = status
    yield* Effect.sleep(5)
  }
})

await Effect.runPromise(Effect.provide(main, app))
