/** A client of the protocol on a line to a server: what the server may ask of it, and to which call that belongs. */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { ClientCapabilities, CreateMessageResult, JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { Line, McpServer, Resumption } from "../../mcp/McpServer.ts"
import type * as Asks from "./Asks.ts"
import type { OpenCall } from "./OpenCall.ts"

export type Sdk = typeof import("@modelcontextprotocol/sdk/types.js")

/** A client, and the calls that are under way on it. */
export interface Live {
  readonly client: Client
  readonly line: Line
  readonly types: Sdk
  readonly calls: Set<OpenCall>
  /** It is for one call alone, and ends with it. */
  readonly isOfOne: boolean
  /** The call that is about to be sent. */
  sending: OpenCall | undefined
}

/** A client that nothing was asked of. The protocol is loaded when the first one is needed. */
export const make = async (server: McpServer, line: Line, resume: Resumption | undefined): Promise<Live> => {
  const [{ Client }, types] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/index.js"),
    import("@modelcontextprotocol/sdk/types.js")
  ])
  const capabilities = capabilitiesOf(server, line)
  const client = new Client({ name: "fermata", version: "0.1.0" }, { capabilities })
  const live: Live = { client, line, types, calls: new Set(), isOfOne: resume !== undefined, sending: undefined }
  numbering(live)
  if (resume?.call !== undefined) renumbering(live, resume.call)
  if (line.streams !== undefined) line.streams.onBroken = (id) => broken(callWith(live, id), "its stream has ended")
  client.setNotificationHandler(types.LoggingMessageNotificationSchema, ({ params: { data, level } }) => {
    const message = typeof data === "string" ? data : StoredJson.show(data, mostLogged)
    onlyCall(live)?.heard({ level, message })
  })
  if (capabilities.elicitation !== undefined) {
    client.setRequestHandler(types.ElicitRequestSchema, async ({ params }, { requestId, signal }) => {
      const reply = await asked(live, { kind: "elicitation", params: jsonOf(params) }, requestId, signal)
      // Where no call of a run asks, there is nobody to be asked.
      return reply === undefined ? { action: "decline" as const } : resultOf(types, reply)
    })
  }
  if (capabilities.sampling !== undefined) {
    client.setRequestHandler(types.CreateMessageRequestSchema, async ({ params }, { requestId, signal }) => {
      const reply = await asked(live, { kind: "sampling", params: jsonOf(params) }, requestId, signal)
      if (reply === undefined) {
        throw new types.McpError(-32600, "a model is asked in a call of a run, and this is in none")
      }
      return resultOf(types, reply) as CreateMessageResult
    })
  }
  return live
}

/** Calls that were under way on a client that has lost its server, or its way to it. */
export const broken = (calls: Iterable<OpenCall>, why: string): void => {
  for (const call of calls) call.over(Exit.fail(new Error(why)))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a server may ask of its client is what the client says that it can do. */
const capabilitiesOf = ({ elicitation, sampling = false }: McpServer, { isOneWay }: Line): ClientCapabilities => {
  if (isOneWay === true) return {}
  return {
    ...(elicitation === false ? {} : { elicitation: { form: {}, url: {} } }),
    ...(sampling === false ? {} : { sampling: {} })
  }
}

/** Tells each call its number: it is sent while nothing else is. */
const numbering = (live: Live): void => {
  const { transport } = live.line
  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if (live.sending !== undefined && "method" in message && "id" in message && message.method === "tools/call") {
      live.sending.id = message.id
      live.sending = undefined
    }
    return send(message, options)
  }
}

/**
 * The only call on this line was begun on another, under another number: what its server says under that is of this
 * one. The client of the protocol sees to a result itself, and neither to its progress nor to an error.
 */
const renumbering = ({ calls, line: { transport } }: Live, before: string | number): void => {
  const onmessage = (message: JSONRPCMessage) => {
    const [id] = [...calls].map((call) => call.id)
    if (id === undefined) return
    if ("error" in message && message.id === before) {
      message.id = id
    } else if ("method" in message && message.method === "notifications/progress") {
      const { params } = message
      if (params?.["progressToken"] === before) params["progressToken"] = id
    }
  }
  Object.assign(transport, { onmessage })
}

const callWith = ({ calls }: Live, id: string | number): ReadonlyArray<OpenCall> =>
  [...calls].filter((call) => call.id === id)

/** The call that a server asks in: that on whose stream it does, or the only one that does not wait for an answer already. */
const callOf = (live: Live, id: string | number): OpenCall | undefined => {
  const known = live.line.streams?.callOf(id)
  return known === undefined ? onlyCall(live) : callWith(live, known)[0]
}

const onlyCall = ({ calls }: Live): OpenCall | undefined => {
  const [call, ...others] = [...calls].filter(({ isOver, waits }) => !isOver && !waits)
  return others.length === 0 ? call : undefined
}

/** Characters of a line of a log. */
const mostLogged = 2_000

const asked = (
  live: Live,
  question: Asks.Question,
  id: string | number,
  signal: AbortSignal
): Promise<Asks.Reply | undefined> => {
  if (JSON.stringify(question.params).length > mostCharacters) {
    return Promise.resolve({ error: { code: -32602, message: `more than ${mostCharacters} characters are asked` } })
  }
  return callOf(live, id)?.asked(id, question, signal) ?? Promise.resolve(undefined)
}

/** A question is recorded, and shown to people. */
const mostCharacters = 200_000

const resultOf = (types: Sdk, reply: Asks.Reply): Schema.JsonObject => {
  if ("error" in reply) throw new types.McpError(reply.error.code, reply.error.message)
  return reply.result
}

/** Without what is between the two ends alone, such as the token of a progress, which is another each time. */
const jsonOf = ({ _meta, ...params }: { readonly _meta?: unknown }): Schema.JsonObject => {
  const made = StoredJson.of(params)
  return Result.isSuccess(made) ? made.success.read() as Schema.JsonObject : {}
}
