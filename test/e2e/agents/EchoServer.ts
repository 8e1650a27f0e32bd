/**
 * Two providers of models and a service, on loopback, that say back whatever they
 * were sent to authenticate with: in what a model says and thinks, in the calls
 * that it wants, in errors, in headers and in bodies, and in every form in which
 * servers write things.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A text in the forms in which servers give it back. */
export const formsOf = (text: string): ReadonlyArray<string> => {
  const json = JSON.stringify(text).slice(1, -1)
  const bytes = Buffer.from(text)
  return [
    text,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(text),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    // Behind a name, as in the header `Basic`: what is the same wherever it stands.
    Buffer.concat([Buffer.from("me:"), bytes]).toString("base64").slice(4).replace(/=+$/, "").slice(0, -1)
  ]
}

/** All of them in one sentence. */
const echoOf = (text: string): string =>
  `You sent ${text}, Bearer ${text}, Basic ${Buffer.from(`me:${text}`).toString("base64")}, ${
    JSON.stringify({ header: text })
  }, ${JSON.stringify(JSON.stringify({ header: text }))}, https://a.test/?key=${encodeURIComponent(text)}, ${
    Buffer.from(text).toString("base64")
  }, ${Buffer.from(text).toString("base64url")}.`

const pieces = (text: string, size: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))

interface Call {
  readonly name: string
  readonly input: object
}

const each = (name: string, from: number, to: number): ReadonlyArray<Call> =>
  Array.from({ length: to - from }, (_, index) => ({ name, input: { n: from + index } }))

/** What the boss wants called, turn by turn; nothing in the end. */
const bossCalls = (turn: number, key: string): ReadonlyArray<Call> =>
  [
    [
      ...each("Echo", 0, 30),
      ...Array.from({ length: 10 }, (_, n) => ({
        name: "ApiCall",
        input: { service: `service-${30 + n}`, method: "GET", path: "/echo" }
      }))
    ],
    [...each("Fail", 40, 60), ...each("Die", 60, 70), ...each("Inside", 70, 80)],
    [{ name: "Send", input: { text: echoOf(key) } }],
    [{ name: "helper", input: { prompt: `Help me. ${echoOf(key)}` } }]
  ][turn] ?? []

export class EchoServer {
  /** What came in as a secret, at any of the three. */
  readonly told = new Set<string>()
  private readonly server: Server
  private overloaded = true
  private broken = true

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  close(): Promise<void> {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const chunk of request) body += String(chunk)
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://loopback")
    if (pathname === "/echo") return this.service(response, searchParams, body)
    if (pathname === "/api/echo") return this.asked(response, request.headers)
    const key = String(request.headers["x-api-key"] ?? String(request.headers.authorization).replace(/^Bearer /, ""))
    const team = request.headers["x-team"]
    if (typeof team === "string") this.told.add(team)
    this.told.add(key)
    const messages = (JSON.parse(body) as { readonly messages: ReadonlyArray<{ readonly role: string }> }).messages
    const turn = messages.filter(({ role }) => role === "assistant").length
    if (pathname.endsWith("/messages")) this.anthropic(response, turn, key, String(team))
    else this.openai(response, turn, key)
  }

  /** Says what it was told, and fails where it is asked to. */
  private service(response: ServerResponse, query: URLSearchParams, body: string): void {
    const { secret } = JSON.parse(body) as { readonly secret: string }
    this.told.add(secret)
    response.writeHead(query.get("status") === null ? 200 : 500, { "content-type": "text/plain" })
    response.end(echoOf(secret))
  }

  /** Says to whoever asks as a service is asked what they were let in with. */
  private asked(
    response: ServerResponse,
    { authorization = "", "x-secret": header }: IncomingMessage["headers"]
  ): void {
    const [scheme, said = ""] = authorization.split(" ")
    const text = scheme === "Basic" ? Buffer.from(said, "base64").toString().split(":").at(-1)! : String(header)
    this.told.add(text)
    response.writeHead(200, { "content-type": "text/plain", etag: encodeURIComponent(text) })
    response.end(`${echoOf(text)} ${authorization} ${said}`)
  }

  private anthropic(response: ServerResponse, turn: number, key: string, team: string): void {
    if (this.overloaded) {
      this.overloaded = false
      response.writeHead(529, { "content-type": "application/json", "retry-after-ms": "1", "request-id": key })
      response.end(JSON.stringify({ type: "error", error: { type: "overloaded_error", message: echoOf(key) } }))
      return
    }
    response.writeHead(200, { "content-type": "text/event-stream", "request-id": key })
    const event = (type: string, data: object) =>
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
    event("message_start", {
      message: {
        id: "msg",
        type: "message",
        role: "assistant",
        model: "claude-opus-5-5",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }
      }
    })
    let index = 0
    const block = (begin: object, deltas: ReadonlyArray<object>) => {
      event("content_block_start", { index, content_block: begin })
      for (const delta of deltas) {
        event("content_block_delta", { index, delta })
        event("ping", {})
      }
      event("content_block_stop", { index: index++ })
    }
    block({ type: "thinking", thinking: "", signature: "" }, [
      ...pieces(`I was sent something: ${echoOf(team)}`, 5).map((thinking) => ({ type: "thinking_delta", thinking })),
      { type: "signature_delta", signature: "signed" }
    ])
    block({ type: "text", text: "" }, pieces(echoOf(key), 7).map((text) => ({ type: "text_delta", text })))
    const calls = bossCalls(turn, key)
    for (const [at, { input, name }] of calls.entries()) {
      block(
        { type: "tool_use", id: `toolu_${turn}_${at}`, name, input: {} },
        pieces(JSON.stringify(input), 9).map((partial_json) => ({ type: "input_json_delta", partial_json }))
      )
    }
    event("message_delta", {
      delta: { stop_reason: calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: 5 }
    })
    event("message_stop", {})
    response.end()
  }

  private openai(response: ServerResponse, turn: number, key: string): void {
    response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": key })
    const chunk = (data: object) =>
      response.write(
        `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "local", ...data })}\n\n`
      )
    const delta = (delta: object, finish_reason: string | null = null) =>
      chunk({ choices: [{ index: 0, delta, finish_reason }] })
    for (const reasoning_content of pieces(echoOf(key), 6)) delta({ reasoning_content })
    for (const content of pieces(echoOf(key), 11)) delta({ role: "assistant", content })
    if (turn === 1 && this.broken) {
      this.broken = false
      chunk({ error: { message: echoOf(key), type: "server_error" } })
      response.end()
      return
    }
    const calls = turn === 0 ? [...each("Echo", 80, 90), ...each("Echo", 91, 98)] : []
    for (const [index, { input, name }] of calls.entries()) {
      delta({
        tool_calls: [{
          index,
          id: `call_${index}`,
          type: "function",
          function: { name, arguments: JSON.stringify(input) }
        }]
      })
    }
    delta({}, calls.length > 0 ? "tool_calls" : "stop")
    chunk({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })
    response.end("data: [DONE]\n\n")
  }
}
