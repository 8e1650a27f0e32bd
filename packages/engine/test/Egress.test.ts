import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Egress from "../src/Egress.ts"
import * as EgressPolicy from "../src/EgressPolicy.ts"

type Said = Partial<Egress.Answer> | "silent"

/** A way out to hosts that are all at one public address and answer by their URL, and what they were asked. */
const world = (
  answers: Readonly<Record<string, Said>>,
  policy: Partial<EgressPolicy.EgressPolicy> = EgressPolicy.open
) => {
  const asked: Array<Egress.Hop> = []
  const egress = Egress.make({
    resolve: () => Effect.succeed(["93.184.215.14"]),
    send: (hop) =>
      Effect.suspend(() => {
        asked.push(hop)
        const answer = answers[hop.url.href]
        if (answer === "silent") return Effect.never
        return Effect.succeed({
          status: 200,
          headers: [],
          body: Stream.make(new TextEncoder().encode("ok")),
          ...answer
        })
      })
  }, policy)
  const ask = (request: Egress.Request | string) =>
    Effect.scoped(
      Effect.flatMap(
        egress.request(typeof request === "string" ? { url: request } : request),
        (response) => Effect.map(Egress.text(response), (text) => ({ ...response, text }))
      )
    )
  return { asked, ask, egress }
}

const to = (location: string, status = 302): Said => ({ status, headers: [["location", location]] })
const rule = (error: Egress.EgressRefused | Egress.EgressFailed) => "rule" in error ? error.rule : error.reason

describe("a policy", () => {
  it("names hosts exactly, those below a name, and every one", () => {
    const of = (policy: Partial<EgressPolicy.EgressPolicy>, url: string) => {
      const found = EgressPolicy.target(EgressPolicy.make(policy), url)
      return "rule" in found ? found.rule : found.host
    }
    const named = { hosts: ["API.example.com", "*.cdn.example", "bücher.example"] }
    const table: ReadonlyArray<readonly [string, string]> = [
      ["https://api.example.com/", "api.example.com"],
      ["https://API.EXAMPLE.COM./x", "api.example.com"],
      ["https://ａｐｉ.example.com/", "api.example.com"],
      ["https://a.cdn.example/", "a.cdn.example"],
      ["https://a.b.cdn.example/", "a.b.cdn.example"],
      ["https://xn--bcher-kva.example/", "xn--bcher-kva.example"],
      ["https://cdn.example/", "host"],
      ["https://evilcdn.example/", "host"],
      ["https://api.example.com.evil.test/", "host"],
      ["https://xapi.example.com/", "host"],
      ["http://api.example.com/", "scheme"],
      ["https://api.example.com:8443/", "port"],
      ["https://api.example.com@evil.test/", "credentials"],
      ["https://evil.test\\@api.example.com/", "url"],
      ["https://api.example.com\r\n.evil.test/", "url"],
      ["ftp://api.example.com/", "scheme"],
      ["data:text/plain,x", "scheme"],
      ["https://", "url"],
      [`https://api.example.com/${"x".repeat(8_192)}`, "url"]
    ]
    for (const [url, expected] of table) assert.strictEqual(of(named, url), expected, url)
    assert.strictEqual(of(EgressPolicy.open, "http://anybody.test/"), "anybody.test")
    assert.strictEqual(of(EgressPolicy.open, "http://metadata.google.internal/"), "host")
    assert.strictEqual(of({ origins: ["http://localhost:11434/v1"] }, "http://LOCALHOST:11434/api"), "localhost")
    assert.strictEqual(of({ origins: ["http://localhost:11434"] }, "http://localhost:11435/"), "host")
  })

  it("opens private addresses to the hosts that it names, and what is worse only where the address itself is written", () => {
    const judged = (policy: Partial<EgressPolicy.EgressPolicy>, url: string, address: string) => {
      const whole = EgressPolicy.make({ ...EgressPolicy.open, ...policy })
      const found = EgressPolicy.target(whole, url)
      if ("rule" in found) return found.rule
      return EgressPolicy.refusedAddress(whole, found, address) === undefined
    }
    assert.isFalse(judged({}, "http://db.internal/", "10.0.0.1"))
    assert.isTrue(judged({ privateHosts: ["*.internal"] }, "http://db.internal/", "10.0.0.1"))
    assert.isFalse(judged({ privateHosts: ["*"] }, "http://db.internal/", "169.254.169.254"))
    assert.isFalse(judged({ privateHosts: ["*"] }, "http://169.254.169.254/", "169.254.169.254"))
    assert.isTrue(judged({ privateHosts: ["169.254.169.254"] }, "http://169.254.169.254/", "169.254.169.254"))
    assert.isFalse(judged({ privateHosts: ["*"] }, "http://db.internal/", "0.0.0.0"))
    assert.isFalse(judged({ privateHosts: ["*"] }, "http://db.internal/", "::ffff:10.0.0.1"))
    assert.isFalse(judged({}, "http://a.test/", "64:ff9b::808:808"))
    assert.isTrue(judged({ nat64: true }, "http://a.test/", "64:ff9b::808:808"))
    assert.isFalse(judged({ nat64: true }, "http://a.test/", "64:ff9b::a00:1"))
    assert.isTrue(judged({ origins: ["http://[::1]:4000"] }, "http://[::1]:4000/", "::1"))
  })

  it("that is none is said when it is made", () => {
    for (const hosts of ["a/b", "http://a", "a:80", "*.1.2.3.4", "a*", "", "*."]) {
      assert.throws(() => EgressPolicy.make({ hosts: [hosts] }), /is no host/, hosts)
    }
    assert.throws(() => EgressPolicy.make({ origins: ["localhost"] }), /is no origin/)
    assert.throws(() => EgressPolicy.make({ maxRedirects: -1 }))
  })
})

