/** Services that a model asks over HTTP, on the rails of whoever configured them. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, ApiCall, Policy } from "@fermata/agent"
import { Egress as WayOut, EgressPolicy, HttpService, Secrets } from "@fermata/engine"
import { Runs } from "@fermata/engine/Runs"
import { Egress } from "@fermata/host-node"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Logger, Result, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"
import { type Answer, serve } from "./ServiceServer.ts"

const secrets = {
  TOKEN: "tok-4f9c2e71aa",
  OTHER: "tok-b82d0c6655",
  KEY: "key-19ae77c0d3",
  USER: "usr-5d21b9f084",
  PASS: "pas-c6e3478a1b"
}

type Entry = Omit<HttpService.Entry, "name" | "baseUrl"> & { readonly name?: string }
type Surroundings = HttpService.Surroundings

const agentWith = (services: HttpService.Services | undefined, policy: Policy.Policy = Policy.open) =>
  Agent.make("agent", { instructions: "Do it.", model: "m", policy, ...(services === undefined ? {} : { services }) })

/** What the model was told of its calls, one after the other. */
const told = Effect.map(Wire, (asked) => asked.slice(1).map((one) => said(one).at(-1)!))

const ask = (path: string, more: object = {}) =>
  call(`c${JSON.stringify({ path, more })}`, "ApiCall", { service: "crm", method: "GET", path, ...more })

/** Lives a run whose model makes these calls, one in each answer. */
const live = <A, E>(
  agent: ReturnType<typeof agentWith>,
  asked: ReadonlyArray<ReturnType<typeof call>>,
  run: Effect.Effect<A, E, Layer.Success<ReturnType<typeof world>>>,
  ...given: ReadonlyArray<Layer.Layer<never>>
) =>
  run.pipe(Effect.provide(world(
    inTurn(...asked.map((one) => calls(one)), answer("done")),
    Layer.provide(agent.layer, Layer.mergeAll(Egress.layer(), Secrets.layerMemory(secrets), ...given))
  )))

/** What the model is told of these calls of a service, and what the server was asked. */
const through = (
  entry: Entry,
  asked: ReadonlyArray<ReturnType<typeof call>>,
  answer?: Answer,
  surroundings: Surroundings = {}
) =>
  Effect.gen(function*() {
    const server = yield* serve(answer)
    const services = HttpService.make({
      services: [{ name: "crm", baseUrl: `${server.origin}/v2`, ...entry }],
      ...surroundings
    })
    const agent = agentWith(services)
    return yield* live(
      agent,
      asked,
      Effect.gen(function*() {
        yield* agent.run("go")
        return { told: yield* told, server }
      })
    )
  })

