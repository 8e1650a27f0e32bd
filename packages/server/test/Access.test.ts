import { assert, describe, it } from "@effect/vitest"
import { routes } from "@fermata/api/RouteTable"
import { type Scope, scopes } from "@fermata/core/AccessToken"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as ServerAccess from "../src/ServerAccess.ts"
import type { ServerOptions } from "../src/ServerOptions.ts"
import { listen } from "./support/Listening.ts"
import { Served } from "./support/Served.ts"

const served = (access: Parameters<typeof Served.layer>[1], options: ServerOptions = {}) =>
  Served.layer(options, access).pipe(
    Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
    Layer.provideMerge(TestHost.layer)
  )
const strict = served(ServerAccess.layerTokens())

/** The text of a new token. */
const token = (
  has: ReadonlyArray<Scope>,
  rest: { readonly groups?: ReadonlyArray<string>; readonly expiresAt?: number } = {}
) =>
  Effect.flatMap(
    AccessTokens,
    (tokens) =>
      Effect.map(tokens.create({ name: "ada", scopes: has, by: "root", ...rest }), ({ text }) => Redacted.value(text))
  )
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } })

/** The answer to a request, of which nothing but the head is read: some never end. */
const head = (line: string, text?: string) =>
  Effect.flatMap(Served, ({ fetch }) =>
    Effect.promise(async () => {
      const [method, path] = line.split(" ") as [string, string]
      const response = await fetch(
        new Request(`http://localhost${path}`, { method, ...(text === undefined ? {} : bearer(text)) })
      )
      await response.body?.cancel()
      return response
    }))

describe("routes and their scopes", () => {
  it("every route says what it asks for", () => {
    assert.deepStrictEqual(routes.filter(({ scope }) => scope === undefined), [])
    assert.deepStrictEqual(routes.filter(({ scope }) => scope === "anyone").map(({ name }) => name), [
      "system.heartbeat",
      "system.health",
      "access.login",
      "access.logout"
    ])
  })

  it.effect("every route answers 401 to nobody, 403 to every other scope, and lets its own scope in", () =>
    Effect.gen(function*() {
      const texts = new Map<Scope, string>()
      for (const scope of scopes) texts.set(scope, yield* token([scope]))
      let tried = 0
      for (const { method, path, scope } of routes) {
        if (scope === "anyone" || scope === undefined) continue
        const line = `${method} ${path.replaceAll(/:[^/]+/g, "none")}`
        const without = yield* head(line)
        assert.deepStrictEqual([without.status, without.headers.get("www-authenticate")], [
          401,
          "Bearer realm=\"fermata\""
        ], line)
        for (const has of scopes) {
          const { headers, status } = yield* head(line, texts.get(has))
          if (scope === "caller" || has === scope) {
            assert.notInclude([401, 403], status, `${line} with ${has}`)
            continue
          }
          assert.deepStrictEqual([status, headers.get("www-authenticate")], [
            403,
            `Bearer realm="fermata", error="insufficient_scope", scope="${scope}"`
          ], `${line} with ${has}`)
          tried++
        }
      }
      assert.isAbove(tried, 60)
    }).pipe(Effect.provide(strict)))
})

describe("requests that are refused for who sends them", () => {
  it.effect("are told to the log once a minute, with how many there were, and leave no line in the audit", () => {
    const told: Array<string> = []
    const logger = Logger.make(({ message }) => void told.push(String(message)))
    return Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const text = yield* token(["read"])
      const { backend } = yield* Store
      const before = (yield* backend.auditChain(0, 100)).length
      const refused = Effect.andThen(ask("GET /api/runs"), ask("GET /api/tokens", bearer(text)))
      yield* refused
      assert.deepStrictEqual(told, [
        "a request was refused, GET /api/runs: This server asks for a token, as Authorization: Bearer …"
      ])
      for (let index = 0; index < 20; index++) yield* refused
      assert.lengthOf(told, 1)
      yield* host.adjustHost(60_000)
      yield* ask("GET /api/tokens", bearer(text))
      assert.strictEqual(
        told[1],
        "42 requests were refused in the last while, the last of them GET /api/tokens: This takes the scope admin, and the token has read"
      )
      assert.notInclude(told.join(), text)
      assert.lengthOf(yield* backend.auditChain(0, 100), before)
    }).pipe(Effect.provide(strict), Effect.provide(Logger.layer([logger])))
  })
})

