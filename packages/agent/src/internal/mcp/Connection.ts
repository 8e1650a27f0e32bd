/**
 * The connection of a process to one MCP server: made when it is asked for first,
 * and again at the next call where it was lost. A call that fails takes nothing
 * away: what the server has stays known until it says otherwise.
 */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { RequestOptions } from "@modelcontextprotocol/sdk/shared/protocol.js"
import type { CallToolResult, ClientRequest } from "@modelcontextprotocol/sdk/types.js"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { defaults } from "../../AgentDefaults.ts"
import { type Line, McpFailed, type McpServer, type Resumption } from "../../mcp/McpServer.ts"

/** A tool as a server tells of it. */
export interface Tool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly idempotentHint?: boolean | undefined }
    | undefined
}

/** What a server has, as it said last. */
export interface Offer {
  readonly instructions: string
  readonly tools: ReadonlyArray<Tool>
  readonly hasResources: boolean
}

/** What a call is made with. */
export interface CallOptions {
  /** Goes on with a call that another process has begun. */
  readonly resume?: Resumption
  /** Told how the call can be gone on with, as soon as that is known. */
  readonly onResumption?: (resumption: Resumption) => void
}

type Sdk = typeof import("@modelcontextprotocol/sdk/types.js")

interface Live {
  readonly client: Client
  readonly line: Line
  readonly types: Sdk
}

/** The connection to one server. */
export class Connection {
  readonly server: McpServer
  private readonly name: string
  private readonly lock = Semaphore.makeUnsafe(1)
  private live: Live | undefined
  private last: Offer | undefined

  constructor(name: string, server: McpServer) {
    this.name = name
    this.server = server
  }

  /** What the server has, as far as this process has been told; nothing before it was reached. */
  get known(): Offer | undefined {
    return this.last
  }

  /** What the server has. */
  readonly offer: Effect.Effect<Offer, McpFailed> = Effect.suspend(() => Effect.map(this.reached(), () => this.last!))

  /** Calls a tool. */
  call(
    tool: string,
    params: Record<string, unknown>,
    options: CallOptions = {}
  ): Effect.Effect<CallToolResult, McpFailed> {
    const { onResumption, resume } = options
    const ask = (live: Live) => {
      const { client, line: { transport }, types } = live
      return this.ask(
        live,
        (signal) =>
          client.request(
            { method: "tools/call", params: { name: tool, arguments: params } },
            types.CallToolResultSchema,
            {
              ...patient,
              signal,
              ...(resume === undefined ? {} : { resumptionToken: resume.token }),
              onresumptiontoken: (token: string) => {
                const { protocolVersion: protocol } = transport as { readonly protocolVersion?: string }
                const session = transport.sessionId ?? ""
                onResumption?.({ session, protocol: protocol ?? "", token })
              }
            }
          )
      )
    }
    if (resume === undefined) return this.again(ask)
    return orElse(
      Effect.scoped(
        Effect.flatMap(this.elsewhere(resume), (live) => Effect.raceFirst(ask(live), this.refusal(live)))
      ),
      () => Effect.fail(this.failed("does not know the session any more", false))
    )
  }

  /** Asks for something that a server has beside its tools, and that may be asked for twice. */
  request<A>(
    request: ClientRequest,
    schema: (types: Sdk) => unknown
  ): Effect.Effect<A, McpFailed> {
    return this.again((live) =>
      this.ask(
        live,
        (signal) =>
          (live.client.request as (...args: ReadonlyArray<unknown>) => Promise<A>)(request, schema(live.types), {
            ...patient,
            signal
          })
      )
    )
  }

  /** Ends the connection, and the session with it: a server that does not end by itself is ended. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => this.drop(true))

  /** A session that the server does not know any more has not seen what was asked: it is asked in a new one. */
  private again<A>(ask: (live: Live) => Effect.Effect<A, McpFailed | SessionLost>): Effect.Effect<A, McpFailed> {
    const once = Effect.flatMap(Effect.suspend(() => this.reached()), ask)
    return orElse(
      orElse(once, (live) => Effect.andThen(this.live === live ? this.drop(false) : Effect.void, once)),
      () => Effect.fail(this.failed("knows its own sessions no more", false))
    )
  }