describe("a request", () => {
  it.effect("has method and body changed by redirects as RFC 9110 says", () =>
    Effect.gen(function*() {
      const table = [
        [301, "POST", "GET"],
        [302, "POST", "GET"],
        [303, "POST", "GET"],
        [303, "PUT", "GET"],
        [303, "HEAD", "HEAD"],
        [301, "PUT", "PUT"],
        [302, "DELETE", "DELETE"],
        [307, "POST", "POST"],
        [308, "PATCH", "PATCH"]
      ] as const
      for (const [status, method, expected] of table) {
        const { ask, asked } = world({ "https://a.test/": to("/b", status) })
        const body = method === "HEAD" ? {} : { body: "text" }
        yield* ask({
          url: "https://a.test/",
          method,
          headers: { "Content-Type": "text/plain", authorization: "k" },
          ...body
        })
        const [, second] = asked
        assert.strictEqual(second!.method, expected, `${status} ${method}`)
        assert.strictEqual(second!.url.href, "https://a.test/b")
        const isKept = expected === method && method !== "HEAD"
        assert.strictEqual(second!.body === undefined, !isKept, `${status} ${method}`)
        assert.deepStrictEqual(
          second!.headers.map(([name]) => name),
          isKept || method === "HEAD" ? ["content-type", "authorization"] : ["authorization"]
        )
      }
    }))

  it.effect("is redirected so often and no more, not from https to http, and nowhere it might not go at once", () =>
    Effect.gen(function*() {
      const { ask, asked } = world({
        "https://a.test/loop": to("https://a.test/loop"),
        "https://a.test/down": to("http://a.test/"),
        "https://a.test/in": to("https://127.0.0.1/"),
        "https://a.test/file": to("file:///etc/passwd"),
        "https://a.test/user": to("https://u:p@a.test/"),
        "https://a.test/none": { status: 302 },
        "https://a.test/two": to("//b.test/x")
      })
      const refused = (path: string) => Effect.map(Effect.flip(ask(`https://a.test/${path}`)), rule)
      assert.strictEqual(yield* refused("loop"), "redirect")
      assert.strictEqual(asked.length, 1 + EgressPolicy.closed.maxRedirects)
      assert.strictEqual(yield* refused("down"), "redirect")
      assert.strictEqual(yield* refused("in"), "address")
      assert.strictEqual(yield* refused("file"), "scheme")
      assert.strictEqual(yield* refused("user"), "credentials")
      assert.strictEqual((yield* ask("https://a.test/none")).status, 302)
      const { hops, url } = yield* ask("https://a.test/two")
      assert.deepStrictEqual([url, hops], ["https://b.test/x", 1])
    }))

  it.effect("has headers that are lines of names and values, and none that is about the connection", () =>
    Effect.gen(function*() {
      const { ask, asked } = world({})
      const bad: ReadonlyArray<Readonly<Record<string, string>>> = [
        { "x-a": "1\r\nx-b: 2" },
        { "x-a": "1\n2" },
        { "x-a": "\u0000" },
        { "x-a": "\u2028" },
        { "x\r\ny": "1" },
        { "x y": "1" },
        { "": "1" },
        { Host: "other.test" },
        { "Transfer-Encoding": "chunked" },
        { upgrade: "h2c" },
        { expect: "100-continue" },
        { "proxy-authorization": "k" }
      ]
      for (const headers of bad) {
        assert.strictEqual(rule(yield* Effect.flip(ask({ url: "https://a.test/", headers }))), "header")
      }
      assert.strictEqual(rule(yield* Effect.flip(ask({ url: "https://a.test/", method: "GET\r\nX: y" }))), "header")
      assert.strictEqual(rule(yield* Effect.flip(ask({ url: "https://a.test/", method: "CONNECT" }))), "header")
      assert.strictEqual(rule(yield* Effect.flip(ask({ url: "https://a.test/", body: "x" }))), "header")
      assert.strictEqual(asked.length, 0)
      yield* ask({ url: "https://a.test/", headers: { connection: "close", "content-length": "7", "X-A": " 1 " } })
      assert.deepStrictEqual(asked[0]!.headers, [["x-a", "1"]])
    }))

  it.effect("has an answer in its time, or none", () =>
    Effect.gen(function*() {
      const parts = (...delays: ReadonlyArray<number>) =>
        Stream.mapEffect(Stream.fromIterable(delays), (ms) => Effect.as(Effect.sleep(ms), new Uint8Array(10)))
      const { ask } = world({
        "https://a.test/silent": "silent",
        "https://a.test/stops": { body: parts(50, 50, 1_001) },
        "https://a.test/drips": { body: parts(...Array.from({ length: 100 }, () => 900)) },
        "https://a.test/slow": { body: parts(900, 900, 900) }
      }, { ...EgressPolicy.open, idleTimeoutMs: 1_000, timeoutMs: 10_000 })
      const after = (path: string, ms: number) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.result(ask(`https://a.test/${path}`)))
          for (let passed = 0; passed < ms; passed += 10) yield* TestClock.adjust(10)
          const result = yield* Fiber.join(fiber)
          return result._tag === "Success" ? "whole" : result.failure.message
        })
      assert.include(yield* after("silent", 1_100), "no response within 1000 ms")
      assert.include(yield* after("stops", 1_300), "silent for 1000 ms")
      assert.include(yield* after("drips", 10_500), "not whole in the time")
      assert.strictEqual(yield* after("slow", 3_000), "whole")
    }))

  it.effect("has an answer of so many bytes, and of no more", () =>
    Effect.gen(function*() {
      const body = Stream.make(new Uint8Array(60), new Uint8Array(40))
      const { ask } = world({
        "https://a.test/": { body },
        "https://a.test/1": { body: Stream.concat(body, Stream.make(new Uint8Array(1))) }
      }, {
        ...EgressPolicy.open,
        maxResponseBytes: 100
      })
      assert.strictEqual((yield* ask("https://a.test/")).text.length, 100)
      assert.deepInclude({ ...yield* Effect.flip(ask("https://a.test/1")) }, { reason: "too large", host: "a.test" })
    }))

  it.effect("goes nowhere in a process that was given no way out", () =>
    Effect.gen(function*() {
      const egress = yield* Egress.CurrentEgress
      const error = yield* Effect.flip(Effect.scoped(egress.request({ url: "https://a.test/" })))
      assert.strictEqual(rule(error), "no way out")
      assert.include(error.message, "Egress.layer of @fermata/host-node")
    }))

  it.effect("in memory goes to the hosts that there are, judged as every one", () =>
    Effect.gen(function*() {
      const egress = yield* Egress.CurrentEgress
      const ask = (url: string) =>
        Effect.scoped(Effect.flatMap(egress.request({ url }), Egress.text)).pipe(
          Effect.catch((e) => Effect.succeed(rule(e)))
        )
      assert.strictEqual(yield* ask("https://a.test/x"), "a.test")
      assert.strictEqual(yield* ask("https://inner.test/"), "address")
      assert.strictEqual(yield* ask("https://nobody.test/"), "name")
    }).pipe(Effect.provide(Egress.layerMemory(
      { "a.test": ["93.184.215.14"], "inner.test": ["10.0.0.1"] },
      ({ host }) => Effect.succeed({ status: 200, headers: [], body: Stream.make(new TextEncoder().encode(host)) }),
      EgressPolicy.open
    ))))
})