describe("tokens", () => {
  it.effect("are shown once, and let in with their scopes and groups, until they run out or are taken back", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const admin = yield* token(["admin"])
      const made = yield* ask("POST /api/tokens", {
        ...bearer(admin),
        json: { name: "bob", scopes: ["approve", "read"], groups: ["finance"], expiresAt: 60_000 }
      })
      const { token: text, ...told } = made.body as { readonly token: string; readonly id: string }
      assert.deepInclude(told as object, { name: "bob", scopes: ["read", "approve"], groups: ["finance"], by: "ada" })
      const me = yield* ask("GET /api/me", bearer(text))
      assert.deepStrictEqual(me.body, {
        name: "bob",
        roles: ["bob", "finance"],
        scopes: ["read", "approve"],
        how: "token"
      })
      const listed = yield* ask("GET /api/tokens?limit=1", bearer(admin))
      assert.deepStrictEqual([listed.at("tokens.0.name"), listed.at("tokens.1")], ["ada", undefined])
      const rest = yield* ask(`GET /api/tokens?after=${String(listed.at("next"))}`, bearer(admin))
      assert.deepStrictEqual(rest.body, { tokens: [{ ...told, usedAt: 0 }] })
      assert.notInclude(listed.text + rest.text, text.slice(20))

      yield* host.adjustHost(60_000)
      const late = yield* ask("GET /api/me", bearer(text))
      assert.deepStrictEqual([late.status, late.at("error"), late.headers.get("www-authenticate")], [
        401,
        { _tag: "Unauthorized", reason: "expired", problem: "The token has run out" },
        "Bearer realm=\"fermata\", error=\"invalid_token\""
      ])
      const removed = yield* ask(`DELETE /api/tokens/${told.id.slice(0, 6)}`, bearer(admin))
      assert.deepStrictEqual([removed.status, removed.at("id")], [200, told.id])
      assert.strictEqual((yield* ask("GET /api/me", bearer(text))).at("error.reason"), "unknown")
      assert.strictEqual((yield* ask(`DELETE /api/tokens/${told.id}`, bearer(admin))).status, 404)
    }).pipe(Effect.provide(strict)))

  it.effect("of another secret, or another form, are unknown, and a wrong header is not helped by a cookie", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const text = yield* token(["read"])
      const other = `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`
      for (const wrong of [other, text.slice(0, -1), `${text}x`, "", "x".repeat(5_000)]) {
        const { at, status } = yield* ask("GET /api/me", {
          headers: { authorization: `Bearer ${wrong}`, cookie: `fermata=${text}` }
        })
        assert.deepStrictEqual([status, at("error.reason")], [401, "unknown"])
      }
      const basic = yield* ask("GET /api/me", { headers: { authorization: "Basic YTpi", cookie: `fermata=${text}` } })
      assert.strictEqual(basic.status, 401)
    }).pipe(Effect.provide(strict)))

  it.effect("are refused that would open nothing, run out at once, or have no name", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const admin = bearer(yield* token(["admin"]))
      const detail = (json: unknown) =>
        Effect.map(ask("POST /api/tokens", { ...admin, json }), ({ at, status }) => [status, at("detail")])
      assert.deepStrictEqual(yield* detail({ name: "x", scopes: [] }), [
        422,
        "No token is made: it needs a scope: read, operate, approve, worker, admin"
      ])
      assert.deepStrictEqual(yield* detail({ name: "x", scopes: ["read"], expiresAt: 0 }), [
        422,
        "No token is made: it would have run out already"
      ])
      assert.strictEqual((yield* detail({ name: " x", scopes: ["read"] }))[0], 422)
      assert.strictEqual((yield* detail({ name: "x", scopes: ["read"], groups: ["a\nb"] }))[0], 422)
      assert.strictEqual((yield* detail({ name: "x", scopes: ["root"] }))[0], 400)
    }).pipe(Effect.provide(strict)))

  it.effect("say the hour in which they were last used", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const tokens = yield* AccessTokens
      const text = yield* token(["read"])
      const used = Effect.map(tokens.list(), ([only]) => only?.usedAt)
      assert.isUndefined(yield* used)
      yield* host.adjustHost(2 * 3_600_000 + 5)
      yield* ask("GET /api/me", bearer(text))
      assert.strictEqual(yield* used, 2 * 3_600_000)
      yield* host.adjustHost(60_000)
      yield* ask("GET /api/me", bearer(text))
      assert.strictEqual(yield* used, 2 * 3_600_000)
    }).pipe(Effect.provide(strict)))
})

describe("a server on the loopback interface", () => {
  it.effect("is open as long as there is no token, and asks for one from the first on, also when that has run out", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      assert.deepInclude((yield* ask("GET /api/me")).body as object, { name: "owner", how: "machine" })
      const made = yield* ask("POST /api/tokens", { json: { name: "ada", scopes: ["read"], expiresAt: 1_000 } })
      assert.strictEqual(made.at("by"), "owner")
      assert.strictEqual((yield* ask("GET /api/me")).at("error.reason"), "missing")
      yield* host.adjustHost(1_000)
      assert.strictEqual((yield* ask("GET /api/runs")).status, 401)
    }).pipe(Effect.provide(served(ServerAccess.layerTokens({ person: "owner" })))))
})