describe("the tool ApiCall", () => {
  it.effect("M-232, M-247: it is there where services are configured, and else neither there nor mentioned", () =>
    Effect.gen(function*() {
      const some = HttpService.make({ services: [{ name: "crm", baseUrl: "https://crm.example" }] })
      const none = HttpService.make({ services: [] })
      const seen = (agent: ReturnType<typeof agentWith>, ...process: ReadonlyArray<Layer.Layer<never>>) =>
        live(
          agent,
          [],
          Effect.gen(function*() {
            yield* agent.run("go")
            const [asked] = yield* Wire
            return { tools: asked!.tools.map(({ name }) => name), text: said(asked!).join() }
          }),
          ...process
        )
      assert.deepStrictEqual((yield* seen(agentWith(some))).tools, ["ApiCall"])
      assert.deepStrictEqual((yield* seen(agentWith(undefined), HttpService.layer(some))).tools, ["ApiCall"])
      assert.deepStrictEqual(agentWith(some).tools, ["ApiCall"])
      const without = yield* seen(agentWith(undefined))
      assert.deepStrictEqual(without.tools, [])
      assert.notInclude(without.text, "ApiCall")
      // Turned off for an agent in a process that has services.
      assert.deepStrictEqual((yield* seen(agentWith(none), HttpService.layer(some))).tools, [])
    }))

  it.effect("M-233: the model picks a service from those there are, and one that there is not is told so without a request", () =>
    Effect.gen(function*() {
      const { server, told } = yield* through({}, [
        ask("/people", { service: "nobody" }),
        ask("/people", { method: "TRACE" }),
        ask("/people/7", { query: { all: true, limit: 2 } })
      ])
      assert.deepStrictEqual(server.asked.map(({ line }) => line), ["GET /v2/people/7?all=true&limit=2"])
      assert.include(told[0]!, "Expected \\\"crm\\\"")
      assert.include(told[1]!, "TRACE")
      assert.include(told[2]!, "\"status\":200")
      assert.include(told[2]!, "\"body\":{\"ok\":true}")
    }))

  it("M-32, M-234: a service is a name, an address, who asks, and rails; what is none is said at once", () => {
    const make = (entry: object) => () => HttpService.make({ services: [entry as HttpService.Entry] })
    const whole = {
      name: "crm",
      description: "Customers",
      baseUrl: "https://crm.example/v2",
      auth: { type: "bearer", token: { secret: "TOKEN" } },
      allowedPaths: ["/people/[0-9]+"],
      allowedMethods: ["GET", "POST"],
      maxBodyBytes: 10,
      maxResponseBytes: 10,
      timeoutMs: 5,
      idempotency: "Idempotency-Key"
    } as const
    assert.deepStrictEqual(HttpService.make({ services: [whole] }).list[0]!.entry, whole)
    const wrong = Result.getFailure(HttpService.all([{ name: "crm" }]))
    assert.deepStrictEqual([wrong.valueOrUndefined?.code, wrong.valueOrUndefined?.service], ["ERR_CONFIG", "crm"])
    assert.include(wrong.valueOrUndefined?.message, "baseUrl")
    for (
      const [entry, problem] of [
        [{ name: "a b", baseUrl: "https://a" }, /a letter, then/],
        [{ name: "a", baseUrl: "a.example" }, /its baseUrl is no address/],
        [{ name: "a", baseUrl: "file:///etc/passwd" }, /its baseUrl is no address/],
        [{ name: "a", baseUrl: "https://me:pw@a/" }, /has a user/],
        [{ name: "a", baseUrl: "https://a/?k=v" }, /a query/],
        [{ name: "a", baseUrl: "https://a", auth: { type: "bearer", token: "tok" } }, /auth/],
        [{ name: "a", baseUrl: "https://a", auth: { type: "custom", id: "x" } }, /nobody makes its headers/],
        [{ name: "a", baseUrl: "https://a", allowedPaths: ["("] }, /allowedPaths/],
        [{ name: "a", baseUrl: "https://a", allowedPaths: ["(a)\\1"] }, /cannot be used here/],
        [{ name: "a", baseUrl: "https://a", allowedMethods: ["CONNECT"] }, /allowedMethods/],
        [{ name: "a", baseUrl: "https://a", maxBodyBytes: 0 }, /maxBodyBytes/]
      ] as const
    ) assert.throws(make(entry), problem)
    const same = { name: "a", baseUrl: "https://a" }
    assert.throws(() => HttpService.make({ services: [same, same] }), /two of this name/)
  })

  it.effect("M-236: services of a run are its own, so that two runs at once use different tokens", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const agent = agentWith(undefined)
      const services = (secret: string) =>
        [
          { name: "crm", baseUrl: server.origin, auth: { type: "bearer", token: { secret } } }
        ] as const
      yield* live(
        agent,
        [ask("/me")],
        Effect.all(
          [agent.run("go", { services: services("TOKEN") }), agent.run("go", { services: services("OTHER") })],
          {
            concurrency: 2
          }
        ),
        Egress.layer({ origins: [server.origin] })
      )
      assert.sameMembers(server.asked.map(({ headers }) => headers.authorization!), [
        `Bearer ${secrets.TOKEN}`,
        `Bearer ${secrets.OTHER}`
      ])
      // Who starts a run opens no way that the process is without.
      const words = yield* live(
        agent,
        [ask("/me")],
        Effect.andThen(agent.run("go", { services: services("TOKEN") }), told)
      )
      assert.include(words[0]!, "none of the hosts that may be reached")
      assert.strictEqual(server.asked.length, 2)
    }))
})

