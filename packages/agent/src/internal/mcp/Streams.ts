/**
 * The streams of a server over streamable HTTP. Each call has one of its own, and
 * what a server asks on it belongs to that call; the client of the protocol does
 * not tell on which a message came, nor that one has ended without its answer.
 */
import type { CallStreams } from "../../mcp/McpServer.ts"

type Id = string | number

/** The streams of one connection. */
export class Streams implements CallStreams {
  onBroken: ((call: Id) => void) | undefined
  private readonly calls = new Map<Id, Id>()
  /** The last event of the stream of each call. */
  private readonly events = new Map<Id, string>()

  callOf(asked: Id): Id | undefined {
    return this.calls.get(asked)
  }

  /** Listens to the answers of what asks. */
  around(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return async (input, init) => {
      const response = await fetch(input, init)
      const call = this.callFor(init)
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
      if (call === undefined || !isStream || response.body === null) return response
      const { headers, status, statusText } = response
      return new Response(this.heard(response.body, call), { headers, status, statusText })
    }
  }

  private callFor(init: RequestInit | undefined): Id | undefined {
    if (init?.method === "POST" && typeof init.body === "string") {
      const { id, method } = read(init.body)
      return method === "tools/call" ? id : undefined
    }
    const last = new Headers(init?.headers).get("last-event-id")
    return last === null ? undefined : this.events.entries().find(([, event]) => event === last)?.[0]
  }

  private heard(body: ReadableStream<Uint8Array>, call: Id): ReadableStream<Uint8Array> {
    const reader = body.getReader()
    const decoder = new TextDecoder()
    let rest = ""
    let isAnswered = false
    const line = (text: string) => {
      if (text.startsWith("id:")) this.events.set(call, text.slice(3).trim())
      if (!text.startsWith("data:")) return
      const { id, method } = read(text.slice(5))
      if (id === undefined) return
      if (method !== undefined) return void this.calls.set(id, call)
      isAnswered ||= id === call
    }
    const ended = () => {
      if (!isAnswered && this.events.has(call)) return
      if (isAnswered) this.forget(call)
      else this.onBroken?.(call)
    }
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (done) {
            ended()
            return controller.close()
          }
          const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r/)
          rest = lines.pop() ?? ""
          for (const each of lines) line(each)
          controller.enqueue(value)
        } catch (error) {
          ended()
          controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason)
    })
  }

  private forget(call: Id): void {
    this.events.delete(call)
    for (const [asked, of] of this.calls) if (of === call) this.calls.delete(asked)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const read = (text: string): { readonly id?: Id; readonly method?: string } => {
  try {
    const { id, method } = JSON.parse(text) as { readonly id?: unknown; readonly method?: unknown }
    return {
      ...(typeof id === "string" || typeof id === "number" ? { id } : {}),
      ...(typeof method === "string" ? { method } : {})
    }
  } catch {
    return {}
  }
}
