/**
 * Calls of MCP servers, in the body of a tool's step. What can be gone on with is
 * kept beside the journal as soon as the server has said how: where our process
 * dies in a call, the probe of the step takes its answer in the next one, and the
 * tool has run once.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Chunks } from "@fermata/engine/Chunks"
import type { StepContext } from "@fermata/engine/Step"
import type {
  GetPromptResult,
  ListPromptsResult,
  ListResourcesResult,
  ReadResourceResult
} from "@modelcontextprotocol/sdk/types.js"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AgentTool from "../../AgentTool.ts"
import { type McpFailed, Resumption } from "../../mcp/McpServer.ts"
import * as McpServers from "../../mcp/McpServers.ts"
import * as ToolStep from "../ToolStep.ts"
import * as Asks from "./Asks.ts"
import type { CallOptions, Given } from "./Calls.ts"
import type { Connection } from "./Connection.ts"
import type { Heard, Said } from "./OpenCall.ts"
import * as Results from "./Results.ts"

/** Where a run keeps what a call can be gone on with. */
export interface Log {
  readonly run: string
  readonly chunks: Chunks["Service"]
}

/** The type of the chunk that says how a call is gone on with. */
export const begunType = "mcp"

/** The type of the chunks that say how far a call is. */
export const heardType = "mcp-heard"

/** A tool of a server. */
export interface Called {
  readonly server: string
  readonly tool: string
  /** It may be called again after a crash, as the server says. */
  readonly isRepeatable: boolean
}

/** What a chunk says of how far a call is; undefined for one that says something else. */
export const heardOf = (chunk: unknown): Heard | undefined => {
  const read = readHeard(chunk)
  if (Option.isNone(read)) return undefined
  const { type: _, ...heard } = read.value
  return heard
}

/** Calls a tool of a server, or goes on with a call. What goes wrong is told to the model. */
export const call = (
  servers: McpServers.Servers,
  called: Called,
  params: Schema.Json,
  log: Log
): Effect.Effect<ToolStep.Outcome> =>
  at(servers, called.server, (connection) =>
    Effect.gen(function*() {
      const context = yield* AgentTool.call
      const round = yield* Asks.CurrentRound
      const given = argumentsOf(params)
      if (given === undefined) return ToolStep.failure("its arguments are no object, so that it was not called")
      const key = `${log.run}/${round?.step ?? context.key}`
      const answered = round?.answered ?? []
      if (round?.give !== undefined) {
        const reply = { id: round.give.id, reply: answered.at(-1)!.reply }
        const rest = (yield* hearing(log, context, (onHeard) => connection.calls.give({ key, onHeard }, reply))) ??
          (yield* hearing(
            log,
            context,
            (onHeard) => taken(connection, called.tool, given, round.give?.resume, { key, answered, onHeard }, reply)
          ))
        if (rest !== undefined) return yield* outcomeOf(rest, connection, called, context)
        if (!called.isRepeatable) return lost(connection, called, context, round)
      }
      const said = yield* hearing(
        log,
        context,
        (onHeard) => kept(connection, called.tool, given, { key, answered, onHeard }, log, context)
      )
      return yield* outcomeOf(said, connection, called, context)
    }))

/** Asks the server for the rest of a call that was cut short. None where it may be made again and the server cannot tell. */
export const probe = (
  servers: McpServers.Servers,
  called: Called,
  params: Schema.Json,
  log: Log,
  context: StepContext
): Effect.Effect<Option.Option<ToolStep.Outcome>> =>
  Effect.gen(function*() {
    const { chunks, run } = log
    const connection = McpServers.connectionOf(servers, called.server)
    const round = yield* Asks.CurrentRound
    const said = yield* Effect.orElseSucceed(chunks.read(run), () => [])
    const begun = said.flatMap(({ value }) => Option.toArray(readBegun(value))).findLast(({ key }) =>
      key === context.key
    )
    const resume = begun === undefined ? round?.give?.resume : begun.resume
    const given = argumentsOf(params)
    if (connection !== undefined && given !== undefined) {
      const answered = round?.answered ?? []
      const reply = round?.give === undefined ? undefined : { id: round.give.id, reply: answered.at(-1)!.reply }
      const key = `${run}/${round?.step ?? context.key}`
      const rest = yield* Effect.result(hearing(
        log,
        context,
        (onHeard) => taken(connection, called.tool, given, resume, { key, answered, onHeard }, reply)
      ))
      if (Result.isFailure(rest)) return Option.some(failedAs(rest.failure))
      if (rest.success !== undefined) return Option.some(yield* outcomeOf(rest.success, connection, called, context))
    }
    return called.isRepeatable ? Option.none() : Option.some(lost(connection, called, context, round))
  })

