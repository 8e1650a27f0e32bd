/** An MCP server on the SDK of the protocol, in memory or on loopback, that counts what is asked of it and changes when a test says so. */
import { McpServer } from "@fermata/agent"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js"
import { type EventStore, StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import {
  CallToolRequestSchema,
  type CallToolResult,
  type ClientCapabilities,
  GetPromptRequestSchema,
  type JSONRPCMessage,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  type Result,
  ResultSchema,
  type ServerNotification,
  type ServerRequest
} from "@modelcontextprotocol/sdk/types.js"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A tool of the stub. */
export interface StubTool {
  readonly description?: string
  readonly annotations?: { readonly readOnlyHint?: boolean; readonly idempotentHint?: boolean }
  readonly handle: (
    args: Record<string, unknown>,
    context: {
      readonly server: Server
      readonly signal: AbortSignal
      /** Asks the client within the call, as patiently as a timer can be. */
      readonly ask: (request: ServerRequest) => Promise<Result>
      /** Says something within the call. */
      readonly say: (notification: ServerNotification) => Promise<void>
      /** What progress of the call is told under. */
      readonly progressToken: string | number
    }
  ) => CallToolResult | Promise<CallToolResult>
}

/** An HTTP request as it came in. */
export interface Seen {
  readonly method: string
  readonly headers: IncomingMessage["headers"]
  readonly rpc: string | undefined
}

export const text = (text: string): CallToolResult => ({ content: [{ type: "text", text }] })

/** What a stub is, as a test changes it. */
export class McpStub {
  instructions = ""
  tools: Record<string, StubTool> = {}
  resources: Record<string, string> = {}
  /** Resources that are pictures, in base64. */
  pictures: Record<string, string> = {}
  /** What each says, with `{who}` for what it takes. */
  prompts: Record<string, string> = {}
  /** How many requests over HTTP are answered with 401 from now on. */
  unauthorized = 0
  /** Who is let in over HTTP, and who lets in; everybody where there is none. */
  guard: { readonly lets: (authorization: string | undefined) => boolean; readonly issuer: string } | undefined
  /** Answers by JSON instead of a stream. */
  json = false
  readonly calls: Array<string> = []
  /** The `traceparent` of each call. */
  readonly traceparents: Array<unknown> = []
  /** How often it was asked which tools it has. */
  lists = 0
  readonly seen: Array<Seen> = []
  readonly clients: Array<ClientCapabilities | undefined> = []
  readonly servers: Array<Server> = []
  private readonly sessions = new Map<string, StreamableHTTPServerTransport | SSEServerTransport>()

  /** A server for one connection. */
  private server(): Server {
    const server = new Server({ name: "stub", version: "1" }, {
      capabilities: {
        tools: { listChanged: true },
        logging: {},
        ...(Object.keys(this.prompts).length === 0 ? {} : { prompts: {} }),
        ...(Object.keys({ ...this.resources, ...this.pictures }).length === 0 ? {} : { resources: {} })
      },
      instructions: this.instructions
    })
    this.servers.push(server)
    server.oninitialized = () => void this.clients.push(server.getClientCapabilities())
    server.setRequestHandler(ListToolsRequestSchema, () => {
      this.lists++
      return {
        tools: Object.entries(this.tools).map(([name, { annotations, description }]) => ({
          name,
          description,
          annotations,
          inputSchema: { type: "object" as const }
        }))
      }
    })
    server.setRequestHandler(
      CallToolRequestSchema,
      ({ params: { _meta, arguments: args = {}, name } }, { sendNotification: say, sendRequest, signal }) => {
        this.calls.push(name)
        this.traceparents.push(_meta?.["traceparent"])
        const ask = (request: ServerRequest) => sendRequest(request, ResultSchema, { timeout: 2 ** 31 - 1 })
        const progressToken = _meta?.progressToken ?? ""
        return this.tools[name]!.handle(args, { server, signal, ask, say, progressToken })
      }
    )
    if (Object.keys(this.prompts).length > 0) {
      server.setRequestHandler(ListPromptsRequestSchema, () => ({
        prompts: Object.keys(this.prompts).map((name) => ({ name, arguments: [{ name: "who", required: true }] }))
      }))
      server.setRequestHandler(GetPromptRequestSchema, ({ params: { arguments: args = {}, name } }) => ({
        messages: [
          { role: "user", content: { type: "text", text: this.prompts[name]!.replace("{who}", args["who"] ?? "") } },
          { role: "assistant", content: { type: "image", data: "cGl4ZWxz", mimeType: "image/png" } }
        ]
      }))
    }
    if (Object.keys({ ...this.resources, ...this.pictures }).length > 0) {
      server.setRequestHandler(ListResourcesRequestSchema, () => ({
        resources: Object.keys(this.resources).map((uri) => ({ uri, name: uri, mimeType: "text/plain" }))
      }))
      server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => ({
        contents: [
          this.pictures[uri] === undefined ? { uri, text: this.resources[uri]! } : { uri, blob: this.pictures[uri] }
        ]
      }))
    }
    return server
  }

  /** The stub in this process. */
  inMemory(limits: McpServer.Limits = {}): McpServer.McpServer {
    return {
      ...limits,
      where: "memory",
      secrets: [],
      line: () =>
        Effect.promise(async () => {
          const [ours, theirs] = InMemoryTransport.createLinkedPair()
          await this.server().connect(theirs)
          return { transport: ours, begin: Effect.void, lastWords: () => "", kill: () => undefined }
        })
    }
  }

  /** The stub on loopback, until the scope ends: at `/mcp` streamable HTTP, at `/sse` what was before it. Gives its origin. */
  readonly listenOn = (port: number): Effect.Effect<string, never, Scope.Scope> =>
    Effect.map(
      Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const http = createServer((request, response) => void this.answer(request, response))
          http.listen(port, "127.0.0.1", () => resume(Effect.succeed(http)))
        }),
        (http) =>
          Effect.callback<void>((resume) => {
            http.close(() => resume(Effect.void))
            http.closeAllConnections()
          })
      ),
      (http) => `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    )

  /** The same, on a port that is free. */
  readonly listen: Effect.Effect<string, never, Scope.Scope> = this.listenOn(0)

  /** Forgets all sessions, as a server does that was started again. */
  forget(): void {
    this.sessions.clear()
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const chunk of request) body += String(chunk)
    const message = body === "" ? undefined : JSON.parse(body) as { readonly method?: string }
    this.seen.push({ method: request.method ?? "", headers: request.headers, rpc: message?.method })
    if (this.unauthorized > 0) {
      this.unauthorized--
      return void response.writeHead(401).end()
    }
    const { origin, pathname, searchParams } = new URL(request.url ?? "/", `http://${request.headers.host}`)
    const metadata = "/.well-known/oauth-protected-resource"
    if (this.guard !== undefined && pathname.startsWith(metadata)) {
      const about = { resource: `${origin}/mcp`, authorization_servers: [this.guard.issuer] }
      return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(about))
    }
    if (this.guard?.lets(request.headers.authorization) === false) {
      const where = `Bearer resource_metadata="${origin}${metadata}/mcp"`
      return void response.writeHead(401, { "www-authenticate": where }).end()
    }
    const id = request.headers["mcp-session-id"]?.toString() ?? searchParams.get("sessionId") ?? undefined
    const known = id === undefined ? undefined : this.sessions.get(id)
    if (known instanceof SSEServerTransport) return known.handlePostMessage(request, response, message)
    if (known !== undefined) return known.handleRequest(request, response, message)
    if (pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response)
      this.sessions.set(transport.sessionId, transport)
      return this.server().connect(transport)
    }
    if (id !== undefined) return void response.writeHead(404).end()
    if (pathname === "/stateless") {
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
      await this.server().connect(transport as Parameters<Server["connect"]>[0])
      return transport.handleRequest(request, response, message)
    }
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => `session-${this.servers.length}`,
      eventStore: new Events(),
      onsessioninitialized: (session) => void this.sessions.set(session, transport)
    })
    await this.server().connect(transport as Parameters<Server["connect"]>[0])
    return transport.handleRequest(request, response, message)
  }
}

/** What a stream has said, so that another connection is told the rest. */
class Events implements EventStore {
  private readonly all: Array<{ readonly stream: string; readonly message: JSONRPCMessage }> = []

  storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    this.all.push({ stream, message })
    return Promise.resolve(String(this.all.length - 1))
  }

  async replayEventsAfter(
    last: string,
    { send }: { readonly send: (id: string, message: JSONRPCMessage) => Promise<void> }
  ): Promise<string> {
    const { stream } = this.all[Number(last)]!
    const rest = this.all.map((event, id) => ({ ...event, id })).filter((event) =>
      event.stream === stream && event.id > Number(last)
    )
    await rest.reduce((sent, { id, message }) => sent.then(() => send(String(id), message)), Promise.resolve())
    return stream
  }
}