describe("who asks", () => {
  const sent = (auth: HttpService.Auth, surroundings: Surroundings = {}) =>
    Effect.map(
      through({ auth }, [ask("/a")], undefined, surroundings),
      ({ server, told }) => ({ headers: server.asked[0]?.headers, told })
    )

  it.effect("M-237: by none no header says who", () =>
    Effect.gen(function*() {
      const { headers } = yield* sent({ type: "none" })
      assert.notProperty(headers, "authorization")
    }))

  it.effect("M-238: by bearer a token does", () =>
    Effect.gen(function*() {
      const { headers } = yield* sent({ type: "bearer", token: { secret: "TOKEN" } })
      assert.strictEqual(headers?.authorization, `Bearer ${secrets.TOKEN}`)
    }))

  it.effect("M-239: by header one of any name does", () =>
    Effect.gen(function*() {
      const { headers } = yield* sent({ type: "header", name: "X-Account", value: { secret: "KEY" } })
      assert.strictEqual(headers?.["x-account"], secrets.KEY)
      assert.notProperty(headers, "authorization")
    }))

  it.effect("M-240: by basic a user and a password do", () =>
    Effect.gen(function*() {
      const { headers } = yield* sent({ type: "basic", user: { secret: "USER" }, password: { secret: "PASS" } })
      assert.strictEqual(headers?.authorization, `Basic ${btoa(`${secrets.USER}:${secrets.PASS}`)}`)
    }))

  it.effect("M-241: by custom an effect makes the headers, once for each request", () =>
    Effect.gen(function*() {
      const contexts: Array<object> = []
      const custom = (made: Readonly<Record<string, string>>): Surroundings => ({
        custom: {
          signed: (context) =>
            Effect.sync(() => {
              contexts.push(context)
              return made
            })
        }
      })
      const auth = { type: "custom", id: "signed" } as const
      const { headers } = yield* sent(auth, custom({ "X-Signature": "sig-77af01" }))
      assert.strictEqual(headers?.["x-signature"], "sig-77af01")
      assert.deepStrictEqual(contexts, [{ serviceName: "crm", method: "GET", path: "/a" }])
      const none = yield* sent(auth, custom({}))
      assert.notProperty(none.headers, "authorization")
      assert.notProperty(none.headers, "x-signature")
      const failed = yield* sent(auth, { custom: { signed: () => Effect.fail("told sig-77af01") } })
      assert.strictEqual(failed.headers, undefined)
      assert.include(failed.told[0]!, "its headers could not be made")
      assert.notInclude(failed.told[0]!, "sig-77af01")
    }))

  it.effect("M-235: what says who asks is in no journal, question or log, also where the server says it back", () =>
    Effect.gen(function*() {
      const logs: Array<unknown> = []
      const heard = Logger.layer([Logger.make((entry) => void logs.push(entry.message, String(entry.cause)))])
      const server = yield* serve(({ headers }, response) => {
        response.writeHead(headers["x-key"] === undefined ? 500 : 200, { "etag": `"${headers["x-key"]}"` })
          .end(`you are ${JSON.stringify(headers)} ${headers.authorization?.split(" ")[1]}`)
      })
      const baseUrl = server.origin
      const signed = "sig-0a55d1e9"
      const agent = agentWith(HttpService.make({
        services: [
          { name: "bearer", baseUrl, auth: { type: "bearer", token: { secret: "TOKEN" } } },
          { name: "header", baseUrl, auth: { type: "header", name: "X-Key", value: { secret: "KEY" } } },
          { name: "basic", baseUrl, auth: { type: "basic", user: { secret: "USER" }, password: { secret: "PASS" } } },
          { name: "custom", baseUrl, auth: { type: "custom", id: "signed" } },
          { name: "lost", baseUrl: "http://127.0.0.1:1", auth: { type: "bearer", token: { secret: "OTHER" } } }
        ],
        custom: { signed: () => Effect.succeed({ authorization: `Signature ${signed}` }) },
        onResponse: (answered) => Effect.andThen(Effect.logInfo(answered), Effect.fail("no"))
      }))
      const names = ["bearer", "header", "basic", "custom", "lost"]
      const left = yield* live(
        agent,
        names.map((service) => ask("/echo", { service })),
        Effect.gen(function*() {
          yield* agent.run("go", { id: "told" })
          const runs = yield* Runs
          const [run] = yield* runs.list()
          const journal = yield* runs.journal(run!.id)
          return JSON.stringify([journal, (yield* Wire).map(said)])
        }).pipe(Effect.provide(heard)),
        heard
      )
      assert.strictEqual(server.asked.length, 4)
      for (const secret of [...Object.values(secrets), signed, btoa(`${secrets.USER}:${secrets.PASS}`)]) {
        assert.notInclude(left, secret)
        assert.notInclude(JSON.stringify(logs), secret)
      }
      for (const name of ["TOKEN", "KEY", "PASS", "custom.authorization"]) assert.include(left, `[secret ${name}]`)
    }))
})