/** Lists what these servers have of this kind, or the one that is asked for. */
export const list = (
  kind: "resources" | "prompts",
  servers: McpServers.Servers,
  names: ReadonlyArray<string>,
  params: Schema.Json
): Effect.Effect<ToolStep.Outcome> => {
  const { server } = asked(params)
  if (server !== undefined && !names.includes(server)) return Effect.succeed(unknown(kind, server, names))
  const all = kind === "resources" ? resources : prompts
  return Effect.map(
    Effect.forEach(
      server === undefined ? names : [server],
      (name) =>
        at(servers, name, (connection) =>
          Effect.map(all(connection), (found) => ({
            isFailure: false,
            result: found.map((each) => ({ server: name, ...each }))
          }))),
      { concurrency: "unbounded" }
    ),
    (outcomes) =>
      outcomes.find(({ isFailure }) => isFailure) ??
        { isFailure: false, result: outcomes.flatMap(({ result }) => result as ReadonlyArray<Schema.Json>) }
  )
}

/** Gets a prompt of a server, filled in with these arguments. */
export const prompt = (
  servers: McpServers.Servers,
  names: ReadonlyArray<string>,
  params: Schema.Json
): Effect.Effect<ToolStep.Outcome> => {
  const { name = "", server = "" } = asked(params)
  if (!names.includes(server)) return Effect.succeed(unknown("prompts", server, names))
  return at(servers, server, (connection) =>
    Effect.gen(function*() {
      const { keep } = yield* AgentTool.call
      const given = argumentsOf((params as Schema.JsonObject)["arguments"] ?? {}) ?? {}
      const texts = Object.entries(given).map((
        [key, value]
      ) => [key, typeof value === "string" ? value : StoredJson.textOf(value)])
      const { messages } = yield* connection.request<GetPromptResult>(
        { method: "prompts/get", params: { name, arguments: Object.fromEntries(texts) } },
        ({ GetPromptResultSchema }) => GetPromptResultSchema
      )
      return { isFailure: false, result: yield* Results.prompt(messages, keep) }
    }))
}

/** Reads a resource of a server. */
export const read = (
  servers: McpServers.Servers,
  names: ReadonlyArray<string>,
  params: Schema.Json
): Effect.Effect<ToolStep.Outcome> => {
  const { server = "", uri = "" } = asked(params)
  if (!names.includes(server)) return Effect.succeed(unknown("resources", server, names))
  return at(servers, server, (connection) =>
    Effect.gen(function*() {
      const { keep } = yield* AgentTool.call
      const { contents } = yield* connection.request<ReadResourceResult>(
        { method: "resources/read", params: { uri } },
        ({ ReadResourceResultSchema }) => ReadResourceResultSchema
      )
      return { isFailure: false, result: yield* Results.resource(contents, keep) }
    }))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What stands among what a step says while it works, and is nothing for readers. Without `resume` the call was given up. */
const Begun = Schema.Struct({
  type: Schema.Literal(begunType),
  key: Schema.String,
  resume: Schema.optionalKey(Resumption)
})

const readHeard = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal(heardType),
  progress: Schema.optionalKey(Schema.Finite),
  total: Schema.optionalKey(Schema.Finite),
  message: Schema.optionalKey(Schema.String),
  level: Schema.optionalKey(Schema.String)
}))

