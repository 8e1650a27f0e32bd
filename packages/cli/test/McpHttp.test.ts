/** The MCP server over HTTP and over stdio, as clients on this machine reach it. */
import { assert, describe, it } from "@effect/vitest"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect } from "effect"
import { request } from "node:http"
import { fileURLToPath } from "node:url"
import * as Http from "../src/mcp/Http.ts"
import { around, server } from "./support/McpPlace.ts"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/offered.config.ts", import.meta.url))

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
})

/** A request with these headers, also such as `fetch` does not send. */
const send = (
  address: string,
  headers: Readonly<Record<string, string>>,
  { body = initialize, method = "POST", path = "/mcp" } = {}
) =>
  Effect.callback<{ readonly status: number | undefined; readonly session: unknown }>((resume) => {
    const sent = request(new URL(path, address), {
      method,
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers
      }
    }, (response) => {
      resume(Effect.succeed({ status: response.statusCode, session: response.headers["mcp-session-id"] }))
      response.destroy()
    })
    sent.end(method === "POST" ? body : undefined)
  })

/** The answer to a request as it comes, up to where it holds these words; then it is let go of. */
const heard = (address: string, headers: Readonly<Record<string, string>>, words: string, body?: object) =>
  Effect.callback<string>((resume) => {
    const sent = request(address, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "content-type": "application/json",
        accept: body === undefined ? "text/event-stream" : "application/json, text/event-stream",
        ...headers
      }
    }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
        if (!text.includes(words)) return
        resume(Effect.succeed(text))
        response.destroy()
      }).on("error", () => {})
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

const connected = (address: string, token?: string) =>
  Effect.suspend(() => {
    const transport = new StreamableHTTPClientTransport(new URL(address), {
      requestInit: { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }
    })
    return Effect.map(
      around(transport as never, () => ({ action: "accept", content: { decision: "deny" } })),
      (client) => ({
        ...client,
        transport
      })
    )
  })

