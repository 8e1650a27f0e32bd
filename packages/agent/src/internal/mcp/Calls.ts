/**
 * Calls of tools on the connection to one server. A step makes a call or goes on
 * with one, and ends with what comes of it, or with what the server asks in it:
 * then the call stays open in this process until another step gives the answer.
 */
import * as CallerSpan from "@fermata/engine/CallerSpan"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { defaults } from "../../AgentDefaults.ts"
import type { McpFailed, McpServer, Resumption } from "../../mcp/McpServer.ts"
import * as Asks from "./Asks.ts"
import * as Client from "./Client.ts"
import type { Live } from "./Client.ts"
import { type Heard, OpenCall, type Said } from "./OpenCall.ts"
import { isHttpError, orElse, patient, type Problems, type SessionLost } from "./Problems.ts"

/** What a call is made with. */
export interface CallOptions {
  /** Of the call in its run. */
  readonly key: string
  /** What was asked and answered when the call was made before. */
  readonly answered?: ReadonlyArray<Asks.Answered>
  /** Told how the call can be gone on with, as soon as that is known. */
  readonly onResumption?: (resumption: Resumption) => void
  /** Told what the server says while it works. */
  readonly onHeard?: (heard: Heard) => void
}

/** An answer to what a server has asked in a call. */
export interface Given {
  readonly id: Asks.QuestionId
  readonly reply: Asks.Reply
}

/** What calls need of the connection that they are made on. */
export interface Ground {
  readonly server: McpServer
  readonly problems: Problems
  /** On the connection of the process, and once more where its session was lost. */
  readonly again: <A>(ask: (live: Live) => Effect.Effect<A, McpFailed | SessionLost>) => Effect.Effect<A, McpFailed>
  /** What asks something of a server takes what it may know of secrets before, and hides them after it. */
  readonly asking: <A, E>(live: Live, asks: Effect.Effect<A, E>) => Effect.Effect<A, E | McpFailed>
  /** A client of which nothing was asked yet. */
  readonly unasked: (resume?: Resumption) => Effect.Effect<Live, McpFailed>
  readonly end: (live: Live) => Effect.Effect<void>
}

/** The calls of a process to one server. */
export class Calls {
  private readonly ground: Ground
  /** Those that wait for an answer of ours, the oldest first. */
  private readonly open = new Map<string, { readonly live: Live; readonly call: OpenCall }>()

  constructor(ground: Ground) {
    this.ground = ground
  }

  /** Calls a tool. */
  make(tool: string, params: Record<string, unknown>, options: CallOptions): Effect.Effect<Said, McpFailed> {
    return this.ground.again((live) => this.begin(live, tool, params, options))
  }

  /** Goes on with a call that another process has begun, and gives its server an answer that it waits for. */
  resume(
    tool: string,
    params: Record<string, unknown>,
    resume: Resumption,
    options: CallOptions,
    given?: Given
  ): Effect.Effect<Said, McpFailed> {
    const { end, problems } = this.ground
    return Effect.flatMap(this.elsewhere(resume), (live) => {
      const go = Effect.andThen(
        given === undefined ? Effect.void : problems.promise(() => live.line.transport.send(messageOf(given))),
        this.begin(live, tool, params, options, resume)
      )
      return orElse(
        Effect.onExit(go, (exit) => Exit.isFailure(exit) ? end(live) : Effect.void),
        () => Effect.fail(problems.failed("does not know the session any more", false))
      )
    })
  }

  /** Gives the server an answer that it waits for in a call of this process, and waits for what comes next; undefined where this process has no such call. */
  give(
    { key, onHeard }: Pick<CallOptions, "key" | "onHeard">,
    { id, reply }: Given
  ): Effect.Effect<Said | undefined, McpFailed> {
    return Effect.suspend(() => {
      const open = this.open.get(key)
      if (open === undefined) return Effect.undefined
      const { call, live } = open
      const { asking, problems } = this.ground
      call.tell = onHeard
      // A server that has given up waiting has an end of the call to tell, or another question.
      return orElse(
        asking(live, Effect.andThen(Effect.sync(() => call.give(id, reply)), this.nextOf(live, call))),
        () => Effect.fail(problems.failed("does not know the session any more", true))
      )
    })
  }

  /** Ends what is open. Says whether a call on this connection is one that the next process can go on with. */
  close(live: Live | undefined): Effect.Effect<boolean> {
    const open = [...this.open.values()]
    this.open.clear()
    const others = new Set(open.flatMap((each) => each.live === live ? [] : [each.live]))
    return Effect.as(
      Effect.forEach(others, (each) => this.ground.end(each), { discard: true }),
      open.some((each) => each.live === live && each.call.resumption !== undefined)
    )
  }

