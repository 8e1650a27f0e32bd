/**
 * One server of the Model Context Protocol, as whoever configures a process says
 * how it is reached: `McpHttp.server` over HTTP, `McpStdio.server` of
 * `@fermata/agent-node` as a process of its own.
 */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { LoggingLevel } from "@modelcontextprotocol/sdk/types.js"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { OAuth } from "./McpOAuth.ts"
import type { SamplingHandler } from "./McpSampling.ts"

/**
 * A server that did not do what it was asked. `sent` says that it may have done it:
 * what was asked had left when the answer failed to come.
 */
export class McpFailed extends Schema.TaggedError<McpFailed>()("McpFailed", {
  server: Schema.String,
  sent: Schema.Boolean,
  problem: Schema.String,
  /** It is what the server itself has answered, and so the end of what was asked. */
  answered: Schema.optionalKey(Schema.Literal(true))
}) {
  override get message(): string {
    return `MCP server "${this.server}" ${this.problem}`
  }
}

/** How long a server may take. */
export interface Limits {
  /** Until it has said who it is and what it has; 10 seconds by default. */
  readonly connectTimeout?: Duration.Input
  /** For one call; 60 seconds by default. It begins anew whenever the server says how far the call is. */
  readonly callTimeout?: Duration.Input
  /** For one call, however often its server says how far it is; an hour by default. */
  readonly longestCall?: Duration.Input
  /** To end by itself when the process ends, before it is ended; 5 seconds by default. */
  readonly shutdownTimeout?: Duration.Input
  /** The least that it is to log in calls, as it is told when it is reached; what it finds right without this. */
  readonly logLevel?: LoggingLevel
  /**
   * A run begins without it where it does not answer, and its model is told so.
   * Without this such a run fails, with `ERR_CONFIG`.
   */
  readonly optional?: boolean
  /**
   * What it says of its own tools is believed where it opens something: one with
   * `readOnlyHint` is called as what only reads is, without asking by default.
   * The protocol has clients believe that of no server that they do not trust.
   */
  readonly trusted?: boolean
  /**
   * Whether it may ask people in the middle of a call (`elicitation/create`): its
   * question is one of the run then, and may be answered whenever somebody does.
   * Without a call of a run it is answered that nobody wants to. True by default.
   */
  readonly elicitation?: Elicitation | false
  /**
   * Whether it may ask a model in the middle of a call (`sampling/createMessage`):
   * with true one of the agent, as a step of the run against its budget, once its
   * policy lets it, which knows this as the tool `mcp__SERVER__sampling`. A
   * function answers in place of a model. False by default.
   */
  readonly sampling?: boolean | SamplingHandler
}

/** How a server may ask people something in the middle of a call. */
export interface Elicitation {
  /** Names or roles of those who may answer; "operator" by default. */
  readonly approvers?: ReadonlyArray<string>
  /** How long a question stands, before the server is told that nobody has decided; for ever by default. */
  readonly timeout?: Duration.Input
}

/** What a call goes on with in another process: a session of a server, and the last that was heard of the call. */
export const Resumption = Schema.Struct({
  session: Schema.String,
  protocol: Schema.String,
  token: Schema.String,
  /** The number that its server knows the call by, and tells its progress under. */
  call: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite]))
})
export type Resumption = typeof Resumption.Type

/** Streams of a server that belong to one call each. */
export interface CallStreams {
  /** The number of the call on whose stream a server asks this; undefined where it does so elsewhere. */
  readonly callOf: (asked: string | number) => string | number | undefined
  /** Told of a call whose stream has ended before its answer, and that cannot be taken up again. */
  onBroken: ((call: string | number) => void) | undefined
}

/** The way to a server. */
export interface Line {
  readonly transport: Transport
  /**
   * In the step that is about to ask something: takes what it may know of
   * secrets, and hides from what it leaves those that the line was told.
   */
  readonly begin: Effect.Effect<void, unknown>
  /** What the server has said beside the protocol, as its last words for people; empty where there is none. */
  readonly lastWords: () => string
  /** Tells the server that its session is over; not where another connection may go on with it. */
  readonly leave?: () => Promise<void>
  /** The server cannot ask anything by it. */
  readonly isOneWay?: boolean
  readonly streams?: CallStreams
  /** Ends what does not end by itself. */
  readonly kill: () => void
}

/** A server, of which nothing has been asked yet. */
export interface McpServer extends Limits {
  /** Another process may go on with a call that this one has begun. */
  readonly resumes?: boolean
  /** The secrets that it is reached by, which only a step of a run is told. */
  readonly secrets: ReadonlyArray<string>
  /** For people: the address or the command. */
  readonly where: string
  /** Where people log in so that the process is let in for them; absent where nobody does. */
  readonly login?: { readonly url: string; readonly oauth: OAuth }
  /** A way to it, which is not opened yet; to a session that it has already, where one is given. */
  readonly line: (session?: Resumption) => Effect.Effect<Line, unknown>
}