  private ask<A>(live: Live, send: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, McpFailed | SessionLost> {
    const { callTimeout = defaults.mcpCallTimeoutMs } = this.server
    const sent = Effect.tryPromise({
      try: send,
      catch: (error) => isSessionLost(error) ? new SessionLost(live) : this.failed(`failed: ${textOf(error)}`, true)
    })
    return Effect.andThen(
      Effect.mapError(live.line.begin, (error) => this.failed(`was not asked: ${textOf(error)}`, false)),
      this.within(sent, callTimeout, "did not answer")
    ).pipe(Effect.tap(() => Effect.ignore(live.line.begin)))
  }

  /** The connection, which is made where there is none. */
  private reached(): Effect.Effect<Live, McpFailed> {
    return this.lock.withPermits(1)(
      Effect.suspend(() => this.live === undefined ? this.connect() : Effect.succeed(this.live))
    )
  }

  private connect(): Effect.Effect<Live, McpFailed> {
    const { connectTimeout = defaults.mcpConnectTimeoutMs } = this.server
    return this.within(
      Effect.flatMap(this.open(), (live) =>
        Effect.onExit(
          this.promise((signal) => live.client.connect(live.line.transport, { ...patient, signal })).pipe(
            Effect.andThen(this.promise((signal) => listed(live, signal))),
            Effect.map((offer) => this.keep(live, offer)),
            Effect.mapError(({ problem, sent }) => {
              const words = live.line.lastWords().trim()
              return this.failed(words === "" ? problem : `${problem}; it said: ${words}`, sent)
            })
          ),
          (exit) => Exit.isFailure(exit) ? Effect.forkDetach(this.end(live.client, live.line)) : Effect.void
        )),
      connectTimeout,
      "was not ready"
    ).pipe(Effect.mapError(({ problem }) => this.failed(problem, false)))
  }

  private keep(live: Live, offer: Offer): Live {
    const { client, types } = live
    this.last = offer
    this.live = live
    const forget = () => {
      if (this.live === live) this.live = undefined
    }
    const again = () =>
      listed(live, undefined).then(
        (now) => void (this.last = now),
        // What cannot be listed now is as it was.
        () => undefined
      )
    Object.assign(client, { onclose: forget })
    client.setNotificationHandler(types.ToolListChangedNotificationSchema, again)
    return live
  }

  /** A line to a session that another process has begun, for one call. */
  private elsewhere(resume: Resumption) {
    return Effect.acquireRelease(
      Effect.flatMap(this.open(resume), (live) =>
        Effect.as(
          this.promise(async (signal) => {
            await live.client.connect(live.line.transport, { ...patient, signal })
            live.line.transport.setProtocolVersion?.(resume.protocol)
          }),
          live
        )),
      ({ client, line }) => this.end(client, line)
    )
  }

  /** That a session cannot be gone on with. What asks for the rest of a call is not told: it would wait for it. */
  private refusal({ client }: Live): Effect.Effect<never, McpFailed> {
    return Effect.callback((resume) => {
      const refused = (error: unknown) => {
        if (isHttpError(error)) resume(Effect.fail(this.failed(`does not go on with the call: ${textOf(error)}`, true)))
      }
      Object.assign(client, { onerror: refused })
    })
  }

  /** A client that nothing was asked of. The protocol is loaded when the first one is needed. */
  private open(resume?: Resumption): Effect.Effect<Live, McpFailed> {
    return Effect.gen({ self: this }, function*() {
      const [{ Client }, types] = yield* this.promise(() =>
        Promise.all([
          import("@modelcontextprotocol/sdk/client/index.js"),
          import("@modelcontextprotocol/sdk/types.js")
        ])
      )
      const line = yield* Effect.mapError(this.server.line(resume), (error) => this.unreached(error))
      yield* Effect.mapError(line.begin, (error) => this.unreached(error))
      // What a server may ask of its client is what the client says that it can do: nothing.
      return { client: new Client({ name: "fermata", version: "0.1.0" }, { capabilities: {} }), line, types }
    })
  }

  private drop(leaves: boolean): Effect.Effect<void> {
    const { live } = this
    this.live = undefined
    return live === undefined ? Effect.void : this.end(live.client, live.line, leaves)
  }

  private end(client: Client, line: Line, leaves = false): Effect.Effect<void> {
    const { shutdownTimeout = defaults.mcpShutdownTimeoutMs } = this.server
    const leave = leaves ? line.leave?.() ?? Promise.resolve() : Promise.resolve()
    // A server that is gone needs to be told nothing.
    return Effect.promise(() => leave.catch(() => undefined).then(() => client.close()).catch(() => undefined)).pipe(
      Effect.timeoutOption(shutdownTimeout),
      Effect.tap((ended) => Option.isNone(ended) ? Effect.sync(line.kill) : Effect.void),
      Effect.asVoid
    )
  }

  private promise<A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, McpFailed> {
    return Effect.tryPromise({ try: run, catch: (error) => this.unreached(error) })
  }

  private within<A, E>(effect: Effect.Effect<A, E>, duration: Duration.Input, what: string) {
    return Effect.timeoutOrElse(effect, {
      duration,
      orElse: () => Effect.fail(this.failed(`${what} within ${Duration.toMillis(duration)} ms`, true))
    })
  }

  private unreached(error: unknown): McpFailed {
    return error instanceof McpFailed ? error : this.failed(`cannot be reached: ${textOf(error)}`, false)
  }

  private failed(problem: string, sent: boolean): McpFailed {
    return new McpFailed({ server: this.name, problem, sent })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long something may take is said here; the client of the protocol waits as long as a timer can. */
const patient: RequestOptions = { timeout: 2 ** 31 - 1 }

/** Pages of a list, so that a server that has no end does not take one with it. */
const mostPages = 100

const listed = async ({ client, types }: Live, signal: AbortSignal | undefined): Promise<Offer> => {
  const capabilities = client.getServerCapabilities() ?? {}
  // Not `listTools`, which makes code of the schemas of the server.
  const from = async (cursor: string | undefined, pages: number): Promise<ReadonlyArray<Tool>> => {
    const { nextCursor, tools } = await client.request(
      { method: "tools/list", params: cursor === undefined ? {} : { cursor } },
      types.ListToolsResultSchema,
      { ...patient, ...(signal === undefined ? {} : { signal }) }
    )
    return nextCursor === undefined || pages === mostPages ? tools : [...tools, ...await from(nextCursor, pages + 1)]
  }
  return {
    instructions: client.getInstructions() ?? "",
    tools: capabilities.tools === undefined ? [] : await from(undefined, 1),
    hasResources: capabilities.resources !== undefined
  }
}

/** The server does not know the session of this connection any more. */
class SessionLost {
  readonly live: Live

  constructor(live: Live) {
    this.live = live
  }
}

/** What is done where a session was lost. */
const orElse = <A, E>(
  effect: Effect.Effect<A, McpFailed | SessionLost>,
  instead: (lost: Live) => Effect.Effect<A, E>
): Effect.Effect<A, McpFailed | E> =>
  Effect.catch(
    effect,
    (error): Effect.Effect<A, McpFailed | E> => error instanceof SessionLost ? instead(error.live) : Effect.fail(error)
  )

/** What streamable HTTP answers about a session that is over. */
const isSessionLost = (error: unknown): boolean => isHttpError(error) && error.code === 404

/** Its class is loaded with the transport, and a process without servers over HTTP does without it. */
const isHttpError = (error: unknown): error is Error & { readonly code?: number } =>
  error instanceof Error && error.constructor.name === "StreamableHTTPError"

const textOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text
}
