/**
 * The Messages API of Anthropic on loopback, byte for byte as a script says: whole
 * answers, and every fault that a network and a provider know. It keeps its own
 * tally of what it would have billed, against which a program's books are held.
 */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A block of an answer. */
export type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | { readonly type: "redacted_thinking"; readonly data: string }
  /** `json` in place of the input: arguments as they are to be sent, whole or not. */
  | {
    readonly type: "tool_use"
    readonly id: string
    readonly name: string
    readonly input?: unknown
    readonly json?: string
  }
  | { readonly type: "server_tool_use"; readonly id: string; readonly name: string; readonly input: unknown }
  | { readonly type: `${string}_tool_result`; readonly tool_use_id: string; readonly content: unknown }

/** Tokens that an answer is billed for. */
export interface Usage {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_input_tokens?: number
  readonly cache_creation_input_tokens?: number
}

/** An answer that begins with status 200. */
export interface Answer {
  readonly blocks: ReadonlyArray<Block>
  /** By default `tool_use` where there are calls, else `end_turn`. */
  readonly stop?: string | null
  readonly stopDetails?: unknown
  readonly usage?: Usage
  /** Comes after so many events, in place of the rest. */
  readonly after?: number
  readonly fault?:
    /** The stream ends as if it were over. */
    | "end"
    /** The connection is torn down. */
    | "cut"
    /** A line that is no JSON. */
    | "garbage"
    /** Nothing more comes, and the connection stays. */
    | "hang"
    /** An event of the type `error`. */
    | { readonly type: string; readonly message: string }
  /** A `ping` and an event of an unknown type come before each event. */
  readonly pings?: boolean
  /** ms before each event. */
  readonly pauseMs?: number
}

/** An answer that is none. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What one request is answered with; `hang`: nothing at all; `reset`: the connection is torn down. */
export type Reply = Answer | Refusal | "hang" | "reset"

/** A request as it came. */
export interface Received {
  readonly path: string
  readonly key: string | undefined
  readonly headers: IncomingMessage["headers"]
  /** The bytes of the body. */
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
  readonly body: any
  /** From 0, over all requests. */
  readonly n: number
  /** Whether the caller gave up before the answer was whole. */
  aborted: boolean
}

/** What the provider would bill: every answer that began. */
export interface Tally {
  answers: number
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
  /** Requests by idempotency key. */
  readonly byKey: Map<string, number>
}

/** The server, and what it saw. */
export interface SseServer {
  readonly url: string
  readonly requests: ReadonlyArray<Received>
  readonly tally: Tally
  /** What each request is answered with from now on; a list is used up from its front, and its last stays. */
  readonly reply: (replies: ((request: Received) => Reply) | ReadonlyArray<Reply>) => void
  /** When the request with this number has come. */
  readonly came: (n: number) => Effect.Effect<Received>
  /** When the caller of this request has given up. */
  readonly gaveUp: (n: number) => Effect.Effect<void>
}

/** Text alone. */
export const text = (text: string): Block => ({ type: "text", text })
/** A call with whole arguments. */
export const call = (id: string, name: string, input: unknown): Block => ({ type: "tool_use", id, name, input })

const defaultUsage: Usage = {
  input_tokens: 100,
  output_tokens: 20,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0
}

interface Event {
  readonly type: string
  readonly [key: string]: unknown
}

/** The events of a whole answer. */
export const eventsOf = (answer: Answer, model: string, n: number): ReadonlyArray<Event> => {
  const usage = { ...defaultUsage, ...answer.usage }
  const hasCalls = answer.blocks.some(({ type }) => type === "tool_use")
  return [
    {
      type: "message_start",
      message: {
        id: `msg_${n}`,
        type: "message",
        role: "assistant",
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...usage, output_tokens: 1 }
      }
    },
    ...answer.blocks.flatMap((block, index): ReadonlyArray<Event> => [
      { type: "content_block_start", index, content_block: emptied(block) },
      ...deltas(block).map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index }
    ]),
    {
      type: "message_delta",
      delta: {
        stop_reason: answer.stop === undefined ? hasCalls ? "tool_use" : "end_turn" : answer.stop,
        stop_sequence: null,
        ...(answer.stopDetails === undefined ? {} : { stop_details: answer.stopDetails })
      },
      usage: { output_tokens: usage.output_tokens }
    },
    { type: "message_stop" }
  ]
}

const emptied = (block: Block): unknown => {
  switch (block.type) {
    case "text":
      return { type: "text", text: "" }
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" }
    case "tool_use":
      return { type: "tool_use", id: block.id, name: block.name, input: {} }
    case "server_tool_use":
      return { type: "server_tool_use", id: block.id, name: block.name, input: {} }
    default:
      return block
  }
}

