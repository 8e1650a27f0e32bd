/** What goes wrong with one MCP server, as an error that names it, and how long something of it may take. */
import type { RequestOptions } from "@modelcontextprotocol/sdk/shared/protocol.js"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { McpFailed } from "../../mcp/McpServer.ts"
import type { Live } from "./Client.ts"

/** How long something may take is said here; the client of the protocol waits as long as a timer can. */
export const patient: RequestOptions = { timeout: 2 ** 31 - 1 }

/** The server does not know the session of this connection any more. */
export class SessionLost {
  readonly live: Live

  constructor(live: Live) {
    this.live = live
  }
}

/** What is done where a session was lost. */
export const orElse = <A, E>(
  effect: Effect.Effect<A, McpFailed | SessionLost>,
  instead: (lost: Live) => Effect.Effect<A, E>
): Effect.Effect<A, McpFailed | E> =>
  Effect.catch(
    effect,
    (error): Effect.Effect<A, McpFailed | E> => error instanceof SessionLost ? instead(error.live) : Effect.fail(error)
  )

/** The problems of a server of this name. */
export class Problems {
  private readonly name: string
  /** How people log in there; undefined where nobody does. */
  private readonly way: string | undefined

  constructor(name: string, way: string | undefined) {
    this.name = name
    this.way = way
  }

  failed(problem: string, sent: boolean): McpFailed {
    return new McpFailed({ server: this.name, problem, sent })
  }

  unreached(error: unknown): McpFailed {
    return error instanceof McpFailed ? error : this.failed(`cannot be reached: ${this.textOf(error)}`, false)
  }

  /** Of something that had left. */
  of(live: Live, error: unknown): McpFailed | SessionLost {
    if (isSessionLost(error)) return new SessionLost(live)
    const problem = `failed: ${this.textOf(error)}`
    return isAnswer(error)
      ? new McpFailed({ server: this.name, problem, sent: true, answered: true })
      : this.failed(problem, !isUnauthorized(error))
  }

  /** What went wrong, in words. Where somebody has to log in, they end with how. */
  textOf(error: unknown): string {
    if (this.way !== undefined && isUnauthorized(error)) return `nobody has logged in there; to log in: ${this.way}`
    const text = error instanceof Error ? error.message || error.name : String(error)
    return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text
  }

  promise<A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, McpFailed> {
    return Effect.tryPromise({ try: run, catch: (error) => this.unreached(error) })
  }

  within<A, E>(effect: Effect.Effect<A, E>, duration: Duration.Input, what: string): Effect.Effect<A, E | McpFailed> {
    return Effect.timeoutOrElse(effect, { duration, orElse: () => Effect.fail(this.late(duration, what)) })
  }

  late(duration: Duration.Input, what: string): McpFailed {
    return this.failed(`${what} within ${Duration.toMillis(duration)} ms`, true)
  }
}

/** Its class is loaded with the transport, and a process without servers over HTTP does without it. */
export const isHttpError = (error: unknown): error is Error & { readonly code?: number } =>
  error instanceof Error && error.constructor.name === "StreamableHTTPError"

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Nobody is let in: nothing was done of what was asked. */
const isUnauthorized = (error: unknown): boolean =>
  error instanceof Error &&
  (error.constructor.name === "UnauthorizedError" || ("code" in error && error.code === 401))

/** An error of the protocol that the server has sent: its client makes some of its own, for a connection that is closed and a time that is over. */
const isAnswer = (error: unknown): boolean =>
  error instanceof Error && /^(McpError|UrlElicitationRequiredError)$/.test(error.constructor.name) &&
  "code" in error && error.code !== -32000 && error.code !== -32001

/** What streamable HTTP answers about a session that is over. */
const isSessionLost = (error: unknown): boolean => isHttpError(error) && error.code === 404