  /** Makes a call, or goes on with one, and waits for what comes of it. */
  private begin(
    live: Live,
    tool: string,
    params: Record<string, unknown>,
    { answered, key, onHeard, onResumption }: CallOptions,
    resume?: Resumption
  ): Effect.Effect<Said, McpFailed | SessionLost> {
    const { client, line: { transport }, types } = live
    return this.ground.asking(
      live,
      Effect.flatMap(CallerSpan.current, (traceparent) => {
        const call = new OpenCall(key, answered)
        call.resumption = resume
        call.tell = onHeard
        live.calls.add(call)
        live.sending = call
        call.follow(client.request(
          {
            method: "tools/call",
            params: { name: tool, arguments: params, ...(traceparent === undefined ? {} : { _meta: { traceparent } }) }
          },
          types.CallToolResultSchema,
          {
            ...patient,
            signal: call.abort.signal,
            onprogress: ({ message, progress, total }) =>
              call.heard({
                progress,
                ...(total === undefined ? {} : { total }),
                ...(message === undefined ? {} : { message })
              }),
            ...(resume === undefined ? {} : { resumptionToken: resume.token }),
            onresumptiontoken: (token: string) => {
              const { protocolVersion: protocol } = transport as { readonly protocolVersion?: string }
              const known = resume?.call ?? call.id
              call.resumption = {
                session: transport.sessionId ?? "",
                protocol: protocol ?? "",
                token,
                ...(known === undefined ? {} : { call: known })
              }
              onResumption?.(call.resumption)
            }
          }
        ))
        return this.nextOf(live, call)
      })
    ).pipe(Effect.withSpan(`tools/call ${tool}`, {
      kind: "client",
      attributes: {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "mcp.resumed": resume !== undefined
      }
    }))
  }

  /** What comes next of a call. One that asks stays open; of one that nobody waits for, the server is told so. */
  private nextOf(live: Live, call: OpenCall): Effect.Effect<Said, McpFailed | SessionLost> {
    const { problems, server } = this.ground
    const { callTimeout = defaults.mcpCallTimeoutMs, longestCall = defaults.mcpLongestCallMs } = server
    const silent = Effect.gen(function*() {
      let moved: Option.Option<void>
      do moved = yield* Effect.timeoutOption(call.moved, callTimeout)
      while (Option.isSome(moved))
      return yield* problems.late(callTimeout, "did not answer")
    })
    return problems.within(
      Effect.raceFirst(
        Effect.catch(call.next, (error): Effect.Effect<Said, McpFailed | SessionLost> => {
          const pages = server.elicitation === false ? undefined : Asks.pagesOf(error)
          return pages === undefined
            ? Effect.fail(problems.of(live, error))
            : Effect.succeed({ _tag: "Wants", pages })
        }),
        silent
      ),
      longestCall,
      "did not end"
    ).pipe(
      Effect.onExit((exit) => {
        call.tell = undefined
        if (Exit.isFailure(exit) || exit.value._tag !== "Asks") return this.forget(live, call)
        this.open.set(call.key, { live, call })
        const [oldest] = this.open.values()
        return this.open.size > mostOpen ? this.forget(oldest!.live, oldest!.call) : Effect.void
      })
    )
  }

  private forget(live: Live, call: OpenCall): Effect.Effect<void> {
    if (!call.isOver) call.abort.abort("nobody waits for it any more")
    live.calls.delete(call)
    if (this.open.get(call.key)?.call === call) this.open.delete(call.key)
    return live.isOfOne ? Effect.asVoid(Effect.forkDetach(this.ground.end(live))) : Effect.void
  }

  /** A line to a session that another process has begun, for one call. */
  private elsewhere(resume: Resumption): Effect.Effect<Live, McpFailed> {
    const { end, problems, server: { connectTimeout = defaults.mcpConnectTimeoutMs }, unasked } = this.ground
    return problems.within(
      Effect.flatMap(unasked(resume), (live) => {
        // What asks for the rest of a call is not told that it is refused: it would wait for it.
        const refused = (error: unknown) => {
          if (isHttpError(error)) {
            Client.broken(live.calls, `it does not go on with the call: ${problems.textOf(error)}`)
          }
        }
        const connect = problems.promise(async (signal) => {
          await live.client.connect(live.line.transport, { ...patient, signal })
          live.line.transport.setProtocolVersion?.(resume.protocol)
          Object.assign(live.client, { onerror: refused })
        })
        return Effect.as(
          Effect.onExit(connect, (exit) => Exit.isFailure(exit) ? end(live) : Effect.void),
          live
        )
      }),
      connectTimeout,
      "was not ready"
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Calls of a server that wait for an answer, so that those of runs that are over do not pile up. */
const mostOpen = 1_000

/** An answer as it goes over the line. */
const messageOf = ({ id, reply }: Given): JSONRPCMessage => ({ jsonrpc: "2.0", id, ...reply })