const readBegun = Schema.decodeUnknownOption(Begun)

const argumentsOf = (params: Schema.Json): Record<string, unknown> | undefined =>
  typeof params !== "object" || params === null || Array.isArray(params) ? undefined : params as Record<string, unknown>

/** The rest of a call, where its server tells it, also as an error. A session that is over cannot say what came of it. */
const taken = (
  connection: Connection,
  tool: string,
  params: Record<string, unknown>,
  resume: Resumption | undefined,
  options: CallOptions,
  given: Given | undefined
): Effect.Effect<Said | undefined, McpFailed> =>
  resume === undefined || connection.server.resumes !== true
    ? Effect.undefined
    : Effect.catch(
      connection.calls.resume(tool, params, resume, options, given),
      (failed) => failed.answered === true ? Effect.fail(failed) : Effect.undefined
    )

/** Has what the server says while it works told to those who follow the run. */
const hearing = <A, E>(
  { chunks, run }: Log,
  { entry }: StepContext,
  ask: (onHeard: (heard: Heard) => void) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const queue = yield* Queue.unbounded<Heard, Cause.Done>()
    // Most calls say nothing, and need no stream.
    const telling = yield* Effect.forkChild(Effect.ignore(Effect.scoped(Effect.gen(function*() {
      let heard = yield* Queue.take(queue)
      const writer = yield* chunks.writer(run, entry)
      for (let told = 0; told < mostHeard; told++) {
        yield* writer.write({ type: heardType, ...heard })
        heard = yield* Queue.take(queue)
      }
    }))))
    return yield* Effect.ensuring(
      ask((heard) => void Queue.offerUnsafe(queue, heard)),
      Effect.andThen(Queue.end(queue), Fiber.join(telling))
    )
  })

/** So that a server that never stops talking does not fill the store. */
const mostHeard = 1_000

/** The call, kept as one that can be gone on with as soon as its server says how. */
const kept = Effect.fnUntraced(function*(
  connection: Connection,
  tool: string,
  params: Record<string, unknown>,
  options: CallOptions,
  { chunks, run }: Log,
  { entry, key }: StepContext
) {
  if (connection.server.resumes !== true) return yield* connection.calls.make(tool, params, options)
  const keep = (begun: Omit<typeof Begun.Type, "type" | "key">) =>
    Effect.ignore(chunks.append(run, entry, [{ type: begunType, key, ...begun }]))
  const known = yield* Deferred.make<Resumption>()
  const keeping = yield* Effect.forkChild(Effect.flatMap(Deferred.await(known), (resume) => keep({ resume })))
  return yield* connection.calls.make(tool, params, {
    ...options,
    onResumption: (resumption) => {
      Deferred.doneUnsafe(known, Effect.succeed(resumption))
    }
  }).pipe(
    // The server is told that nobody waits any more, and has nothing to say then.
    Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(keeping), keep({}))),
    Effect.ensuring(Fiber.interrupt(keeping))
  )
})

const outcomeOf = (
  said: Said,
  { server: { elicitation, sampling } }: Connection,
  { server }: Called,
  { keep, key }: StepContext
): Effect.Effect<ToolStep.Outcome> => {
  if (said._tag === "Result") {
    const { result } = said
    return Effect.map(Results.of(result, keep), (told) => ({ isFailure: result.isError === true, result: told }))
  }
  return Effect.map(Asks.CurrentRound, (round) => {
    const { approvers = [operator], timeout } = elicitation === false ? {} : elicitation ?? {}
    const asking = {
      server,
      step: round?.step ?? key,
      approvers,
      ...(timeout === undefined ? {} : { deadlineMs: Duration.toMillis(timeout) })
    }
    if (said._tag === "Wants") {
      return { isFailure: false, result: null, open: { _tag: "Wants", pages: said.pages, ...asking } }
    }
    return {
      isFailure: false,
      result: null,
      open: {
        _tag: "Asks",
        id: said.id,
        question: said.question,
        ...asking,
        ...(said.question.kind === "sampling" && typeof sampling === "function" ? { byHandler: true as const } : {}),
        ...(said.resume === undefined ? {} : { resume: said.resume })
      }
    }
  })
}

