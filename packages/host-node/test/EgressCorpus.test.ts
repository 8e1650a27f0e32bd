import { assert, describe, it } from "@effect/vitest"
import * as Engine from "@fermata/engine/Egress"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import * as IpAddress from "@fermata/engine/IpAddress"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import * as Egress from "../src/Egress.ts"
import * as Loopback from "./support/Loopback.ts"

/** A request of the corpus. `{port}` is where the listener is that nobody may reach, `{pad}` and `{fill}` make a URL long. */
interface Case {
  readonly group?: string
  /** Where this way in, or what it turns on, is written of. */
  readonly source: string
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The answers of names, one list for each time that they are asked; the last one stays. */
  readonly resolves?: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>
  /** Where public hosts redirect to, one after the other. */
  readonly redirects?: ReadonlyArray<string>
  /** Which rule refuses it. Empty where it goes to a public host, and nowhere else. */
  readonly rule?: EgressPolicy.Rule | ""
  /** Which rule refuses it when it is asked again. */
  readonly twice?: EgressPolicy.Rule
  readonly hosts?: ReadonlyArray<string>
  readonly privateHosts?: ReadonlyArray<string>
  readonly origins?: ReadonlyArray<string>
}

const corpus: { readonly refused: ReadonlyArray<Case>; readonly passes: ReadonlyArray<Case> } = JSON.parse(
  readFileSync(new URL("./support/ssrf-cases.json", import.meta.url), "utf8")
)

const listen = Loopback.listen((_, response) => response.end("inside"))

/**
 * The way out of a case: as open as a policy can be, unless the case says less.
 * What goes to public addresses alone is answered here; all else goes where it
 * was told to go.
 */
const wayOut = Effect.fnUntraced(function*(one: Case, port: number, redirects: ReadonlyArray<string>) {
  const { send } = yield* Egress.transport()
  const asked = new Map<string, number>()
  const left = [...redirects]
  const egress = Engine.make({
    resolve: (host) => {
      const answers = one.resolves?.[host]
      if (answers === undefined) {
        return Effect.fail({ reason: "name", sent: false, problem: "there is no host of this name" } as const)
      }
      const count = asked.get(host) ?? 0
      asked.set(host, count + 1)
      return Effect.succeed(answers[Math.min(count, answers.length - 1)]!)
    },
    send: (hop) => {
      if (!hop.addresses.every((address) => IpAddress.judge(address).reach === "public")) return send(hop)
      const location = left.shift()
      return Effect.succeed<Engine.Answer>({
        status: location === undefined ? 200 : 302,
        headers: location === undefined ? [] : [["location", location]],
        body: Stream.make(new TextEncoder().encode("outside"))
      })
    }
  }, {
    ...EgressPolicy.open,
    ports: [port, 80, 443],
    hosts: one.hosts ?? ["*"],
    privateHosts: one.privateHosts ?? [],
    origins: one.origins?.map((origin) => origin.replaceAll("{port}", String(port))) ?? []
  })
  return egress
})

const written = (text: string, port: number): string =>
  text.replaceAll("{port}", String(port)).replaceAll("{pad}", "x".repeat(8_192)).replaceAll("{fill}", "x".repeat(8_000))

const ask = (egress: Engine.Egress, request: Engine.Request) =>
  Effect.scoped(Effect.flatMap(egress.request(request), Engine.text)).pipe(
    Effect.catch((error) => Effect.succeed(error))
  )

const requestOf = ({ headers, method, url }: Case, port: number): Engine.Request => ({
  url: written(url, port),
  ...(method === undefined ? {} : { method }),
  ...(headers === undefined ? {} : { headers })
})

const said = (one: Case): string => `${one.source}: ${JSON.stringify(one)}`

describe("a corpus of ways in", () => {
  it("is large, and says of each where it is from", () => {
    assert.isAtLeast(corpus.refused.length, 150)
    assert.isAtLeast(corpus.passes.length, 20)
    for (const one of [...corpus.refused, ...corpus.passes]) assert.isNotEmpty(one.source)
  })

  it.effect("finds every one refused by its rule, and nobody reaches the listener", () =>
    Effect.gen(function*() {
      const server = yield* listen
      for (const one of corpus.refused) {
        const redirects = one.redirects?.map((to) => written(to, server.port)) ?? []
        const egress = yield* wayOut(one, server.port, redirects)
        const request = requestOf(one, server.port)
        const came = yield* ask(egress, request)
        if (one.rule === "") assert.strictEqual(came, "outside", said(one))
        else {
          assert.instanceOf(came, Engine.EgressRefused, said(one))
          assert.strictEqual(came.rule, one.rule, said(one))
          if (one.rule !== "redirect") assert.strictEqual(came.hop > 0, one.redirects !== undefined, said(one))
        }
        if (one.twice !== undefined) {
          const again = yield* ask(egress, request)
          assert.instanceOf(again, Engine.EgressRefused, said(one))
          assert.strictEqual(again.rule, one.twice, said(one))
        }
      }
      assert.strictEqual(server.connections(), 0)
    }))

  it.effect("finds none by a redirect either, from a host that may be asked", () =>
    Effect.gen(function*() {
      const server = yield* listen
      const reached = new Set<string>()
      for (const one of corpus.refused) {
        if (one.headers !== undefined || one.method !== undefined || one.redirects !== undefined) continue
        const start = { ...one.resolves, "start.test": [["93.184.215.14"]] }
        const url = "http://start.test/"
        const egress = yield* wayOut(
          { ...one, resolves: start, hosts: ["start.test", ...one.hosts ?? ["*"]] },
          server.port,
          [written(one.url, server.port)]
        )
        const came = yield* ask(egress, { url })
        if (typeof came === "string") reached.add(came)
        else if (one.rule === "address" || one.rule === "scheme") {
          assert.instanceOf(came, Engine.EgressRefused, said(one))
          assert.strictEqual(came.hop, 1, said(one))
        }
      }
      assert.deepStrictEqual([...reached], ["outside"])
      assert.strictEqual(server.connections(), 0)
    }))

  it.effect("finds none by the fetch of a client either", () =>
    Effect.gen(function*() {
      const server = yield* listen
      for (const one of corpus.refused) {
        const redirects = one.redirects?.map((to) => written(to, server.port)) ?? []
        const fetch = Engine.fetch(yield* wayOut(one, server.port, redirects))
        const { headers, method, url } = requestOf(one, server.port)
        const init = {
          ...(method === undefined ? {} : { method }),
          ...(headers === undefined ? {} : { headers: headers as Record<string, string> })
        }
        const came = yield* Effect.promise(() => fetch(url, init).then((response) => response.text(), () => "refused"))
        assert.notStrictEqual(came, "inside", said(one))
      }
      assert.strictEqual(server.connections(), 0)
    }))

  it.effect("lets through what is allowed", () =>
    Effect.gen(function*() {
      const server = yield* listen
      for (const one of corpus.passes) {
        const redirects = one.redirects?.map((to) => written(to, server.port)) ?? []
        const before = server.requests.length
        const came = yield* ask(yield* wayOut(one, server.port, redirects), requestOf(one, server.port))
        assert.strictEqual(came, one.method === "HEAD" ? "" : "inside", said(one))
        assert.strictEqual(server.requests.length, before + 1, said(one))
      }
    }))
})