describe("the rails of a service", () => {
  const rails = { allowedPaths: ["/people/.*", "/open"], allowedMethods: ["GET", "POST"] } as const

  it.effect("M-242: a path or a method that is not allowed is refused without a request, however it is written", () =>
    Effect.gen(function*() {
      const refused = [
        "/admin",
        "/people",
        "/openly",
        "/people/../admin",
        "/people/./7",
        "/people/%2e%2e/admin",
        "/people/.%2E/admin",
        "/people/%252e%252e/admin",
        "/people/%25252e%25252e/admin",
        "/people/..;/admin",
        "/people/..%3Bx/admin",
        "/people/..%2fadmin",
        "/people/7%2f..%2f..%2fadmin",
        "/people/7%5c..%5cadmin",
        "/people/..\\admin",
        "/people//7",
        "//evil.example/people/7",
        "/\\evil.example",
        "https://evil.example/people/7",
        "http://127.0.0.1/people/7",
        "@evil.example/people/7",
        "people/7",
        "",
        "/people/7#/../../admin",
        "/people/7\r\nHost: evil.example",
        "/people/7%0d%0aHost:%20evil.example",
        "/people/%00",
        "/people/%zz",
        "/people/\u2028",
        "/%2e%2e/admin",
        `/people/${"a".repeat(3_000)}`
      ]
      const { server, told } = yield* through(rails, [
        ...refused.map((path) => ask(path)),
        ask("/people/7", { method: "DELETE" })
      ])
      assert.deepStrictEqual(server.asked.map(({ line }) => line), [])
      assert.strictEqual(server.connections(), 0)
      assert.strictEqual(told.length, refused.length + 1)
      for (const [at, words] of told.entries()) {
        assert.match(words, /Nothing was sent to service|Expected/, refused[at] ?? "DELETE")
      }
      const good = yield* through(rails, [
        ask("/open"),
        ask("/people/%61%20b?q=%2e%2e/x&r=1", { query: { q: "&" } }),
        ask("/people/José@x:1;v=2"),
        ask("/people/a..b/...", { method: "POST", body: { a: 1 } })
      ])
      assert.deepStrictEqual(good.server.asked.map(({ line }) => line), [
        "GET /v2/open",
        "GET /v2/people/a%20b?q=..%2Fx&r=1&q=%26",
        "GET /v2/people/Jos%C3%A9@x:1;v=2",
        "POST /v2/people/a..b/..."
      ])
      assert.strictEqual(good.server.asked[3]!.body, "{\"a\":1}")
    }))

  it.effect("M-242: a redirect is told and not followed, so that no answer leads off the rails", () =>
    Effect.gen(function*() {
      const { server, told } = yield* through(
        rails,
        [ask("/open")],
        (_, response) => response.writeHead(302, { location: "/admin" }).end()
      )
      assert.strictEqual(server.asked.length, 1)
      assert.include(told[0]!, "\"status\":302")
      assert.include(told[0]!, "\"location\":\"/admin\"")
    }))

  it.effect("M-242: a pattern that takes long elsewhere takes no time here", () =>
    Effect.gen(function*() {
      const { server } = yield* through({ allowedPaths: ["/(a+)+b"] }, [ask(`/${"a".repeat(1_500)}`)])
      assert.strictEqual(server.connections(), 0)
    }))

  it.effect("M-243: a body of one byte more than may be sent is refused", () =>
    Effect.gen(function*() {
      const post = (body: unknown) => ask("/people/7", { method: "POST", body })
      const { server, told } = yield* through({ maxBodyBytes: 10 }, [
        post("12345678é"),
        post("123456789é"),
        post({ a: "12" }),
        post({ a: "123" }),
        ask("/people/7", { body: "x" })
      ])
      assert.deepStrictEqual(server.asked.map(({ body, headers }) => [body, headers["content-type"]]), [
        ["12345678é", "text/plain"],
        ["{\"a\":\"12\"}", "application/json"]
      ])
      assert.include(told[1]!, "its body has 11 bytes")
      assert.include(told[3]!, "its body has 11 bytes")
      assert.include(told[4]!, "a GET has no body")
    }))

  it.effect("M-244: of a large response as much is read as may be, and no more", () =>
    Effect.gen(function*() {
      let written = 0
      const endless: Answer = (_, response) => {
        response.writeHead(200, { "content-type": "text/plain" })
        const part = "0123456789".repeat(1_000)
        const more = () => {
          while (!response.destroyed && response.write(part)) written += part.length
          if (!response.destroyed) response.once("drain", more)
        }
        more()
      }
      const { told } = yield* through({ maxResponseBytes: 20_005 }, [ask("/a")], endless)
      assert.include(told[0]!, "\"cutAt\":20005")
      assert.include(told[0]!, `"body":"${"0123456789".repeat(2_000)}01234"`)
      const exact = yield* through({ maxResponseBytes: 11 }, [ask("/a")])
      assert.notInclude(exact.told[0]!, "cutAt")
      const less = yield* through({ maxResponseBytes: 10 }, [ask("/a")])
      assert.include(less.told[0]!, "\"body\":\"{\\\"ok\\\":true\"")
    }))

  it.effect("M-245: headers that say who asks, where to or by which method are dropped, in whichever letters", () =>
    Effect.gen(function*() {
      const { server } = yield* through(
        { auth: { type: "header", name: "X-Account", value: { secret: "KEY" } } },
        [ask("/a", {
          headers: {
            "aUtHoRiZaTiOn": "Bearer mine",
            "Proxy-authorization": "mine",
            "COOKIE": "mine",
            "x_account": "mine",
            "X-ACCOUNT": "mine",
            "Host": "evil.example",
            "X-HTTP-Method-Override": "DELETE",
            "X-Original-URL": "/admin",
            "X-Forwarded-Host": "evil.example",
            "Accept": "text/plain"
          }
        })]
      )
      const [{ headers }] = server.asked as [typeof server.asked[number]]
      assert.notInclude(JSON.stringify(headers), "mine")
      assert.notInclude(JSON.stringify(headers), "evil")
      assert.notProperty(headers, "x-http-method-override")
      assert.notProperty(headers, "x-original-url")
      assert.strictEqual(headers["x-account"], secrets.KEY)
      assert.strictEqual(headers.accept, "text/plain")
      const split = yield* through({}, [ask("/a", { headers: { "x-note": "a\r\nauthorization: mine" } })])
      assert.strictEqual(split.server.connections(), 0)
    }))

  it.effect("M-246: who looks on is told of each request and answer, and no secret", () =>
    Effect.gen(function*() {
      const seen: Array<object> = []
      const note = (it: object) => Effect.sync(() => void seen.push(it))
      yield* through({ auth: { type: "bearer", token: { secret: "TOKEN" } } }, [ask("/a?key=1")], undefined, {
        onRequest: note,
        onResponse: note
      })
      assert.deepStrictEqual(seen, [
        { service: "crm", method: "GET", path: "/a" },
        { service: "crm", method: "GET", path: "/a", status: 200, latencyMs: 0, bytesIn: 11 }
      ])
    }))
})

