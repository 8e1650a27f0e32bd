/** How a process is let in by an MCP server that asks for OAuth, with an authorisation server on loopback. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpHttp, McpOAuth, McpServers, Policy } from "@fermata/agent"
import { McpTokens } from "@fermata/agent-node"
import * as SecretRef from "@fermata/core/SecretRef"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"
import { McpStub, text } from "./McpStub.ts"
import { OAuthStub } from "./OAuthStub.ts"

/** A server that lets in whom an authorisation server has let in, and tells of each call with what it was made. */
const guarded = Effect.gen(function*() {
  const oauth = new OAuthStub()
  yield* oauth.listen
  const stub = new McpStub()
  stub.guard = { lets: oauth.lets, issuer: oauth.origin }
  stub.tools = { tell: { handle: () => text(`with ${stub.seen.at(-1)!.headers.authorization}`) } }
  return { oauth, stub, url: `${yield* stub.listen}/mcp` }
})

/** What the model of a run was told of its call, or why there was none. */
const lived = (url: string, oauth: McpOAuth.OAuth, secrets: Readonly<Record<string, string>> = {}) => {
  const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["s"], policy: Policy.open })
  const layer = Layer.provide(agent.layer, [
    McpServers.layer({ s: McpHttp.server({ url, oauth }) }),
    Secrets.layerMemory(secrets)
  ])
  const script = inTurn(calls(call("1", "mcp__s__tell", {})), answer("done"))
  return Effect.gen(function*() {
    const run = yield* agent.start("go", { id: "1" })
    const exit = yield* Effect.exit(agent.run("go", { id: "1" }))
    const told = (yield* Wire).map(said).at(-1)?.at(-1) ?? ""
    return { told, problem: String(exit), journal: JSON.stringify(yield* (yield* Runs).journal(run)) }
  }).pipe(Effect.provide(world(script, layer)))
}

/** A person whose browser follows where it is sent. */
const agrees = (address: URL) =>
  Effect.promise(async () => {
    const { headers } = await fetch(address, { redirect: "manual" })
    return new URL(headers.get("location")!)
  })

describe("an MCP server that asks for OAuth", () => {
  it.effect("lets a person in once, by a code with PKCE; runs go on with the tokens, which are refreshed and kept", () =>
    Effect.gen(function*() {
      const { oauth: issuer, stub, url } = yield* guarded
      const store = McpOAuth.storeMemory()
      const oauth = McpOAuth.make({ store })
      const before = yield* lived(url, oauth)
      assert.include(before.problem, "nobody has logged in there: McpOAuth.logIn does that")
      assert.deepStrictEqual(stub.calls, [])
      const shown: Array<URL> = []
      yield* McpOAuth.logIn(url, oauth, (address) => {
        shown.push(address)
        return agrees(address)
      })
      assert.strictEqual(shown[0]!.origin, issuer.origin)
      assert.strictEqual(shown[0]!.searchParams.get("code_challenge_method"), "S256")
      assert.deepStrictEqual([issuer.registrations, issuer.grants], [1, ["authorization_code"]])
      const { journal, told } = yield* lived(url, oauth)
      assert.include(told, "with Bearer [secret ")
      for (const token of issuer.access) assert.notInclude(journal, token)
      // Another process, with what is kept, after the token has run out.
      issuer.access.clear()
      const after = yield* lived(url, McpOAuth.make({ store }))
      assert.include(after.told, "with Bearer [secret ")
      assert.deepStrictEqual(issuer.grants, ["authorization_code", "refresh_token"])
      yield* McpOAuth.logIn(url, oauth, () => Effect.die("nobody is needed"))
      assert.strictEqual(issuer.registrations, 1)
    }))

  it.effect("takes no browser back that comes from another login, or with a no", () =>
    Effect.gen(function*() {
      const { oauth: issuer, url } = yield* guarded
      for (
        const [changes, problem] of [[["state", "of another"], "from another login"], [
          ["error", "access_denied"],
          "access_denied"
        ]] as const
      ) {
        const failed = yield* Effect.flip(
          McpOAuth.logIn(url, McpOAuth.make({ store: McpOAuth.storeMemory() }), (address) =>
            Effect.map(agrees(address), (back) => {
              back.searchParams.set(changes[0], changes[1])
              return back
            }))
        )
        assert.include(failed.message, problem)
      }
      assert.deepStrictEqual(issuer.grants, [])
    }))

  it.effect("lets a process in as itself, by a secret that is in no record", () =>
    Effect.gen(function*() {
      const { oauth: issuer, url } = yield* guarded
      issuer.known = ["robot", "swordfish"]
      const oauth = McpOAuth.make({
        store: McpOAuth.storeMemory(),
        grant: "client_credentials",
        clientId: "robot",
        clientSecret: SecretRef.make("ROBOT")
      })
      const { journal, told } = yield* lived(url, oauth, { ROBOT: "swordfish" })
      assert.include(told, "with Bearer [secret ")
      assert.deepStrictEqual([issuer.grants, issuer.registrations], [["client_credentials"], 0])
      assert.notInclude(journal, "swordfish")
      for (const token of issuer.access) assert.notInclude(journal, token)
      assert.throws(
        () => McpOAuth.make({ store: McpOAuth.storeMemory(), grant: "client_credentials", clientId: "robot" }),
        "needs a clientId, and a clientSecret or a privateKey"
      )
    }))

  it.effect("a browser of this machine comes back to the process, and the tokens are kept in a file of its owner", () =>
    Effect.gen(function*() {
      const { url } = yield* guarded
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-tokens-"))),
        (root) => Effect.sync(() => rmSync(root, { recursive: true }))
      )
      const path = join(folder, "deep", "tokens.json")
      const oauth = McpOAuth.make({ store: McpTokens.file(path), redirectUrl: "http://127.0.0.1:33519/back" })
      yield* McpOAuth.logIn(
        url,
        oauth,
        McpTokens.browser(oauth, (address) => Effect.promise(() => fetch(address).then((page) => page.text())))
      )
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.include(Object.keys(JSON.parse(readFileSync(path, "utf8")) as object), url)
      const { told } = yield* lived(url, McpOAuth.make({ store: McpTokens.file(path) }))
      assert.include(told, "with Bearer [secret ")
    }))
})
