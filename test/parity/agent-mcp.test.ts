/** Tools of MCP servers as tools of an agent: how servers are reached, what they may do, and what becomes of them and of us. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentStream, McpHttp, type McpServer, McpServers, Models, Policy, Scripted } from "@fermata/agent"
import * as SecretRef from "@fermata/core/SecretRef"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { CreateMessageResultSchema } from "@modelcontextprotocol/sdk/types.js"
import { Deferred, Effect, Exit, Fiber, Layer, type Schema, Scope, Stream } from "effect"
import type { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import { answer, call, calls, inTurn, said, type Script, Wire, world } from "./AgentWorld.ts"
import { McpStub, text } from "./McpStub.ts"

type Options = Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>>

/** A run of an agent with these servers, and what its model was told. */
const live = (servers: Readonly<Record<string, McpServer.McpServer>>, script: Script, options: Options = {}) => {
  const agent = Agent.make("clerk", {
    instructions: "Do it.",
    model: "m",
    mcp: Object.keys(servers),
    policy: Policy.open,
    ...options
  })
  return Effect.gen(function*() {
    const exit = yield* Effect.exit(agent.run("go", { id: "1" }))
    const asked = yield* Wire
    return { exit, asked, told: asked.map(said) }
  }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, McpServers.layer(servers)))))
}

/** Asks for these tools one after the other, and is done then. */
const asking = (...tools: ReadonlyArray<string>): Script =>
  inTurn(...tools.map((tool, index) => calls(call(`${index}`, tool, { n: index }))), answer("done"))

/** A picture of nothing, whose head says this size. */
const png = (width: number, height: number): Uint8Array => {
  const chunk = (name: string, data: Uint8Array) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, Buffer.from(name), data, Buffer.alloc(4)])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", Buffer.alloc(10)),
    chunk("IEND", Buffer.alloc(0))
  ])
}

const echo = { handle: (args: Record<string, unknown>) => text(JSON.stringify(args)) }

describe("what an MCP server says of its tools", () => {
  it.effect("N-24: opens nothing: people are asked about a tool that says it only reads, unless its server is trusted", () =>
    Effect.gen(function*() {
      for (const trusted of [undefined, true] as const) {
        const stub = new McpStub()
        stub.tools = { look: { ...echo, annotations: { readOnlyHint: true } } }
        const url = `${yield* stub.listen}/mcp`
        const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["s"] })
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          const fiber = yield* Effect.forkChild(agent.run("go", { id: "1" }), { startImmediately: true })
          const standing = yield* Effect.repeat(
            Effect.andThen(Effect.promise(() => new Promise(setImmediate)), runs.list({ limit: 1 })),
            { until: ([run]) => run !== undefined && run.status !== "queued" && run.status !== "running" }
          )
          assert.strictEqual(standing[0]!.status, trusted === true ? "completed" : "suspended")
          assert.deepStrictEqual(stub.calls, trusted === true ? ["look"] : [])
          yield* Fiber.interrupt(fiber)
        }).pipe(Effect.provide(world(
          asking("mcp__s__look"),
          Layer.provide(
            agent.layer,
            McpServers.layer({ s: McpHttp.server({ url, ...(trusted === undefined ? {} : { trusted }) }) })
          )
        )))
      }
    }))
})