describe("calls that may not be made twice", () => {
  const services = HttpService.make({
    services: [
      { name: "crm", baseUrl: "https://crm.example" },
      { name: "pay", baseUrl: "https://pay.example", idempotency: "X-Request-Key", maxRetries: 1 }
    ]
  })
  const policy = Policy.rules({ allow: ["ApiCall(pay POST /charges*)"], deny: ["ApiCall(crm GET /admin/*)"] })
  const decide = (params: Schema.Json) => {
    let rules: AgentTool.Rules | undefined
    const seen = Agent.make("seen", {
      instructions: "",
      model: "m",
      services,
      policy: (call) => {
        rules = call.rules
        return policy(call)
      }
    })
    return Effect.gen(function*() {
      yield* seen.start("go", { id: "run" })
      yield* (yield* TestHost).settled
      const runs = yield* Runs
      const [run] = yield* runs.list()
      return { status: run!.status, words: (yield* told)[0], rules }
    }).pipe(Effect.provide(world(
      inTurn(calls(call("c", "ApiCall", params)), answer("done")),
      Layer.provide(
        seen.layer,
        WayOut.layerMemory(
          { "crm.example": ["93.184.216.34"], "pay.example": ["93.184.216.34"] },
          ({ method, url }) =>
            Effect.succeed({
              status: 200,
              headers: [],
              body: Stream.make(new TextEncoder().encode(`${method} ${url.pathname}`))
            })
        )
      )
    )))
  }

  it.effect("M-242, S2: what reads is done without asking; a rule allows or forbids the rest by SERVICE METHOD /path", () =>
    Effect.gen(function*() {
      const read = yield* decide({ service: "crm", method: "GET", path: "/people/7" })
      assert.include(read.words, "GET /people/7")
      assert.deepStrictEqual([read.rules?.onCrash, read.rules?.safe], ["rerun", true])
      const write = yield* decide({ service: "crm", method: "POST", path: "/people" })
      assert.deepStrictEqual([write.status, write.words], ["suspended", undefined])
      assert.deepStrictEqual([write.rules?.onCrash, write.rules?.safe], ["ask", false])
      const allowed = yield* decide({ service: "pay", method: "POST", path: "/charges" })
      assert.include(allowed.words, "POST /charges")
      assert.deepStrictEqual([allowed.rules?.onCrash, allowed.rules?.safe], ["rerun-keyed", false])
      const denied = yield* decide({ service: "crm", method: "GET", path: "/%61dmin/x" })
      assert.include(denied.words, "it is not allowed")
      assert.strictEqual(ApiCall.subject.of({ service: "crm", path: "/a%20b?c" }), "crm GET /a b")
    }))

  it.effect("S2: a service that has too much to do is asked again when it has said, with the same key; then the model is told", () => {
    const keys: Array<string | undefined> = []
    const agent = agentWith(services)
    const way = WayOut.layerMemory({ "pay.example": ["93.184.216.34"] }, ({ headers }) =>
      Effect.sync(() => {
        keys.push(headers.find(([name]) => name === "x-request-key")?.[1])
        return {
          status: 429,
          headers: [["retry-after", "90"]] as const,
          body: Stream.make(new TextEncoder().encode("later"))
        }
      }), EgressPolicy.open)
    return Effect.gen(function*() {
      const host = yield* TestHost
      yield* agent.start("go", { id: "run" })
      yield* host.settled
      assert.strictEqual(keys.length, 1)
      yield* TestClock.adjust("89 seconds")
      yield* host.settled
      assert.strictEqual(keys.length, 1)
      yield* TestClock.adjust("1 second")
      yield* host.settled
      assert.strictEqual(keys.length, 2)
      assert.strictEqual(keys[0], keys[1])
      assert.isString(keys[0])
      const words = yield* told
      assert.include(words[0]!, "\"status\":429")
      assert.include(words[0]!, "\"isFailure\":true")
    }).pipe(Effect.provide(world(
      inTurn(
        calls(call("c", "ApiCall", { service: "pay", method: "POST", path: "/charges", body: {} })),
        answer("done")
      ),
      Layer.provide(agent.layer, way)
    )))
  })
})
