/**
 * Two agents on real clients whose tools and models are told secrets, and which
 * tell all that they can: `node secrets.ts FOLDER URL`. What came of it is in the
 * folder: the database, what a follower heard, the transcripts and the recording.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { Agent, AgentStream, AgentTool, AiSdk, Anthropic, Cassette, Models, Policy, Transcript } from "@fermata/agent"
import { SecretRef } from "@fermata/core"
import { HttpService, Secrets, Step, Workflows } from "@fermata/engine"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import * as Egress from "@fermata/host-node/Egress"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as NodeSecrets from "@fermata/host-node/Secrets"
import { Console, Effect, Layer, Redacted, Schema, Stream, Tracer } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { WorkflowEngine } from "effect/workflow"
import { appendFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [folder, url] = process.argv.slice(2) as [string, string]

/** What the secret of this number says, which is then told to the service, to logs and to spans. */
const tell = Effect.fn("tell")(function*(n: number, query = "") {
  const secret = Redacted.value(yield* Secrets.resolve(SecretRef.make(`CANARY_${n}`)))
  yield* Effect.annotateCurrentSpan({ secret })
  const reply = yield* Effect.promise(() =>
    fetch(`${url}/echo?key=${encodeURIComponent(secret)}${query}`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`me:${secret}`).toString("base64")}` },
      body: JSON.stringify({ secret })
    }).then(async (response) => ({ status: response.status, text: await response.text() }))
  )
  yield* Effect.logInfo(reply.text, { secret }).pipe(
    Effect.annotateLogs("secret", secret),
    Effect.withSpan(`said ${secret}`, { attributes: { reply: reply.text } })
  )
  yield* Workflows.note("told", reply.text, { secret })
  if (reply.status !== 200) {
    const failure = Object.assign(new Error(reply.text, { cause: new Error(`inner ${secret}`) }), { secret })
    yield* Effect.logError("the service failed", failure)
    return yield* Effect.die(failure)
  }
  return reply.text
})

const given = { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.Unknown }
const reads = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
const Echo = Tool.make("Echo", given).annotateMerge(reads)
const Fail = Tool.make("Fail", { ...given, failure: Schema.Unknown, failureMode: "return" }).annotateMerge(reads)
const Die = Tool.make("Die", given).annotateMerge(reads)
const Inside = Tool.make("Inside", { ...given, dependencies: [Engine, WorkflowEngine.WorkflowInstance] }).annotateMerge(
  reads
).annotateMerge(AgentTool.inRun)
const Send = Tool.make("Send", { parameters: Schema.Struct({ text: Schema.String }), success: Schema.String })

const inner = Step.make("inner", {
  input: Schema.Int,
  success: Schema.Unknown,
  onCrash: "rerun",
  run: (n) => Effect.orDie(tell(n))
})

const bossKit = Toolkit.make(Echo, Fail, Die, Inside, Send)
const helperKit = Toolkit.make(Echo)
const echo = ({ n }: { readonly n: number }) =>
  Effect.map(Effect.orDie(tell(n)), (text) => ({ [text]: "as a name", text, list: [{ deep: text }] }))
const handlers = {
  Echo: echo,
  Fail: ({ n }: { readonly n: number }) => Effect.flatMap(Effect.orDie(tell(n)), (text) => Effect.fail({ told: text })),
  Die: ({ n }: { readonly n: number }) => Effect.orDie(tell(n, "&status=500")),
  Inside: ({ n }: { readonly n: number }) => inner(n),
  Send: ({ text }: { readonly text: string }) => Effect.succeed(`sent ${text}`)
}
const helper = Agent.make("helper", { instructions: "You help.", model: "local/local", toolkit: helperKit })
const boss = Agent.make("boss", {
  instructions: "You lead.",
  toolkit: bossKit,
  services: HttpService.make({
    services: Array.from({ length: 10 }, (_, n): HttpService.Entry => {
      const secret = SecretRef.make(`CANARY_${30 + n}`)
      // A header holds no signs beyond those of Latin-1.
      const auth = n % 2 === 0 || (30 + n) % 6 === 3
        ? { type: "basic", user: secret, password: secret } as const
        : { type: "header", name: "X-Secret", value: secret } as const
      return { name: `service-${30 + n}`, baseUrl: `${url}/api`, auth }
    })
  }),
  agents: [helper],
  policy: (call) =>
    call.rules.permission === "read" ? Policy.open(call) : {
      decision: "ask",
      approvers: ["operator"],
      prompt: `May it send ${(call.params as { readonly text: string }).text}?`
    }
})

const recorder = Cassette.recorder()
const models = Models.layer([
  Anthropic.provider({ baseURL: url, fetch: recorder.fetch, headers: { "x-team": SecretRef.make("CANARY_90") } }),
  AiSdk.provider({
    name: "local",
    apiKey: "CANARY_99",
    model: (id, apiKey) =>
      createOpenAICompatible({ name: "local", baseURL: url, apiKey, includeUsage: true, fetch: recorder.fetch })(id)
  })
])

/** Prints every span, as an exporter would send it. */
const tracer = Layer.succeed(
  Tracer.Tracer,
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (at, exit) => {
        end(at, exit)
        console.log("span", span.name, JSON.stringify([...span.attributes]), JSON.stringify(exit))
      }
      return span
    }
  })
)

const app = Layer.mergeAll(boss.layer, helper.layer).pipe(
  Layer.provide(Layer.mergeAll(helperKit.toLayer(handlers), bossKit.toLayer(handlers), models)),
  Layer.provide([NodeSecrets.layerEnv(), Egress.layer()]),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db: join(folder, "a.db") })),
  Layer.provideMerge(tracer)
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  const run = yield* boss.start("go", { id: "1" })
  yield* Stream.runForEach(AgentStream.of(run), (event) =>
    Effect.gen(function*() {
      appendFileSync(join(folder, "events"), `${JSON.stringify(event)}\n`)
      if (event.type !== "approval") return
      yield* runs.answer(event.approval, { decision: "approve", by: "operator" })
    }))
  const view = yield* runs.show(run)
  const below = yield* Effect.forEach(view.children, ({ child }) => runs.show(child))
  for (const each of [view, ...below]) {
    const shards = Transcript.shardsOf(Transcript.linesOf(each))
    appendFileSync(join(folder, "transcripts"), shards.map(({ text }) => text).join(""))
  }
  writeFileSync(join(folder, "cassette"), Cassette.encode(recorder.tape()))
  yield* Console.log(JSON.stringify(view))
  return view.status
})

const status = await Effect.runPromise(Effect.provide(main, app))
process.exit(status === "completed" ? 0 : 1)