describe("how an MCP server is reached", () => {
  for (const [transport, path] of [["http", "/mcp"], ["sse", "/sse"], ["post", "/stateless"]] as const) {
    it.effect(`M-176${transport === "post" ? ", M-185" : ""}: over ${transport}`, () =>
      Effect.gen(function*() {
        const stub = new McpStub()
        stub.tools = { echo }
        const url = `${yield* stub.listen}${path}`
        const { told } = yield* live({ s: McpHttp.server({ url, transport }) }, asking("mcp__s__echo", "mcp__s__echo"))
        assert.include(told[1]!.at(-1), JSON.stringify(JSON.stringify({ n: 0 })).slice(1, -1))
        assert.include(told[2]!.at(-1), JSON.stringify(JSON.stringify({ n: 1 })).slice(1, -1))
        assert.deepStrictEqual(stub.calls, ["echo", "echo"])
        if (transport === "post") assert.deepStrictEqual([...new Set(stub.seen.map(({ method }) => method))], ["POST"])
      }))
  }

  it.effect("M-178: static headers and those of a provider, over them, are on every request, and the provider is asked before each", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { echo }
      let asked = 0
      const url = `${yield* stub.listen}/mcp`
      yield* live({
        s: McpHttp.server({
          url,
          headers: { "x-team": "red", "x-both": "static" },
          headersProvider: Effect.sync(() => ({ authorization: `Bearer token-${++asked}`, "x-both": "provider" }))
        })
      }, asking("mcp__s__echo"))
      assert.isAtLeast(stub.seen.length, 4)
      for (const { headers } of stub.seen) {
        assert.strictEqual(headers["x-team"], "red")
        assert.strictEqual(headers["x-both"], "provider")
      }
      assert.strictEqual(new Set(stub.seen.map(({ headers }) => headers.authorization)).size, stub.seen.length)
      assert.strictEqual(asked, stub.seen.length)
    }))

  it.effect("M-179: after a 401 the provider is asked again and the request made once more; a second 401 is an error", () =>
    Effect.gen(function*() {
      const lives = Effect.fnUntraced(function*(refusals: number) {
        const stub = new McpStub()
        stub.tools = { echo }
        stub.unauthorized = refusals
        let asked = 0
        const url = `${yield* stub.listen}/stateless`
        const headersProvider = Effect.sync(() => ({ authorization: `Bearer ${++asked}` }))
        const { exit } = yield* live({ s: McpHttp.server({ url, transport: "post", headersProvider }) }, asking())
        return { exit, seen: stub.seen.length, asked }
      })
      const once = yield* lives(1)
      assert.isTrue(Exit.isSuccess(once.exit))
      assert.strictEqual(once.asked, once.seen)
      const twice = yield* lives(2)
      assert.include(String(twice.exit), "401")
      assert.deepStrictEqual([twice.seen, twice.asked], [2, 2])
    }))

  it.effect("M-180: a server is offered no model of its client, and is refused what it asks of one all the same", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      let refused = ""
      stub.tools = {
        sample: {
          handle: async (_, { server }) => {
            const params = { messages: [], maxTokens: 1 }
            await server.request({ method: "sampling/createMessage", params }, CreateMessageResultSchema)
              .catch((error: unknown) => refused = String(error))
            return text("asked")
          }
        }
      }
      yield* live({ s: stub.inMemory() }, asking("mcp__s__sample"))
      assert.deepStrictEqual(stub.clients.map((client) => Object.keys(client ?? {})), [["elicitation"]])
      assert.match(refused, /not support sampling|Method not found/)
    }))

  it.effect("a secret in a header is in no record, although the server repeats it", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const url = `${yield* stub.listen}/mcp`
      stub.tools = {
        tell: { handle: () => text(`it was ${stub.seen.at(-1)!.headers.authorization} and bearer-of-news`) }
      }
      const servers = {
        s: McpHttp.server({
          url,
          headers: { authorization: SecretRef.make("KEY") },
          headersProvider: Effect.succeed({ "x-token": "Bearer bearer-of-news" })
        })
      }
      const agent = Agent.make("clerk", { instructions: "", model: "m", mcp: ["s"], policy: Policy.open })
      const layer = Layer.provide(agent.layer, [McpServers.layer(servers), Secrets.layerMemory({ KEY: "swordfish" })])
      yield* Effect.gen(function*() {
        yield* agent.run("go", { id: "1" })
        const last = (yield* Wire).map(said).at(-1)!.at(-1)!
        assert.include(last, "[secret KEY]")
        assert.notInclude(last, "swordfish")
        assert.notInclude(last, "bearer-of-news")
      }).pipe(Effect.provide(world(asking("mcp__s__tell"), layer)))
    }))
})

