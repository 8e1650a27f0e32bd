/** A collector of OpenTelemetry on loopback, which keeps what it was told by OTLP over HTTP, with JSON or protobuf. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"
import * as OtlpProtobuf from "./OtlpProtobuf.ts"

interface Value {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
  readonly arrayValue?: { readonly values: ReadonlyArray<Value> }
}

interface Attributed {
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Value }>
}

interface SentSpan extends Attributed {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code: number; readonly message?: string }
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

interface SentRecord extends Attributed {
  readonly timeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: Value
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
}

interface SentPoint extends Attributed {
  readonly asDouble?: number
  readonly asInt?: number | string
  readonly count?: number | string
  readonly sum?: number
}

interface SentMetric {
  readonly name: string
  readonly gauge?: { readonly dataPoints: ReadonlyArray<SentPoint> }
  readonly sum?: { readonly dataPoints: ReadonlyArray<SentPoint> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<SentPoint> }
}

/** What came, with its attributes by name. */
type Named<A extends Attributed> = Omit<A, "attributes"> & { readonly attributes: Readonly<Record<string, unknown>> }

/** A span as it came. */
export type Told = Named<SentSpan>

/** A line of a log as it came. */
export type Line = Omit<Named<SentRecord>, "body"> & { readonly body: unknown }

/** What was told until now. */
export interface Collector {
  readonly url: string
  /** Every body as it came, by the path that it came to. */
  readonly bodies: Array<
    {
      readonly path: string
      readonly headers: Readonly<Record<string, unknown>>
      /** A character for each byte. */
      readonly text: string
    }
  >
  readonly spans: () => ReadonlyArray<Told>
  readonly logs: () => ReadonlyArray<Line>
  /** The last value of a metric in each process of each set of labels, added up: counts of histograms. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => number
  /** Answers with this from now on; `silence` answers nothing. */
  answer: number | "silence"
}

/** Starts one, until the test ends. */
export const collector = async (): Promise<Collector> => {
  const bodies: Collector["bodies"] = []
  /** All that came to a path: what is told, of all scopes of all resources, with who told it. */
  const told = <A>(path: string, signal: string, what: string): ReadonlyArray<readonly [who: string, A]> =>
    bodies.filter((body) => body.path === path).flatMap(({ headers, text }) => {
      const sent = headers["content-type"] === "application/x-protobuf"
        ? OtlpProtobuf.read(path, Buffer.from(text, "latin1"))
        : JSON.parse(Buffer.from(text, "latin1").toString("utf8")) as unknown
      return listIn(sent, `resource${signal}`).flatMap((resource) =>
        listIn(resource, `scope${signal}`).flatMap((scope) =>
          listIn(scope, what).map((one) =>
            [JSON.stringify((resource as { readonly resource: unknown }).resource), one as A] as const
          )
        )
      )
    })
  const self: Collector = {
    url: "",
    bodies,
    answer: 200,
    spans: () => told<SentSpan>("/v1/traces", "Spans", "spans").map(([, span]) => named(span)),
    logs: () =>
      told<SentRecord>("/v1/logs", "Logs", "logRecords").map(([, { body, ...record }]) =>
        Object.assign(named(record), { body: valueOf(body) })
      ),
    metric: (name, labels = {}) => {
      const last = new Map<string, number>()
      for (const [who, metric] of told<SentMetric>("/v1/metrics", "Metrics", "metrics")) {
        if (metric.name !== name) continue
        for (const point of (metric.gauge ?? metric.sum ?? metric.histogram!).dataPoints) {
          const { attributes } = named(point)
          if (Object.entries(labels).some(([label, value]) => attributes[label] !== value)) continue
          last.set(`${who} ${JSON.stringify(attributes)}`, Number(point.asDouble ?? point.asInt ?? point.count))
        }
      }
      return [...last.values()].reduce((total, value) => total + value, 0)
    }
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

const listIn = (value: unknown, name: string): ReadonlyArray<unknown> =>
  (value as Readonly<Record<string, ReadonlyArray<unknown>>>)[name]!

const named = <A extends Attributed>({ attributes, ...rest }: A): Named<A> => ({
  ...rest,
  attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))
})

const valueOf = (value: Value): unknown =>
  value.arrayValue === undefined
    ? value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue)
    : value.arrayValue.values.map(valueOf)
