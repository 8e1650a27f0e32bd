/** How a process is let in by an MCP server that asks for OAuth, with an authorisation server on loopback. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpHttp, McpOAuth, McpServers, Policy } from "@fermata/agent"
import * as SecretRef from "@fermata/core/SecretRef"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Egress, McpTokens } from "@fermata/host-node"
import { Effect, Layer } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
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
const lived = (
  url: string,
  oauth: McpOAuth.OAuth | undefined,
  secrets: Readonly<Record<string, string>> = {},
  more: Layer.Layer<never> = Layer.empty
) => {
  const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["s"], policy: Policy.open })
  const layer = Layer.provide(agent.layer, [
    Layer.provideMerge(
      McpServers.layer({ s: McpHttp.server({ url, ...(oauth === undefined ? {} : { oauth }) }) }),
      more
    ),
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
      assert.include(before.problem, "nobody has logged in there; to log in: McpOAuth.logIn")
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
      const again = yield* McpOAuth.logIn(url, oauth, () => Effect.die("nobody is needed"))
      assert.deepStrictEqual(again, { agreed: false })
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
      const path = join(folder, "deep", "tokens")
      const oauth = McpOAuth.make({ store: McpTokens.folder(path), redirectUrl: "http://127.0.0.1:33519/back" })
      yield* McpOAuth.logIn(
        url,
        oauth,
        McpTokens.browser(oauth, (address) => Effect.promise(() => fetch(address).then((page) => page.text())))
      )
      const [name] = readdirSync(path)
      const file = join(path, name!)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.include(Object.values(JSON.parse(readFileSync(file, "utf8")) as object), url)
      const { told } = yield* lived(url, McpOAuth.make({ store: McpTokens.folder(path) }))
      assert.include(told, "with Bearer [secret ")
    }))

  it.effect("is logged in at although nobody has configured that, and begins no login that nobody wants", () =>
    Effect.gen(function*() {
      const { oauth: issuer, url } = yield* guarded
      const store = McpOAuth.storeMemory()
      const place = Layer.merge(
        McpOAuth.layerStore(store),
        Layer.succeed(McpOAuth.CurrentWay, (server) => `press ${server}`)
      )
      const before = yield* lived(url, undefined, {}, place)
      assert.include(
        before.problem,
        "MCP server \"s\" cannot be reached: nobody has logged in there; to log in: press s"
      )
      assert.deepStrictEqual([issuer.registrations, yield* store.load(url)], [0, undefined])
      const { login } = McpHttp.server({ url })
      yield* Effect.provide(McpOAuth.logIn(login!.url, login!.oauth, agrees), place)
      const { told } = yield* lived(url, undefined, {}, place)
      assert.include(told, "with Bearer [secret ")
      for (const headers of [{ Authorization: "Basic x" }]) {
        assert.notProperty(McpHttp.server({ url, headers }), "login")
      }
      assert.notProperty(McpHttp.server({ url, headersProvider: Effect.succeed({}) }), "login")
    }))

  it.effect("a call that is not let in any more was not made, and says how somebody logs in", () =>
    Effect.gen(function*() {
      const { oauth: issuer, stub, url } = yield* guarded
      const oauth = McpOAuth.make({ store: McpOAuth.storeMemory() })
      yield* McpOAuth.logIn(url, oauth, agrees)
      // It is let in to begin with, and revoked by somebody else before its call.
      const lets = issuer.lets
      stub.guard = {
        issuer: issuer.origin,
        lets: (authorization) => lets(authorization) && !stub.seen.some(({ rpc }) => rpc === "tools/call")
      }
      issuer.refuses = true
      const { told } = yield* lived(url, oauth)
      assert.include(told, "nobody has logged in there; to log in: McpOAuth.logIn")
      assert.deepStrictEqual(stub.calls, [])
    }))

  it.effect("once logged in, who let them in is reached by runs whose way out leads nowhere else", () =>
    Effect.gen(function*() {
      const { oauth: issuer, url } = yield* guarded
      const store = McpOAuth.storeMemory()
      const closed = Egress.layer({})
      const strange = yield* Effect.flip(
        Effect.provide(McpOAuth.logIn(url, McpOAuth.make({ store }), agrees), closed)
      )
      assert.include(strange.message, "Nobody was logged in at MCP server")
      assert.deepStrictEqual(issuer.registrations, 0)
      yield* Effect.provide(McpOAuth.logIn(url, McpOAuth.make({ store, origins: [issuer.origin] }), agrees), closed)
      issuer.access.clear()
      const { told } = yield* lived(url, McpOAuth.make({ store }), {}, closed)
      assert.include(told, "with Bearer [secret ")
      assert.deepStrictEqual(issuer.grants, ["authorization_code", "refresh_token"])
    }))

  it.effect("is logged out of: what it gave is revoked where that is taken, and not kept", () =>
    Effect.gen(function*() {
      for (const revokes of [true, false]) {
        const { oauth: issuer, url } = yield* guarded
        issuer.revokes = revokes
        const store = McpOAuth.storeMemory()
        const oauth = McpOAuth.make({ store })
        assert.deepStrictEqual(yield* McpOAuth.logOut(url, oauth), { wasLoggedIn: false, revoked: false })
        yield* McpOAuth.logIn(url, oauth, agrees)
        assert.deepStrictEqual(yield* McpOAuth.logOut(url, oauth), { wasLoggedIn: true, revoked: revokes })
        assert.strictEqual(issuer.access.size, revokes ? 0 : 1)
        assert.isUndefined(yield* store.load(url))
        assert.include((yield* lived(url, oauth)).problem, "nobody has logged in there")
      }
    }))

  it.effect("a login that was begun for another place of return is begun anew", () =>
    Effect.gen(function*() {
      const { url } = yield* guarded
      const store = McpOAuth.storeMemory()
      yield* lived(url, McpOAuth.make({ store, redirectUrl: "http://127.0.0.1:33520/old" }))
      yield* McpOAuth.logIn(url, McpOAuth.make({ store, redirectUrl: "http://127.0.0.1:33521/new" }), (address) => {
        assert.strictEqual(address.searchParams.get("redirect_uri"), "http://127.0.0.1:33521/new")
        return agrees(address)
      })
    }))

  it.effect("one that sends people to what is no page of the web is not followed, and nor is one that asks nobody", () =>
    Effect.gen(function*() {
      const { oauth: issuer, stub, url } = yield* guarded
      issuer.agreeAt = "file:///etc/passwd"
      const login = () => Effect.flip(McpOAuth.logIn(url, McpOAuth.make({ store: McpOAuth.storeMemory() }), agrees))
      assert.include((yield* login()).message, "begins with file:, and to no page of the web")
      stub.guard = undefined
      assert.include((yield* login()).message, "it lets everybody in, and does not say who would let somebody in")
    }))
})