describe("the login of a browser", () => {
  const cookieOf = (headers: Headers) => {
    const [cookie = "", ...flags] = (headers.get("set-cookie") ?? "").split("; ")
    return { cookie, flags: flags.filter((flag) => !flag.startsWith("Expires")).toSorted() }
  }

  it.effect("turns a token into a cookie that lets in for 12 h, or until its logout", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const text = yield* token(["read"], { groups: ["finance"] })
      const login = yield* ask("POST /api/login", { json: { token: text } })
      assert.deepInclude(login.body as object, { name: "ada", roles: ["ada", "finance"], scopes: ["read"] })
      const { cookie, flags } = cookieOf(login.headers)
      assert.deepStrictEqual(flags, ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"])
      assert.match(cookie, /^fermata=frm_/)
      assert.notInclude(cookie, text)
      const me = ask("GET /api/me", { headers: { cookie } })
      assert.strictEqual((yield* me).status, 200)
      yield* host.adjustHost(12 * 3_600_000 - 1)
      assert.strictEqual((yield* me).status, 200)
      yield* host.adjustHost(1)
      assert.strictEqual((yield* me).at("error.reason"), "expired")

      const again = cookieOf((yield* ask("POST /api/login", { json: { token: text } })).headers).cookie
      const out = yield* ask("POST /api/logout", { headers: { cookie: again } })
      assert.strictEqual(out.status, 204)
      assert.include(out.headers.get("set-cookie"), "fermata=; Max-Age=0")
      assert.strictEqual((yield* ask("GET /api/me", { headers: { cookie: again } })).status, 401)
      assert.strictEqual((yield* ask("GET /api/me", bearer(text))).status, 200)
    }).pipe(Effect.provide(strict)))

  it.effect("ends with its token, is no token of the list, and is refused to a token that does not count", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const tokens = yield* AccessTokens
      const text = yield* token(["read"])
      const { cookie } = cookieOf((yield* ask("POST /api/login", { json: { token: text } })).headers)
      const [only, ...others] = yield* tokens.list()
      assert.isEmpty(others)
      yield* tokens.remove(only!.id)
      assert.strictEqual((yield* ask("GET /api/me", { headers: { cookie } })).status, 401)
      const refused = yield* ask("POST /api/login", { json: { token: text } })
      assert.deepStrictEqual([refused.status, refused.headers.get("set-cookie")], [401, null])
      assert.strictEqual(refused.headers.get("www-authenticate"), "Bearer realm=\"fermata\", error=\"invalid_token\"")
    }).pipe(Effect.provide(strict)))

  it.effect("gives a cookie that goes over TLS alone where the server is reached by another name", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const text = yield* token(["read"])
      const login = yield* ask("POST /api/login", { json: { token: text }, headers: { host: "runs.example.org" } })
      assert.include(cookieOf(login.headers).flags, "Secure")
    }).pipe(Effect.provide(served(ServerAccess.layerTokens(), { hosts: ["runs.example.org"] }))))
})

describe("streams and what let their callers in", () => {
  const hears = (text: string) =>
    Effect.gen(function*() {
      const { fetch } = yield* Served
      const stream = yield* listen(fetch, "http://localhost/api/stream", bearer(text).headers)
      yield* stream.take(1)
      return stream
    })
  const later = Effect.andThen(TestClock.adjust("5 seconds"), Effect.flatMap(TestHost, ({ settled }) => settled))
  const last = { event: "refused", data: {} }

  it.effect("a token that is taken back ends its streams and those of its logins, and no others", () =>
    Effect.gen(function*() {
      const [ada, bob] = [yield* token(["read"]), yield* token(["read"])]
      const tokens = yield* AccessTokens
      const login = Redacted.value((yield* tokens.login(ada)).text)
      const [own, browser, other] = [yield* hears(ada), yield* hears(login), yield* hears(bob)]
      yield* later
      yield* tokens.remove(ada.split("_")[1]!)
      yield* later
      assert.deepStrictEqual([yield* own.rest, yield* browser.rest], [[last], [last]])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* other.take(1))[0]?.event, "position")
    }).pipe(Effect.scoped, Effect.provide(strict)))

  it.effect("the end of a login and of a token's time end their streams", () =>
    Effect.gen(function*() {
      const test = yield* TestHost
      const tokens = yield* AccessTokens
      const brief = yield* token(["read"], { expiresAt: (yield* HostClock).now() + 60_000 })
      const ada = yield* token(["read"])
      const login = Redacted.value((yield* tokens.login(ada)).text)
      const [own, browser, ends] = [yield* hears(ada), yield* hears(login), yield* hears(brief)]
      yield* tokens.logout(login)
      yield* later
      assert.deepStrictEqual(yield* browser.rest, [last])
      yield* test.adjustHost(60_000)
      yield* later
      assert.deepStrictEqual(yield* ends.rest, [last])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* own.take(1))[0]?.event, "position")
    }).pipe(Effect.scoped, Effect.provide(strict)))
})