const lost = (
  connection: Connection | undefined,
  { server }: Called,
  { key }: StepContext,
  round: Asks.Round | undefined
): ToolStep.Outcome => {
  const elicitation = connection?.server.elicitation
  return {
    ...ToolStep.failure(`MCP server "${server}" cannot tell what came of it; it may have done what it was asked to`),
    open: {
      _tag: "Lost",
      server,
      step: round?.step ?? key,
      approvers: elicitation === false ? [operator] : elicitation?.approvers ?? [operator]
    }
  }
}

/** Who is asked where nobody says who is to be. */
const operator = "operator"

/** Pages of a list. */
const mostPages = 100

const at = (
  servers: McpServers.Servers,
  name: string,
  use: (connection: Connection) => Effect.Effect<ToolStep.Outcome, McpFailed>
): Effect.Effect<ToolStep.Outcome> => {
  const connection = McpServers.connectionOf(servers, name)
  if (connection === undefined) {
    return Effect.succeed(ToolStep.failure(`there is no MCP server "${name}" in this process any more`))
  }
  return Effect.catch(use(connection), (failed) => Effect.succeed(failedAs(failed)))
}

const failedAs = ({ message, sent }: McpFailed): ToolStep.Outcome =>
  ToolStep.failure(sent ? `${message}; it may have done what it was asked to` : message)

const asked = (params: Schema.Json): { readonly server?: string; readonly uri?: string; readonly name?: string } => {
  const given = argumentsOf(params) ?? {}
  return Object.fromEntries(
    ["server", "uri", "name"].flatMap((key) => typeof given[key] === "string" ? [[key, given[key]]] : [])
  )
}

const unknown = (kind: string, server: string, names: ReadonlyArray<string>): ToolStep.Outcome =>
  ToolStep.failure(`there is no MCP server "${server}" that has ${kind}; there is ${names.join(", ")}`)

const resources = (connection: Connection) =>
  Effect.map(
    pages((cursor) =>
      connection.request<ListResourcesResult>(
        { method: "resources/list", params: cursor },
        ({ ListResourcesResultSchema }) => ListResourcesResultSchema
      ), ({ resources }) => resources),
    (all): ReadonlyArray<Schema.JsonObject> =>
      all.map(({ description, mimeType, name, uri }) => ({
        uri,
        name,
        ...(description === undefined ? {} : { description }),
        ...(mimeType === undefined ? {} : { mediaType: mimeType })
      }))
  )

const prompts = (connection: Connection) =>
  Effect.map(
    pages((cursor) =>
      connection.request<ListPromptsResult>(
        { method: "prompts/list", params: cursor },
        ({ ListPromptsResultSchema }) => ListPromptsResultSchema
      ), ({ prompts }) => prompts),
    (all): ReadonlyArray<Schema.JsonObject> =>
      all.map(({ arguments: given = [], description, name }) => ({
        name,
        ...(description === undefined ? {} : { description }),
        arguments: given.map(({ description, name, required }) => ({
          name,
          needed: required === true,
          ...(description === undefined ? {} : { description })
        }))
      }))
  )

/** All pages of a list. */
const pages = Effect.fnUntraced(function*<Page extends { readonly nextCursor?: string | undefined }, A>(
  page: (cursor: { readonly cursor?: string }) => Effect.Effect<Page, McpFailed>,
  of: (page: Page) => ReadonlyArray<A>
): Effect.fn.Return<ReadonlyArray<A>, McpFailed> {
  const all: Array<A> = []
  let cursor: string | undefined
  for (let count = 0; count < mostPages; count++) {
    const answer: Page = yield* page(cursor === undefined ? {} : { cursor })
    all.push(...of(answer))
    cursor = answer.nextCursor
    if (cursor === undefined) break
  }
  return all
})
