/**
 * An agent that does with the tools of its process what it can to have secrets told:
 * `node tool-secrets.ts FOLDER ROOT URL`. What came of it is in the folder: the
 * database, what a follower heard, the transcripts.
 */
import { Agent, AgentStream, Models, Policy, Scripted, Transcript } from "@fermata/agent"
import { FileTools, NodeSandbox, SearchEngine, SearchTools, ShellTools, WebTools, Workspace } from "@fermata/agent-node"
import { SecretRef } from "@fermata/core"
import { Runs } from "@fermata/engine/Runs"
import * as Egress from "@fermata/host-node/Egress"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as NodeSecrets from "@fermata/host-node/Secrets"
import { Effect, Layer, Stream } from "effect"
import { Toolkit } from "effect/ai"
import { appendFileSync } from "node:fs"
import { join } from "node:path"

const [folder, root, url] = process.argv.slice(2) as [string, string, string]

const toolkit = Toolkit.merge(
  FileTools.toolkit,
  SearchTools.toolkit,
  ShellTools.toolkit,
  WebTools.searchToolkit
)
const agent = Agent.make("agent", { instructions: "You tell.", model: "m", toolkit, policy: Policy.open })

const calls = [
  ["Bash", { command: "env" }],
  ["Bash", { command: "env >&2; exit 3" }],
  ["Bash", { command: "env | base64 -w 0; env | head -c 20000; env | sed 's/^/told: /'" }],
  // Long enough to be told of while it runs, in pieces of any length.
  ["Bash", { command: "for i in 1 2 3 4; do env; sleep 0.2; env | head -c 777; done" }],
  // So much that the whole of it is kept beside.
  ["Bash", { command: "for i in $(seq 40); do env; done" }],
  ["Bash", { command: "cat /proc/1/environ /proc/self/environ /proc/*/environ .env; cat hidden/.env" }],
  ["Read", { file_path: ".env" }],
  ["Read", { file_path: "/proc/self/environ" }],
  ["Read", { file_path: "link" }],
  ["Grep", { pattern: "CANARY", output_mode: "content" }],
  ["Glob", { pattern: "**" }],
  ["Edit", { file_path: ".env", old_string: "CANARY", new_string: "x", replace_all: true }],
  ["WebSearch", { query: "what is my key?" }]
] as const

const script: Scripted.Script = (_, turn) => {
  const next = calls[turn]
  return next === undefined ? "done" : [Scripted.call(next[0], next[1])]
}

const secrets = Object.fromEntries(
  Array.from({ length: 59 }, (_, n) => [`CANARY_${n}`, SecretRef.make(`CANARY_${n}`)])
)
const app = agent.layer.pipe(
  Layer.provide(Layer.mergeAll(
    FileTools.layer,
    SearchTools.layer,
    ShellTools.layer,
    WebTools.searchLayer,
    SearchEngine.layer(SearchEngine.brave({ baseUrl: url, apiKey: SecretRef.make("CANARY_59") })),
    NodeSandbox.layer({ secrets }),
    Models.layer([Scripted.provider(script, { name: "m" })])
  )),
  Layer.provide([Workspace.layer({ root }), NodeSecrets.layerEnv(), Egress.layer()]),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db: join(folder, "a.db") }))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const run = yield* agent.start("go", { id: "1" })
  yield* Stream.runForEach(
    AgentStream.of(run),
    (event) => Effect.sync(() => appendFileSync(join(folder, "events"), `${JSON.stringify(event)}\n`))
  )
  const view = yield* runs.show(run)
  for (const { text } of Transcript.shardsOf(Transcript.linesOf(view))) {
    appendFileSync(join(folder, "transcripts"), text)
  }
  for (const { hash } of yield* runs.artifacts(run)) {
    const { content } = yield* runs.artifact(run, hash)
    appendFileSync(join(folder, "artifacts"), content)
  }
  console.log(JSON.stringify(view))
  return view.status
})

process.exit(await Effect.runPromise(Effect.provide(main, app)) === "completed" ? 0 : 1)