describe("N-63: over streamable HTTP", () => {
  it.live("clients have sessions of their own, with progress, questions and changes", () =>
    Effect.gen(function*() {
      const address = yield* Http.serve(yield* server("boss"), { port: 0, token: undefined })
      assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
      const one = yield* connected(address)
      const two = yield* connected(address)
      assert.notStrictEqual(one.transport.sessionId, two.transport.sessionId)
      const { runId } = yield* one.call("Greet", { name: "Ada" })
      assert.include(one.progress.join("\n"), "record")
      assert.deepInclude(yield* one.call("Refund", { order: "1", cents: 5 }), { status: "failed" })
      yield* two.changes(1)
      assert.strictEqual(two.changed[0], "list")
      assert.deepInclude(yield* two.call("fermata_run_wait", { run: runId }), { status: "completed" })
      yield* Effect.promise(() => one.transport.terminateSession())
      const gone = yield* send(address, { "mcp-session-id": String(two.transport.sessionId) }, { method: "DELETE" })
      assert.strictEqual(gone.status, 200)
      const after = yield* send(address, { "mcp-session-id": String(two.transport.sessionId) })
      assert.strictEqual(after.status, 404)
    }))

  it.live("a page of another origin is not answered, nor one that reaches here by a name of its own", () =>
    Effect.gen(function*() {
      const address = yield* Http.serve(yield* server("ada"), { port: 0, token: undefined })
      const { port } = new URL(address)
      const statuses = yield* Effect.forEach([
        { host: "evil.example" },
        { host: `evil.example:${port}` },
        { host: `127.0.0.1.evil.example:${port}` },
        { host: `localhost:${port}`, origin: "https://evil.example" },
        { host: `localhost:${port}`, origin: "null" },
        { host: `localhost:${port}`, origin: `http://localhost:${port}` },
        { host: `127.0.0.1:${port}` }
      ], (headers) => send(address, headers))
      assert.deepStrictEqual(statuses.map(({ status }) => status), [403, 403, 403, 403, 403, 200, 200])
    }))

  it.live("answers what it knows alone: the token, the path, the method, the session", () =>
    Effect.gen(function*() {
      const address = yield* Http.serve(yield* server("ada"), { port: 0, token: "open sesame" })
      const authorization = "Bearer open sesame"
      const statuses = yield* Effect.all([
        send(address, {}),
        send(address, { authorization: "Bearer open sesamf" }),
        send(address, { authorization }),
        send(address, { authorization }, { path: "/" }),
        send(address, { authorization }, { method: "PUT" }),
        send(address, { authorization }, { body: "{" }),
        send(address, { authorization, "mcp-session-id": "nobody's" })
      ])
      assert.deepStrictEqual(statuses.map(({ status }) => status), [401, 401, 200, 404, 405, 400, 404])
      assert.deepInclude(yield* (yield* connected(address, "open sesame")).call("Greet", { name: "Bob" }), {
        status: "completed"
      })
    }))

  it.live("a client that has lost the stream of a call gets the answer by another", () =>
    Effect.gen(function*() {
      const address = yield* Http.serve(yield* server("ada"), { port: 0, token: undefined })
      const { session } = yield* send(address, {})
      const headers = { "mcp-session-id": String(session), "mcp-protocol-version": "2025-11-25" }
      yield* send(address, headers, { body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }) })
      const call = {
        jsonrpc: "2.0",
        id: 2,
        method: "tools/call",
        params: { name: "Shop", arguments: { id: "1", _key: "k" } }
      }
      const begun = yield* heard(address, headers, "id: ", call)
      const id = /id: (\S+)/.exec(begun)![1]!
      const other = yield* connected(address)
      const { runId } = yield* other.call("Shop", { id: "1", _key: "k" })
      yield* other.raw("fermata_run_signal", { run: runId, name: "paid", data: { cents: 12 } })
      const answered = yield* heard(address, { ...headers, "last-event-id": id }, "\"result\"")
      assert.include(answered, "\"id\":2")
      assert.include(answered, runId)
    }))

  it.live("the oldest session makes room for one more", () =>
    Effect.gen(function*() {
      const address = yield* Http.serve(yield* server("ada"), { port: 0, token: undefined })
      const sessions = yield* Effect.forEach(Array.from({ length: 101 }), () => send(address, {}))
      const known = yield* Effect.forEach(
        [sessions[0]!, sessions[1]!, sessions[100]!],
        ({ session }) => send(address, { "mcp-session-id": String(session) }, { method: "DELETE" })
      )
      assert.deepStrictEqual(known.map(({ status }) => status), [404, 200, 200])
    }))

  it.live("a port that is taken is told in a sentence", () =>
    Effect.gen(function*() {
      const shared = yield* server("ada")
      const port = Number(new URL(yield* Http.serve(shared, { port: 0, token: undefined })).port)
      const failure = yield* Effect.flip(Http.serve(shared, { port, token: undefined }))
      assert.match(failure.message, new RegExp(`^--port ${port} cannot be listened on: `))
    }))

  it("a port that is none, and a wait that is too short, are mistakes", async () => {
    const project = new Project()
    const none = await project.fermata("mcp", "--port", "70000")
    assert.strictEqual(none.code, 2)
    assert.include(none.stderr, "70000 is not from 0 to 65535")
    const wait = await project.fermata("mcp", "--wait", "-1")
    assert.strictEqual(wait.code, 2)
  })
})

describe("N-63: over stdio", () => {
  it("stdout has the protocol alone, and the end of stdin is the end", async () => {
    const project = new Project()
    const { code, stderr, stdout } = await project.type(["mcp", "--config", config], { stdin: `${initialize}\n` })
    assert.strictEqual(code, 0, stderr)
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as { readonly id: number })
    assert.deepStrictEqual(lines.map(({ id }) => id), [1])
    assert.include(stderr, "serves Fail, Greet, Keep, Leak, Long, Refund, Shop")
    // Who started it is not who calls, unless that is said.
    assert.match(stderr, /, as mcp$/m)
    assert.notInclude(stderr, "as tester")
    assert.include(stderr, "team.writer is no tool here: ")
  })
})
