/**
 * The client of the official conformance suite of MCP: an agent that calls every tool of a server, whose questions are
 * answered with a yes, and for whom somebody logs in where the server wants that: `node mcp-conformance.ts URL`.
 */
import { Agent, McpHttp, McpOAuth, McpServers, Models, Policy, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"

const url = process.argv.at(-1)!
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as {
  readonly client_id?: string
  readonly client_secret?: string
  readonly private_key_pem?: string
  readonly signing_algorithm?: string
}

/** What the suite has for this scenario says who lets the process in. */
const oauth = McpOAuth.make({
  store: McpOAuth.storeMemory(),
  ...(scenario.includes("client-credentials") ? { grant: "client_credentials" as const } : {}),
  ...(scenario.includes("cimd") ? { clientMetadataUrl: "https://conformance-test.local/client-metadata.json" } : {}),
  ...(context.client_id === undefined ? {} : { clientId: context.client_id }),
  ...(context.client_secret === undefined ? {} : { clientSecret: { secret: "CLIENT" } }),
  ...(context.private_key_pem === undefined
    ? {}
    : { privateKey: { secret: "KEY", algorithm: context.signing_algorithm ?? "ES256" } }),
  redirectUrl: "http://localhost:3000/callback"
})

const secrets = Secrets.layerMemory({ CLIENT: context.client_secret ?? "", KEY: context.private_key_pem ?? "" })

const Clerk = Agent.make("clerk", { instructions: "Call everything.", model: "demo", mcp: ["s"], policy: Policy.open })

const models = Models.layer([
  Scripted.provider(
    ({ prompt, tools }) =>
      prompt.content.some(({ role }) => role === "assistant")
        ? JSON.stringify(prompt.content.at(-1))
        : tools.map(({ name }) => Scripted.call(name, name.includes("add_numbers") ? { a: 5, b: 3 } : {})),
    { name: "demo" }
  )
])

/** Says yes to whatever is asked. */
const yes = Effect.gen(function*() {
  const runs = yield* Runs
  while (true) {
    for (const { id } of yield* runs.approvals()) {
      yield* Effect.ignore(runs.answer(id, { decision: "approve", by: "operator" }))
    }
    yield* Effect.sleep(20)
  }
})

/** What a run came to, in words. */
const lived = (id: string) =>
  Effect.match(Clerk.run("go", { id }), { onSuccess: ({ text }) => text, onFailure: ({ message }) => message })

/** Follows where the suite sends a browser. */
const agrees = (address: URL) =>
  Effect.promise(async () => new URL((await fetch(address, { redirect: "manual" })).headers.get("location")!))

const program = Effect.gen(function*() {
  yield* Effect.forkScoped(yes)
  // A server that wants more each time is not given it for ever.
  for (let logins = 0; logins < 3; logins++) {
    const told = yield* lived(String(logins))
    process.stdout.write(`${told}\n`)
    if (!told.includes("nobody has logged in")) break
    yield* Effect.provide(McpOAuth.logIn(url, oauth, agrees), secrets)
  }
})

await Effect.runPromise(
  Effect.scoped(program).pipe(Effect.provide(
    Clerk.layer.pipe(
      Layer.provide([models, Chunks.layerMemory, secrets, McpServers.layer({ s: McpHttp.server({ url, oauth }) })]),
      Layer.provideMerge(Runs.layer),
      Layer.provideMerge(TestHost.layer)
    )
  ))
)
process.exit(0)