describe("how long an MCP server may take", () => {
  it.effect("a process that ends tells a server over HTTP that its session is over", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { echo }
      const url = `${yield* stub.listen}/mcp`
      yield* live({ s: McpHttp.server({ url }) }, asking("mcp__s__echo"))
      assert.strictEqual(stub.seen.at(-1)!.method, "DELETE")
    }))

  it.effect("M-27: one that does not say what it is fails a run after 10 s, or is left out where it is optional", () =>
    Effect.gen(function*() {
      const silent = (asked: Deferred.Deferred<void>, optional: boolean): McpServer.McpServer => ({
        optional,
        where: "memory",
        secrets: [],
        line: () =>
          Effect.sync(() => {
            const [ours, theirs] = InMemoryTransport.createLinkedPair()
            Object.assign(theirs, { onmessage: () => Deferred.doneUnsafe(asked, Effect.void) })
            return { transport: ours, begin: Effect.void, lastWords: () => "", kill: () => undefined }
          })
      })
      for (const optional of [false, true]) {
        const asked = yield* Deferred.make<void>()
        const run = yield* Effect.forkChild(live({ s: silent(asked, optional) }, asking()))
        yield* Deferred.await(asked)
        yield* TestClock.adjust(9_999)
        assert.isUndefined(run.pollUnsafe())
        yield* TestClock.adjust(1)
        const { exit, told } = yield* Fiber.join(run)
        if (optional) assert.include(told[0]![0], "MCP server \\\"s\\\" was not ready within 10000 ms")
        else assert.include(String(exit), "MCP server \"s\" was not ready within 10000 ms")
      }
    }))

  it.effect("M-27: a call ends after 60 s and is cancelled at the server; the tools stay, and the next call is made", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const begun = yield* Deferred.make<void>()
      const cancelled = yield* Deferred.make<void>()
      stub.tools = {
        hang: {
          handle: (_, { signal }) =>
            new Promise(() => {
              signal.addEventListener("abort", () => Deferred.doneUnsafe(cancelled, Effect.void))
              Deferred.doneUnsafe(begun, Effect.void)
            })
        },
        echo
      }
      const run = yield* Effect.forkChild(live({ s: stub.inMemory() }, asking("mcp__s__hang", "mcp__s__echo")))
      yield* Deferred.await(begun)
      yield* TestClock.adjust(59_999)
      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Deferred.await(cancelled)
      const { asked, exit, told } = yield* Fiber.join(run)
      assert.isTrue(Exit.isSuccess(exit))
      assert.include(told[1]!.at(-1), "did not answer within 60000 ms; it may have done what it was asked to")
      assert.deepStrictEqual(asked[2]!.tools.map(({ name }) => name), ["mcp__s__echo", "mcp__s__hang"])
      assert.deepStrictEqual(stub.calls, ["hang", "echo"])
    }))

  it.effect("M-27: one that says how far it is has its time anew, as long as it may take in all, and followers are told", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const said: Array<() => Promise<void>> = []
      const begun = yield* Deferred.make<void>()
      stub.tools = {
        hang: {
          handle: (_, { progressToken, say }) =>
            new Promise(() => {
              let progress = 0
              said.push(
                () =>
                  say({ method: "notifications/progress", params: { progressToken, progress: ++progress, total: 9 } }),
                () => say({ method: "notifications/message", params: { level: "info", data: { rows: 3 } } })
              )
              Deferred.doneUnsafe(begun, Effect.void)
            })
        }
      }
      const server = stub.inMemory({ callTimeout: "10 seconds", longestCall: "22 seconds" })
      const agent = Agent.make("clerk", { instructions: "", model: "m", mcp: ["s"], policy: Policy.open })
      yield* Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        const events = yield* Effect.forkChild(Stream.runCollect(AgentStream.of(run)), { startImmediately: true })
        yield* Deferred.await(begun)
        const heard = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        // Without a word it would be over after the second.
        for (const each of [0, 0, 1]) {
          yield* TestClock.adjust(7_000)
          yield* Effect.promise(() => said[each]!())
          yield* heard
        }
        yield* TestClock.adjust(999)
        assert.strictEqual((yield* (yield* Runs).show(run)).status, "running")
        yield* TestClock.adjust(1)
        const all = Array.from(yield* Fiber.join(events))
        const progress = all.flatMap((event) => event.type === "tool-progress" ? [event] : [])
        assert.deepStrictEqual(
          progress.map(({ level, message, progress, tool, total }) => ({ tool, progress, total, level, message })),
          [
            { tool: "mcp__s__hang", progress: 1, total: 9, level: undefined, message: undefined },
            { tool: "mcp__s__hang", progress: 2, total: 9, level: undefined, message: undefined },
            { tool: "mcp__s__hang", progress: undefined, total: undefined, level: "info", message: "{\"rows\":3}" }
          ]
        )
        assert.include(JSON.stringify(all.find(({ type }) => type === "tool-result")), "did not end within 22000 ms")
      }).pipe(
        Effect.provide(world(asking("mcp__s__hang"), Layer.provide(agent.layer, McpServers.layer({ s: server }))))
      )
    }))

  it.effect("is told the least that it is to log, where somebody says so and it logs", () =>
    Effect.gen(function*() {
      for (const logLevel of [undefined, "warning"] as const) {
        const stub = new McpStub()
        stub.tools = {
          work: {
            handle: async (_, { server }) => {
              await server.sendLoggingMessage({ level: "info", data: "not this" })
              await server.sendLoggingMessage({ level: "error", data: "but this" })
              await new Promise((resolve) => setImmediate(resolve))
              return text("worked")
            }
          }
        }
        const agent = Agent.make("clerk", { instructions: "", model: "m", mcp: ["s"], policy: Policy.open })
        yield* Effect.gen(function*() {
          const run = yield* agent.start("go", { id: "1" })
          yield* agent.run("go", { id: "1" })
          const logged = (yield* (yield* Chunks).read(run)).flatMap(({ value }) => {
            const { message } = value as { readonly message?: string }
            return message === undefined ? [] : [message]
          })
          assert.deepStrictEqual(logged, logLevel === undefined ? ["not this", "but this"] : ["but this"])
        }).pipe(Effect.provide(world(
          asking("mcp__s__work"),
          Layer.provide(
            agent.layer,
            McpServers.layer({ s: stub.inMemory(logLevel === undefined ? {} : { logLevel }) })
          )
        )))
      }
    }))

  it.effect("M-27: one that does not end within 5 s is ended", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const closing = yield* Deferred.make<void>()
      let killed = 0
      const server: McpServer.McpServer = {
        ...stub.inMemory(),
        line: () =>
          Effect.map(stub.inMemory().line(), (line) => ({
            ...line,
            transport: Object.assign(line.transport, {
              close: () =>
                new Promise<void>(() => {
                  Deferred.doneUnsafe(closing, Effect.void)
                })
            }),
            kill: () => void killed++
          }))
      }
      const scope = yield* Scope.make()
      const servers = yield* Layer.buildWithScope(McpServers.layer({ s: server }), scope)
      yield* Effect.provide(Effect.flatMap(McpServers.CurrentServers, ({ check }) => check("s")), servers)
      const ended = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Deferred.await(closing)
      yield* TestClock.adjust(4_999)
      assert.strictEqual(killed, 0)
      yield* TestClock.adjust(1)
      yield* Fiber.join(ended)
      assert.strictEqual(killed, 1)
    }))
})

