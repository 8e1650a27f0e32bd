import { assert, describe, it } from "@effect/vitest"
import * as Engine from "@fermata/engine/Egress"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import { Effect, Exit, Stream } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import * as Egress from "../src/Egress.ts"
import * as Loopback from "./support/Loopback.ts"

const certificate = (name: string) =>
  readFileSync(fileURLToPath(new URL(`support/certificates/${name}.pem`, import.meta.url)), "utf8")
const secure = { key: certificate("api.example.key"), cert: certificate("api.example") }
const hello = Loopback.listen((_, response) => response.end("hello"))

/** What a request says in the end: its status and its text, or the error. */
const ask = (egress: Engine.Egress, request: Engine.Request | string) =>
  egress.request(typeof request === "string" ? { url: request } : request).pipe(
    Effect.flatMap((response) => Effect.map(Engine.text(response), (text) => ({ status: response.status, text }))),
    Effect.scoped
  )

const refusal = (egress: Engine.Egress, request: Engine.Request | string) =>
  Effect.map(Effect.flip(ask(egress, request)), (error) => {
    assert.strictEqual(error._tag, "EgressRefused")
    return error as Engine.EgressRefused
  })

describe("a way out of a Node process", () => {
  it.effect("asks where the policy lets it, and says of everything else what refuses it and what would allow it", () =>
    Effect.gen(function*() {
      const server = yield* hello
      const allowed = yield* Egress.make({ origins: [server.origin] })
      assert.deepStrictEqual(yield* ask(allowed, server.origin), { status: 200, text: "hello" })
      assert.strictEqual(server.connections(), 1)
      const closed = yield* Egress.make()
      const host = yield* refusal(closed, server.origin)
      assert.strictEqual(
        host.message,
        "The request to 127.0.0.1 was not sent: it is none of the hosts that may be reached; "
          + `the policy allows it by hosts: ["127.0.0.1"]`
      )
      const open = yield* Egress.make({ ...EgressPolicy.open, ports: [server.port] })
      const address = yield* refusal(open, server.origin)
      assert.deepInclude({ ...address }, { host: "127.0.0.1", address: "127.0.0.1", hop: 0, rule: "address" })
      assert.include(
        address.message,
        `loopback (RFC 1122), 127.0.0.0/8; the policy allows it by privateHosts: ["127.0.0.1"]`
      )
      assert.strictEqual(server.connections(), 1)
    }))

  it.effect("looks a name up once, and goes to the address that was judged, whatever the name says afterwards", () =>
    Effect.gen(function*() {
      const server = yield* hello
      let lookups = 0
      const rebinding = (addresses: ReadonlyArray<string>) => () =>
        Promise.resolve([addresses[Math.min(lookups++, addresses.length - 1)]!])
      const policy = { hosts: ["moving.example"], schemes: ["http"], ports: [server.port] } as const
      const url = `http://moving.example:${server.port}/`
      // Public at first: nobody answers there, and the loopback address of the second answer is never asked for.
      const first = yield* Egress.make({ ...policy, lookup: rebinding(["192.0.2.1", "127.0.0.1"]) })
      assert.strictEqual((yield* refusal(first, url)).address, "192.0.2.1")
      assert.strictEqual(lookups, 1)
      assert.strictEqual((yield* refusal(first, url)).address, "127.0.0.1")
      // Allowed at loopback, it is asked there under its name.
      lookups = 0
      const second = yield* Egress.make({
        ...policy,
        privateHosts: ["moving.example"],
        lookup: rebinding(["127.0.0.1", "169.254.169.254"])
      })
      assert.strictEqual((yield* ask(second, url)).text, "hello")
      assert.strictEqual(lookups, 1)
      assert.strictEqual(server.requests[0]!.headers.host, `moving.example:${server.port}`)
      // The connection is kept, and yet the next request is judged by its own lookup.
      assert.strictEqual((yield* refusal(second, url)).rule, "address")
      assert.strictEqual(server.connections(), 1)
    }))

  it.effect("refuses a name as soon as one of its addresses is refused", () =>
    Effect.gen(function*() {
      const server = yield* hello
      const mixed = yield* Egress.make({
        ...EgressPolicy.open,
        ports: [server.port],
        lookup: () => Promise.resolve(["93.184.215.14", "127.0.0.1"])
      })
      assert.strictEqual((yield* refusal(mixed, `http://mixed.example:${server.port}/`)).address, "127.0.0.1")
      assert.strictEqual(server.connections(), 0)
    }))

  it.effect("goes to the next address where nobody answers at the first, and takes a kept connection for the same ones alone", () =>
    Effect.gen(function*() {
      const server = yield* hello
      const other = yield* Loopback.listen((_, response) => response.end("other"), { address: "127.0.0.2" })
      const addresses: Record<string, ReadonlyArray<string>> = { "two.example": ["127.0.0.3", "127.0.0.1"] }
      const egress = yield* Egress.make({
        privateHosts: ["*"],
        schemes: ["http"],
        ports: [server.port, other.port],
        lookup: (host) => Promise.resolve(addresses[host]!)
      })
      const url = `http://two.example:${server.port}/`
      for (let count = 0; count < 5; count++) assert.strictEqual((yield* ask(egress, url)).text, "hello")
      assert.isAtMost(server.connections(), 2)
      addresses["two.example"] = ["127.0.0.2"]
      const failure = yield* Effect.flip(ask(egress, url))
      assert.deepInclude({ ...failure }, { reason: "unreachable", sent: false, code: "ECONNREFUSED" })
      assert.strictEqual((yield* ask(egress, `http://two.example:${other.port}/`)).text, "other")
    }))

  it.effect("holds the certificate against the name, and not against the address", () =>
    Effect.gen(function*() {
      const server = yield* Loopback.listen((_, response) => response.end("secret"), { secure })
      const policy = {
        privateHosts: ["*"],
        ports: [server.port],
        lookup: () => Promise.resolve(["127.0.0.1"]),
        ca: certificate("authority")
      }
      const believing = yield* Egress.make(policy)
      assert.strictEqual((yield* ask(believing, `https://api.example:${server.port}/`)).text, "secret")
      for (const url of [`https://other.example:${server.port}/`, server.origin]) {
        const error = yield* Effect.flip(ask(believing, url))
        assert.deepInclude({ ...error }, { reason: "certificate", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      }
      const { ca: _, ...rest } = policy
      const strict = yield* Egress.make(rest)
      assert.deepInclude({ ...yield* Effect.flip(ask(strict, `https://api.example:${server.port}/`)) }, {
        reason: "certificate"
      })
      assert.strictEqual(server.requests.length, 1)
    }))

  it.effect("judges every hop of a redirect, and takes nothing along to another origin that says who asks", () =>
    Effect.gen(function*() {
      const inner = yield* hello
      const to = { location: "" }
      const server = yield* Loopback.listen((_, response) => response.writeHead(302, to).end())
      const egress = yield* Egress.make({ origins: [server.origin] })
      for (const location of [`${inner.origin}/x`, `http://localhost:${inner.port}/`, `//0x7f.1:${inner.port}/`]) {
        to.location = location
        const error = yield* refusal(egress, `${server.origin}/a`)
        assert.deepInclude({ ...error }, { hop: 1, rule: "host" })
      }
      assert.strictEqual(inner.connections(), 0)
      const both = yield* Egress.make({ origins: [server.origin, inner.origin] })
      to.location = `${inner.origin}/there`
      yield* ask(both, {
        url: `${server.origin}/a`,
        headers: { authorization: "Bearer k", "x-api-key": "k", cookie: "k", accept: "text/plain" }
      })
      const { headers } = inner.requests[0]!
      assert.deepStrictEqual(
        [headers.authorization, headers["x-api-key"], headers.cookie, headers.accept],
        [undefined, undefined, undefined, "text/plain"]
      )
    }))

  it.effect("counts the bytes of a response as they are decoded, and stops where there are too many", () =>
    Effect.gen(function*() {
      const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024))
      const server = yield* Loopback.listen((request, response) => {
        if (request.url === "/small") {
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("small"))
        } else if (request.url === "/long") response.writeHead(200, { "content-length": 5_000 }).end("x".repeat(5_000))
        else response.writeHead(200, { "content-encoding": "gzip" }).end(bomb)
      })
      assert.isBelow(bomb.length, 100_000)
      const egress = yield* Egress.make({ origins: [server.origin], maxResponseBytes: 100_000 })
      assert.strictEqual((yield* ask(egress, `${server.origin}/small`)).text, "small")
      let seen = 0
      const exit = yield* egress.request({ url: `${server.origin}/bomb` }).pipe(
        Effect.flatMap(({ body }) => Stream.runForEach(body, (part) => Effect.sync(() => void (seen += part.length)))),
        Effect.scoped,
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.isAtMost(seen, 100_000)
      const few = yield* Egress.make({ origins: [server.origin], maxResponseBytes: 4_999 })
      assert.deepInclude({ ...yield* Effect.flip(ask(few, `${server.origin}/long`)) }, { reason: "too large" })
    }))

  it.effect("does not go by a proxy that the environment names", () =>
    Effect.gen(function*() {
      const proxy = yield* hello
      const server = yield* hello
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) process.env[name] = proxy.origin
          process.env["NODE_USE_ENV_PROXY"] = "1"
        }),
        () =>
          Effect.sync(() => {
            for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "NODE_USE_ENV_PROXY"]) delete process.env[name]
          })
      )
      const egress = yield* Egress.make({ origins: [server.origin] })
      assert.strictEqual((yield* ask(egress, server.origin)).text, "hello")
      assert.strictEqual(proxy.connections(), 0)
    }))
})

