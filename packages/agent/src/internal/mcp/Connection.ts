/**
 * The connection of a process to one MCP server: made when it is asked for first,
 * and again at the next call where it was lost. A call that fails takes nothing
 * away: what the server has stays known until it says otherwise.
 */
import type { ClientRequest } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { defaults } from "../../AgentDefaults.ts"
import type { McpFailed, McpServer, Resumption } from "../../mcp/McpServer.ts"
import { Calls, type Ground } from "./Calls.ts"
import * as Client from "./Client.ts"
import type { Live, Sdk } from "./Client.ts"
import { listed, type Offer } from "./Listing.ts"
import { orElse, patient, Problems, type SessionLost } from "./Problems.ts"

/** The connection to one server. */
export class Connection {
  readonly server: McpServer
  /** What calls its tools. */
  readonly calls: Calls
  private readonly problems: Problems
  private readonly lock = Semaphore.makeUnsafe(1)
  private live: Live | undefined
  private last: Offer | undefined

  /** `way` is how people log in at the server of a name. */
  constructor(name: string, server: McpServer, way: (server: string) => string) {
    this.server = server
    this.problems = new Problems(name, server.login === undefined ? undefined : way(name))
    const { again, asking, end, problems, unasked } = this
    this.calls = new Calls({ server, problems, again, asking, unasked, end })
  }

  /** What the server has, as far as this process has been told; nothing before it was reached. */
  get known(): Offer | undefined {
    return this.last
  }

  /** What the server has. */
  readonly offer: Effect.Effect<Offer, McpFailed> = Effect.suspend(() => Effect.map(this.reached(), () => this.last!))

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
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    // A call that waits for people goes on in the next process, where its server lets it.
    Effect.flatMap(this.calls.close(this.live), (isGoneOnWith) => this.drop(!isGoneOnWith))
  )

  /** A session that the server does not know any more has not seen what was asked: it is asked in a new one. */
  private readonly again: Ground["again"] = (ask) => {
    const once = Effect.flatMap(Effect.suspend(() => this.reached()), ask)
    return orElse(
      orElse(once, (live) => Effect.andThen(this.live === live ? this.drop(false) : Effect.void, once)),
      () => Effect.fail(this.problems.failed("knows its own sessions no more", false))
    )
  }

  private ask<A>(live: Live, send: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, McpFailed | SessionLost> {
    const { problems, server: { callTimeout = defaults.mcpCallTimeoutMs } } = this
    return this.asking(
      live,
      problems.within(
        Effect.tryPromise({ try: send, catch: (error) => problems.of(live, error) }),
        callTimeout,
        "did not answer"
      )
    )
  }

  private readonly asking: Ground["asking"] = (live, asks) =>
    Effect.andThen(
      Effect.mapError(live.line.begin, (error) =>
        this.problems.failed(`was not asked: ${this.problems.textOf(error)}`, false)),
      asks
    ).pipe(Effect.tap(() =>
      Effect.ignore(live.line.begin)
    ))

  /** The connection, which is made where there is none. */
  private reached(): Effect.Effect<Live, McpFailed> {
    return this.lock.withPermits(1)(
      Effect.suspend(() => this.live === undefined ? this.connect() : Effect.succeed(this.live))
    )
  }

  private connect(): Effect.Effect<Live, McpFailed> {
    const { problems, server: { connectTimeout = defaults.mcpConnectTimeoutMs } } = this
    return problems.within(
      Effect.flatMap(this.unasked(), (live) =>
        Effect.onExit(
          problems.promise((signal) => live.client.connect(live.line.transport, { ...patient, signal })).pipe(
            Effect.andThen(problems.promise((signal) => this.levelled(live, signal))),
            Effect.andThen(problems.promise((signal) => listed(live, signal))),
            Effect.map((offer) => this.keep(live, offer)),
            Effect.mapError(({ problem, sent }) => {
              const words = live.line.lastWords().trim()
              return problems.failed(words === "" ? problem : `${problem}; it said: ${words}`, sent)
            })
          ),
          (exit) => Exit.isFailure(exit) ? Effect.forkDetach(this.end(live)) : Effect.void
        )),
      connectTimeout,
      "was not ready"
    ).pipe(Effect.mapError(({ problem }) => problems.failed(problem, false)))
  }

  /** What it is to log, where it logs and somebody has said so. Whether it goes by that is its own affair. */
  private async levelled({ client }: Live, signal: AbortSignal): Promise<void> {
    const { logLevel } = this.server
    if (logLevel === undefined || client.getServerCapabilities()?.logging === undefined) return
    await client.setLoggingLevel(logLevel, { ...patient, signal }).catch(() => undefined)
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
    const onerror = (error: Error) => {
      if (!error.message.startsWith(givenUp)) return
      forget()
      Client.broken(live.calls, "it cannot be reached any more")
    }
    Object.assign(client, { onclose: forget, onerror })
    client.setNotificationHandler(types.ToolListChangedNotificationSchema, again)
    return live
  }

  private readonly unasked: Ground["unasked"] = (resume?: Resumption) =>
    Effect.gen({ self: this }, function*() {
      const { problems, server } = this
      const line = yield* Effect.mapError(server.line(resume), (error) => problems.unreached(error))
      yield* Effect.mapError(line.begin, (error) => problems.unreached(error))
      return yield* problems.promise(() => Client.make(server, line, resume))
    })

  private drop(leaves: boolean): Effect.Effect<void> {
    const { live } = this
    this.live = undefined
    return live === undefined ? Effect.void : this.end(live, leaves)
  }

  private readonly end = ({ client, line }: Live, leaves = false): Effect.Effect<void> => {
    const { shutdownTimeout = defaults.mcpShutdownTimeoutMs } = this.server
    const leave = leaves ? line.leave?.() ?? Promise.resolve() : Promise.resolve()
    // A server that is gone needs to be told nothing.
    return Effect.promise(() => leave.catch(() => undefined).then(() => client.close()).catch(() => undefined)).pipe(
      Effect.timeoutOption(shutdownTimeout),
      Effect.tap((ended) => Option.isNone(ended) ? Effect.sync(line.kill) : Effect.void),
      Effect.asVoid
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How the client of the protocol begins to say that it does not take up a stream again. */
const givenUp = "Maximum reconnection attempts"