describe("what an MCP server has", () => {
  it.effect("a server that has forgotten the session is asked in a new one, and has seen the call once", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { echo }
      const url = `${yield* stub.listen}/mcp`
      const script: Script = (asked, turn) => {
        if (turn === 1) stub.forget()
        return asking("mcp__s__echo", "mcp__s__echo")(asked, turn)
      }
      const { told } = yield* live({ s: McpHttp.server({ url }) }, script)
      assert.notInclude(told[2]!.at(-1), "\"isFailure\":true")
      assert.deepStrictEqual(stub.calls, ["echo", "echo"])
      assert.strictEqual(stub.clients.length, 2)
    }))

  it.effect("M-177: what it changes is told between turns, only what is new, and its new tools can be called", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.instructions = "Be quick."
      stub.tools = {
        leave: {
          handle: async (_, { server }) => {
            stub.instructions = "Be slow."
            stub.tools = { ...stub.tools, later: echo }
            setImmediate(() => void server.close())
            return text("gone")
          }
        },
        echo
      }
      const script = asking("mcp__s__leave", "mcp__s__echo", "mcp__s__later", "mcp__s__later")
      const { asked, exit, told } = yield* live({ s: stub.inMemory() }, script)
      assert.isTrue(Exit.isSuccess(exit))
      assert.include(told[0]![0], "What MCP server \\\"s\\\" says of itself:\\nBe quick.")
      const news = (messages: ReadonlyArray<string>) => messages.filter((message) => message.includes("has changed"))
      // The call after it was lost reaches it again, and what it says then is told before the next question.
      assert.deepStrictEqual(news(told[1]!), [])
      const [delta, ...more] = news(told[2]!)
      assert.deepStrictEqual(more, [])
      assert.include(delta, "it says of itself now: Be slow.; there is now mcp__s__later")
      assert.notInclude(delta, "Be quick.")
      assert.include(asked[2]!.tools.map(({ name }) => name), "mcp__s__later")
      assert.strictEqual(news(told.at(-1)!).length, 1)
      assert.deepStrictEqual(stub.calls, ["leave", "echo", "later", "later"])
    }))

  it.effect("M-125, M-126: its resources are listed and read by tools that are there where a server has some", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.resources = { "memo:a": "what a says", "memo:b": "what b says" }
      const script = inTurn(
        calls(call("1", "ListMcpResources", {}), call("2", "ReadMcpResource", { server: "s", uri: "memo:b" })),
        calls(call("3", "ReadMcpResource", { server: "other", uri: "memo:b" })),
        answer("done")
      )
      // What only reads is done without asking.
      const { told } = yield* live({ s: stub.inMemory() }, script, { policy: Policy.rules() })
      assert.include(told[1]!.at(-1), "memo:a")
      assert.include(told[1]!.at(-1), "what b says")
      assert.include(told[2]!.at(-1), "there is no MCP server \\\"other\\\" that has resources; there is s")
      const without = new McpStub()
      without.tools = { echo }
      const { asked } = yield* live({ s: without.inMemory() }, asking())
      assert.deepStrictEqual(asked[0]!.tools.map(({ name }) => name), ["mcp__s__echo"])
    }))

  it.effect("its prompts are listed and filled in by tools that are there where a server has some", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.prompts = { greet: "Greet {who}.", part: "Say goodbye to {who}." }
      const script = inTurn(
        calls(
          call("1", "ListMcpPrompts", {}),
          call("2", "GetMcpPrompt", { server: "s", name: "greet", arguments: { who: "Ada" } })
        ),
        calls(call("3", "GetMcpPrompt", { server: "other", name: "greet" })),
        answer("done")
      )
      const { asked, told } = yield* live({ s: stub.inMemory() }, script, { policy: Policy.rules() })
      assert.deepStrictEqual(asked[0]!.tools.map(({ name }) => name), ["ListMcpPrompts", "GetMcpPrompt"])
      assert.include(told[1]!.at(-1), "\"name\":\"part\",\"arguments\":[{\"name\":\"who\",\"needed\":true}]")
      assert.include(told[1]!.at(-1), "Greet Ada.")
      assert.include(told[1]!.at(-1), "\"artifact\":\"image-2\"")
      assert.include(told[2]!.at(-1), "there is no MCP server \\\"other\\\" that has prompts; there is s")
    }))

  it.effect("a failure is told as one, structure as structure, and a picture is kept beside its step", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = {
        fail: { handle: () => ({ ...text("no such file"), isError: true }) },
        count: { handle: () => ({ ...text("{\"n\":1}"), structuredContent: { n: 1 } }) },
        draw: {
          handle: () => ({
            content: [
              { type: "image", data: Buffer.from("pixels").toString("base64"), mimeType: "image/png" },
              { type: "resource_link", uri: "memo:a", name: "a" }
            ]
          })
        }
      }
      const agent = Agent.make("clerk", { instructions: "", model: "m", mcp: ["s"], policy: Policy.open })
      const script = asking("mcp__s__fail", "mcp__s__count", "mcp__s__draw")
      yield* Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        yield* agent.run("go", { id: "1" })
        const told = (yield* Wire).map(said)
        assert.include(told[1]!.at(-1), "\"isFailure\":true")
        assert.include(told[1]!.at(-1), "no such file")
        assert.include(told[2]!.at(-1), "\"result\":{\"n\":1}")
        assert.include(told[3]!.at(-1), "\"artifact\":\"image-1\"")
        assert.include(told[3]!.at(-1), "\"uri\":\"memo:a\"")
        const kept = yield* (yield* Runs).artifacts(run)
        assert.deepStrictEqual(kept.map(({ bytes, mediaType, name }) => [name, mediaType, bytes]), [[
          "image-1",
          "image/png",
          6
        ]])
      }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, McpServers.layer({ s: stub.inMemory() })))))
    }))

  it.effect("M-107: its pictures are shown to a model that takes some, as they are by their bytes, and within what providers take", () =>
    Effect.gen(function*() {
      const photo = png(640, 480)
      const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
      const stub = new McpStub()
      stub.tools = {
        draw: {
          handle: () => ({
            content: [
              { type: "text", text: "drawn" },
              { type: "image", data: base64(photo), mimeType: "image/jpeg" },
              { type: "image", data: base64(png(9_000, 2)), mimeType: "image/png" },
              { type: "image", data: base64(photo.subarray(0, 40)), mimeType: "image/png" },
              { type: "image", data: base64(Buffer.from("<svg/>")), mimeType: "image/svg+xml" },
              { type: "resource", resource: { uri: "memo:b", blob: base64(png(2, 2)) } }
            ]
          })
        },
        fail: {
          handle: () => ({ content: [{ type: "image", data: base64(photo), mimeType: "image/png" }], isError: true })
        }
      }
      stub.pictures = { "memo:photo": base64(photo) }
      const told: Array<Prompt.ToolResultPart> = []
      const agent = Agent.make("clerk", { instructions: "", model: "m", mcp: ["s"], policy: Policy.open })
      const script: Scripted.Script = (request, turn) => {
        const last = request.prompt.content.at(-1)
        if (last?.role === "tool") {
          told.push(...last.content.flatMap((part) => part.type === "tool-result" ? [part] : []))
        }
        return [
          [Scripted.call("mcp__s__draw", {})],
          [Scripted.call("mcp__s__fail", {})],
          [Scripted.call("ReadMcpResource", { server: "s", uri: "memo:photo" })]
        ][turn] ?? "done"
      }
      const models = Models.layer([Scripted.provider(script, { name: "m", takesImages: true })])
      const layer = Layer.provide(agent.layer, [models, Chunks.layerMemory, McpServers.layer({ s: stub.inMemory() })])
      yield* Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        yield* agent.run("go", { id: "1" })
        const [drawn, failed, read] = told
        const result = String(drawn!.result)
        assert.include(result, "\"shown\":\"PNG picture of 640 x 480 pixels and 67 bytes\"")
        assert.include(result, "\"notShown\":\"it is a PNG picture of 9000 x 2 pixels")
        assert.include(result, "\"notShown\":\"it is no whole PNG picture")
        assert.include(result, "\"notShown\":\"it is no PNG, JPEG, GIF or WebP picture\"")
        const files = (part: Prompt.ToolResultPart) =>
          (part.modelOutput ?? []).flatMap((each) =>
            each.type === "file" ? [[each.mediaType, base64(each.data as Uint8Array)]] : []
          )
        assert.deepStrictEqual(files(drawn!), [["image/png", base64(photo)], ["image/png", base64(png(2, 2))]])
        assert.isTrue(failed!.isFailure)
        assert.deepStrictEqual(files(failed!), [])
        assert.deepStrictEqual(files(read!), [["image/png", base64(photo)]])
        const runs = yield* Runs
        const kept = yield* runs.artifacts(run)
        assert.deepStrictEqual(kept.map(({ mediaType, name }) => [name, mediaType]).slice(0, 5), [
          ["image-2", "image/png"],
          ["image-3", "image/png"],
          ["image-4", "image/png"],
          ["image-5", "image/svg+xml"],
          ["resource-6", "image/png"]
        ])
        assert.notInclude(JSON.stringify(yield* runs.journal(run)), base64(photo).slice(0, 40))
      }).pipe(Effect.provide(Layer.provideMerge(layer, Layer.provideMerge(Runs.layer, TestHost.layer))))
    }))

  it.effect("an agent that names a server which its process does not have fails, and says which there are", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      const { exit } = yield* live({ s: stub.inMemory() }, asking(), { mcp: ["files"] })
      assert.include(String(exit), "there is no MCP server \"files\" in this process; there is s")
    }))
})