describe("its fetch", () => {
  it.effect("is the fetch of a client: text, JSON, streams, statuses and addresses", () =>
    Effect.gen(function*() {
      const server = yield* Loopback.listen((request, response) => {
        if (request.url === "/moved") return void response.writeHead(307, { location: "/echo" }).end()
        if (request.url === "/empty") return void response.writeHead(204).end()
        response.writeHead(201, { "x-method": request.method })
        request.pipe(response)
      })
      const egress = yield* Egress.make({ origins: [server.origin] })
      const fetch = Engine.fetch(egress)
      const response = yield* Effect.promise(() =>
        fetch(`${server.origin}/moved`, { method: "POST", body: JSON.stringify({ a: 1 }), headers: { "x-a": "1" } })
      )
      assert.deepStrictEqual(
        [response.status, response.headers.get("x-method"), response.url, response.redirected],
        [201, "POST", `${server.origin}/echo`, true]
      )
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), { a: 1 })
      assert.strictEqual((yield* Effect.promise(() => fetch(new URL("/empty", server.origin)))).status, 204)
      const manual = yield* Effect.promise(() => fetch(new Request(`${server.origin}/moved`, { redirect: "manual" })))
      assert.strictEqual(manual.status, 307)
    }))

  it.effect("rejects with why: what refuses it is the cause, and a signal that is given stays one", () =>
    Effect.gen(function*() {
      const server = yield* Loopback.listen((request, response) => {
        response.writeHead(200)
        response.write("begun")
        request.socket.on("close", () => void response.end())
      })
      const egress = yield* Egress.make({ origins: [server.origin] })
      const fetch = Engine.fetch(egress)
      const refused = yield* Effect.flip(Effect.tryPromise({ try: () => fetch("http://localhost/"), catch: (e) => e }))
      assert.instanceOf(refused, TypeError)
      assert.instanceOf(refused.cause, Engine.EgressRefused)
      const controller = new AbortController()
      const response = yield* Effect.promise(() => fetch(server.origin, { signal: controller.signal }))
      const reader = response.body!.getReader()
      const { value } = yield* Effect.promise(() => reader.read())
      assert.strictEqual(new TextDecoder().decode(value), "begun")
      controller.abort(new Error("enough"))
      const aborted = yield* Effect.flip(Effect.tryPromise({ try: () => reader.read(), catch: (e) => e as Error }))
      assert.strictEqual(aborted.message, "enough")
    }))
})
