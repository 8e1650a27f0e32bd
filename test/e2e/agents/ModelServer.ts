/**
 * A server that speaks as Anthropic's does, in events of raw text, and keeps its
 * own books: what was asked under which key, what was answered to the end, and
 * how many tokens that was. What it says follows from what it is told alone, so
 * that it is the same for a process that was killed and for one that was not.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

type Block =
  | { readonly type: "text" | "thinking"; readonly text: string }
  | { readonly type: "tool_use"; readonly name: string; readonly input: object }

/** A call, as the server saw it. */
export interface Call {
  readonly who: string
  readonly key: string
  ended: boolean
  readonly tokens: number
}

const tokens = { input: 200, cached: 1_000, written: 50, output: 60 }
const all = tokens.input + tokens.cached + tokens.written + tokens.output

const text = (text: string): Block => ({ type: "text", text })
const use = (name: string, input: object): Block => ({ type: "tool_use", name, input })

/** What is known to have been done, and what of it a summary has to hold. */
const marks = ["saw 1", "it is charged", "wrote /boss", "the helper is done"] as const

const say = (who: string, body: string, isSummary: boolean): ReadonlyArray<Block> => {
  if (isSummary) return [text(`So far: ${marks.filter((mark) => body.includes(mark)).join(", ")}.`)]
  if (who === "helper") {
    return body.includes("wrote /helper")
      ? [text("Well, the helper is done.")]
      : [text("The helper begins."), use("Write", { path: "/helper" })]
  }
  const next = marks.findIndex((mark) => !body.includes(mark))
  switch (next) {
    case 0:
      return [
        { type: "thinking", text: "let me think about it, at some length" },
        text("I look at two things."),
        use("Look", { n: 1 }),
        use("Look", { n: 2 })
      ]
    case 1:
      return [use("Charge", { cents: 500 })]
    case 2:
      return [text("Now I write."), use("Write", { path: "/boss" })]
    case 3:
      return [use("helper", { prompt: "help me" })]
    default:
      return body.includes("cannot be used") ? [text("{\"done\":true}")] : [text("All of it is done, I should say.")]
  }
}

export class ModelServer {
  readonly calls: Array<Call> = []
  private readonly server: Server

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

  /** Tokens of the answers that were given to their end. */
  get billed(): number {
    return this.calls.filter(({ ended }) => ended).reduce((sum, { tokens }) => sum + tokens, 0)
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const chunk of request) body += String(chunk)
    const asked = JSON.parse(body) as {
      readonly system?: unknown
      readonly tools?: ReadonlyArray<unknown>
      readonly messages: unknown
      readonly model: string
    }
    const who = JSON.stringify(asked.system).includes("helper") ? "helper" : "boss"
    const isSummary = (asked.tools ?? []).length === 0
    const call: Call = {
      who: isSummary ? `${who} summary` : who,
      key: String(request.headers["idempotency-key"]),
      ended: false,
      tokens: all
    }
    this.calls.push(call)
    let open = true
    response.on("close", () => open = false)
    response.writeHead(200, { "content-type": "text/event-stream", "request-id": "req" })
    const event = async (type: string, data: object) => {
      if (!open) return
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
      await sleep(2)
    }
    const blocks = say(who, JSON.stringify(asked.messages), isSummary)
    await event("message_start", {
      message: {
        id: "msg",
        type: "message",
        role: "assistant",
        model: asked.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: {
          input_tokens: tokens.input,
          output_tokens: 1,
          cache_read_input_tokens: tokens.cached,
          cache_creation_input_tokens: tokens.written
        }
      }
    })
    for (const [index, block] of blocks.entries()) {
      await event("content_block_start", {
        index,
        content_block: block.type === "tool_use"
          ? { type: "tool_use", id: `toolu_${this.calls.length}_${index}`, name: block.name, input: {} }
          : block.type === "text"
          ? { type: "text", text: "" }
          : { type: "thinking", thinking: "", signature: "" }
      })
      if (block.type === "tool_use") {
        const json = JSON.stringify(block.input)
        for (let at = 0; at < json.length; at += 8) {
          await event("content_block_delta", {
            index,
            delta: { type: "input_json_delta", partial_json: json.slice(at, at + 8) }
          })
        }
      } else {
        for (const word of block.text.split(/(?<= )/)) {
          const delta = block.type === "text"
            ? { type: "text_delta", text: word }
            : { type: "thinking_delta", thinking: word }
          await event("content_block_delta", { index, delta })
        }
        if (block.type === "thinking") {
          await event("content_block_delta", { index, delta: { type: "signature_delta", signature: "signed" } })
        }
      }
      await event("content_block_stop", { index })
    }
    const reason = blocks.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn"
    await event("message_delta", {
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: tokens.output }
    })
    await event("message_stop", {})
    call.ended = open
    response.end()
  }
}