describe("a run that is parked", () => {
  it.effect("M-177: fits when its server has changed meanwhile, asks it for no list again, and is told what is new", () =>
    Effect.gen(function*() {
      const stub = new McpStub()
      stub.tools = { echo, old: echo }
      const told: Array<string> = []
      const build = () => {
        const agent = Agent.make("clerk", { instructions: "", model: "demo", mcp: ["s"] })
        const script: Scripted.Script = (request, turn) => {
          told.push(JSON.stringify([request.tools.map(({ name }) => name), request.prompt.content]))
          return turn === 0 ? [Scripted.call("mcp__s__echo", { n: 1 })] : "done"
        }
        const models = Models.layer([Scripted.provider(script, { name: "demo" })])
        return {
          agent,
          layer: Layer.provide(agent.layer, [models, Chunks.layerMemory, McpServers.layer({ s: stub.inMemory() })])
        }
      }
      const crash = yield* CrashHost.make
      const first = build()
      const before = yield* crash.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      const questions = Effect.provide(Effect.flatMap(Runs, (runs) => runs.approvals()), Runs.layer)
      // The server answers when its promises do.
      while ((yield* before.use(questions)).length === 0) yield* before.settled
      assert.deepStrictEqual(stub.lists, 1)
      stub.tools = { echo, young: echo }
      const after = yield* crash.restart(before, build().layer)
      yield* after.settled
      // It is replayed without the server.
      assert.deepStrictEqual(stub.lists, 1)
      yield* after.use(Effect.provide(
        Effect.gen(function*() {
          const runs = yield* Runs
          const [question] = yield* runs.approvals()
          yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
        }),
        Runs.layer
      ))
      while ((yield* crash.run(run)).status !== "completed") {
        yield* after.settled
        const { status, waits } = yield* crash.run(run)
        if (status === "failed" || status === "suspended") {
          assert.fail(JSON.stringify([status, waits, yield* crash.story(run)]))
        }
      }
      assert.deepStrictEqual(stub.calls, ["echo"])
      const [asked, last] = told
      assert.include(asked, "[\"mcp__s__echo\",\"mcp__s__old\"]")
      assert.include(last, "[\"mcp__s__echo\",\"mcp__s__young\"]")
      assert.include(last, "there is now mcp__s__young; there is no more mcp__s__old")
    }))
})
