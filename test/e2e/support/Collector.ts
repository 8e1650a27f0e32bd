/** A collector of OpenTelemetry on loopback, which keeps what it was told by OTLP over HTTP with JSON. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

interface Value {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
  readonly arrayValue?: { readonly values: ReadonlyArray<Value> }
}

interface Sent {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Value }>
  readonly status: { readonly code: number; readonly message?: string }
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

/** A span as it came, with its attributes by name. */
export interface Told extends Omit<Sent, "attributes"> {
  readonly attributes: Readonly<Record<string, unknown>>
}

/** What was told until now. */
export interface Collector {
  readonly url: string
  /** Every body as it came, by the path that it came to. */
  readonly bodies: Array<
    { readonly path: string; readonly headers: Readonly<Record<string, unknown>>; readonly text: string }
  >
  readonly spans: () => ReadonlyArray<Told>
  /** Answers with this from now on; `silence` answers nothing. */
  answer: number | "silence"
}

/** Starts one, until the test ends. */
export const collector = async (): Promise<Collector> => {
  const bodies: Collector["bodies"] = []
  const self: Collector = {
    url: "",
    bodies,
    answer: 200,
    spans: () =>
      bodies.filter(({ path }) => path === "/v1/traces").flatMap(({ text }) =>
        (JSON.parse(text) as { resourceSpans: Array<{ scopeSpans: Array<{ spans: Array<Sent> }> }> }).resourceSpans
          .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
          .map((span) =>
            Object.assign(span, {
              attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, valueOf(value)]))
            })
          )
      )
  }
  const server: Server = createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      const { answer } = self
      if (answer === "silence") return
      if (answer === 200) {
        bodies.push({ path: request.url!, headers: request.headers, text: Buffer.concat(parts).toString("latin1") })
      }
      response.writeHead(answer, { "content-type": "application/json" }).end("{}")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return Object.assign(self, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

const valueOf = (value: Value): unknown =>
  value.arrayValue === undefined
    ? value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue)
    : value.arrayValue.values.map(valueOf)