const pieces = (text: string, size: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))

const deltas = (block: Block): ReadonlyArray<unknown> => {
  switch (block.type) {
    case "text":
      return pieces(block.text, 12).map((text) => ({ type: "text_delta", text }))
    case "thinking":
      return [
        ...pieces(block.thinking, 12).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: block.signature }
      ]
    case "tool_use":
      return pieces(block.json ?? JSON.stringify(block.input), 8)
        .map((partial_json) => ({ type: "input_json_delta", partial_json }))
    case "server_tool_use":
      return pieces(JSON.stringify((block as { readonly input: unknown }).input), 8)
        .map((partial_json) => ({ type: "input_json_delta", partial_json }))
    default:
      return []
  }
}

/** Starts a server on a free port of loopback; it is gone with the scope. */
export const make: Effect.Effect<SseServer, never, Scope.Scope> = Effect.gen(function*() {
  const requests: Array<Received> = []
  const tally: Tally = {
    answers: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    byKey: new Map()
  }
  const watchers = new Set<() => void>()
  const changed = () => [...watchers].forEach((watch) => watch())
  let replyTo: (request: Received) => Reply = () => ({ blocks: [text("ok")] })

  const handle = (request: IncomingMessage, response: ServerResponse, body: string) => {
    const key = request.headers["idempotency-key"]
    const received: Received = {
      path: request.url ?? "",
      key: typeof key === "string" ? key : undefined,
      headers: request.headers,
      text: body,
      body: JSON.parse(body) as unknown,
      n: requests.length,
      aborted: false
    }
    requests.push(received)
    if (received.key !== undefined) tally.byKey.set(received.key, (tally.byKey.get(received.key) ?? 0) + 1)
    response.on("close", () => {
      if (!response.writableFinished) received.aborted = true
      changed()
    })
    changed()
    if (received.path.startsWith("/v1/messages/count_tokens")) {
      return void response.writeHead(200, { "content-type": "application/json" }).end(
        JSON.stringify({ input_tokens: Math.ceil(body.length / 4) })
      )
    }
    const reply = replyTo(received)
    if (reply === "hang") return
    if (reply === "reset") return void request.socket.destroy()
    if ("status" in reply) {
      response.writeHead(reply.status, {
        "content-type": "application/json",
        "request-id": `req_${received.n}`,
        ...reply.headers
      })
      return void response.end(JSON.stringify({ type: "error", error: { type: reply.type, message: reply.message } }))
    }
    void send(response, received, reply)
  }

  const send = async (response: ServerResponse, received: Received, answer: Answer) => {
    const usage = { ...defaultUsage, ...answer.usage }
    tally.answers += 1
    tally.inputTokens += usage.input_tokens
    tally.outputTokens += usage.output_tokens
    tally.cacheReadTokens += usage.cache_read_input_tokens ?? 0
    tally.cacheWriteTokens += usage.cache_creation_input_tokens ?? 0
    response.writeHead(200, { "content-type": "text/event-stream", "request-id": `req_${received.n}` })
    const events = eventsOf(answer, String(received.body.model), received.n)
    const write = (type: string, data: string) =>
      new Promise<void>((resolve) => response.write(`event: ${type}\ndata: ${data}\n\n`, () => resolve()))
    for (const event of answer.fault === undefined ? events : events.slice(0, answer.after ?? events.length - 1)) {
      if (answer.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.pauseMs))
      if (received.aborted) return
      if (answer.pings === true) {
        await write("ping", `{"type":"ping"}`)
        await write("something_new", `{"type":"something_new","index":99}`)
      }
      await write(event.type, JSON.stringify(event))
    }
    const { fault } = answer
    if (fault === "hang") return
    if (fault === "cut") return void response.socket?.destroy()
    if (fault === "garbage") await write("content_block_delta", `{"type":"content_block_delta","index":0,`)
    if (typeof fault === "object") await write("error", JSON.stringify({ type: "error", error: fault }))
    response.end()
  }

  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (data: string) => body += data).on(
      "end",
      () => handle(request, response, body)
    )
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
    () =>
      Effect.promise(() =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        })
      )
  )
  const when = (holds: () => boolean): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const watch = () => {
        if (!holds()) return
        watchers.delete(watch)
        resume(Effect.void)
      }
      watchers.add(watch)
      watch()
    })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tally,
    reply: (replies) => {
      if (typeof replies === "function") return void (replyTo = replies)
      let at = 0
      replyTo = () => replies[Math.min(at++, replies.length - 1)]!
    },
    came: (n) => Effect.map(when(() => requests.length > n), () => requests[n]!),
    gaveUp: (n) => when(() => requests[n]?.aborted === true)
  }
})
