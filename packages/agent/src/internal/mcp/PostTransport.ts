/** The protocol by single POSTs, each answered by JSON: nothing is kept open, and the server says nothing by itself. */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"

/** A transport that only posts. */
export class PostTransport implements Transport {
  private readonly url: URL
  private readonly fetch: typeof globalThis.fetch
  private readonly ended = new AbortController()
  private protocol: string | undefined
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void

  constructor(url: URL, fetch: typeof globalThis.fetch) {
    this.url = url
    this.fetch = fetch
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const response = await this.fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // A server that speaks streamable HTTP refuses whoever does not say both.
        accept: "application/json, text/event-stream",
        ...(this.protocol === undefined ? {} : { "mcp-protocol-version": this.protocol })
      },
      body: JSON.stringify(message),
      signal: this.ended.signal
    })
    const isAnswer = response.ok && response.headers.get("content-type")?.startsWith("application/json") === true
    if (!isAnswer) await response.body?.cancel()
    if (!response.ok) throw new Error(`it answered with status ${response.status}`)
    if (isAnswer) return this.onmessage?.(await response.json() as JSONRPCMessage)
    if ("id" in message && "method" in message) {
      throw new Error(
        `it answered with ${response.headers.get("content-type") ?? "nothing"} instead of application/json`
      )
    }
  }

  close(): Promise<void> {
    this.ended.abort()
    this.onclose?.()
    return Promise.resolve()
  }

  setProtocolVersion(version: string): void {
    this.protocol = version
  }
}
