/**
 * Calls of MCP servers, in the body of a tool's step. What can be gone on with is
 * kept beside the journal as soon as the server has said how: where our process
 * dies in a call, the next one takes its answer, and the tool has run once.
 */
import type { Chunks } from "@fermata/engine/Chunks"
import type { StepContext } from "@fermata/engine/Step"
import type { ListResourcesResult, ReadResourceResult } from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AgentTool from "../../AgentTool.ts"
import { type McpFailed, Resumption } from "../../mcp/McpServer.ts"
import * as McpServers from "../../mcp/McpServers.ts"
import * as ToolStep from "../ToolStep.ts"
import type { Connection } from "./Connection.ts"
import * as Results from "./Results.ts"

/** Where a run keeps what a call can be gone on with. */
export interface Log {
  readonly run: string
  readonly chunks: Chunks["Service"]
}

/** The type of the chunk that says how a call is gone on with. */
export const begunType = "mcp"

/** Calls a tool of a server. What goes wrong is told to the model. */
export const call = (
  servers: McpServers.Servers,
  server: string,
  tool: string,
  params: Schema.Json,
  log: Log
): Effect.Effect<ToolStep.Outcome> =>
  at(servers, server, (connection) =>
    Effect.gen(function*() {
      const context = yield* AgentTool.call
      if (typeof params !== "object" || params === null || Array.isArray(params)) {
        return ToolStep.failure("its arguments are no object, so that it was not called")
      }
      const result = yield* resumable(connection, tool, params as Record<string, unknown>, log, context)
      return { isFailure: result.isError === true, result: yield* Results.of(result, context.keep) }
    }))

/** Lists the resources of these servers, or of the one that is asked for. */
export const list = (
  servers: McpServers.Servers,
  names: ReadonlyArray<string>,
  params: Schema.Json
): Effect.Effect<ToolStep.Outcome> => {
  const { server } = asked(params)
  if (server !== undefined && !names.includes(server)) return Effect.succeed(unknown(server, names))
  return Effect.map(
    Effect.forEach(
      server === undefined ? names : [server],
      (name) =>
        at(servers, name, (connection) =>
          Effect.map(resources(connection), (all) => ({
            isFailure: false,
            result: all.map(({ description, mimeType, name: title, uri }) => ({
              server: name,
              uri,
              name: title,
              ...(description === undefined ? {} : { description }),
              ...(mimeType === undefined ? {} : { mediaType: mimeType })
            }))
          }))),
      { concurrency: "unbounded" }
    ),
    (outcomes) =>
      outcomes.find(({ isFailure }) => isFailure) ??
        { isFailure: false, result: outcomes.flatMap(({ result }) => result as ReadonlyArray<Schema.Json>) }
  )
}

/** Reads a resource of a server. */
export const read = (
  servers: McpServers.Servers,
  names: ReadonlyArray<string>,
  params: Schema.Json
): Effect.Effect<ToolStep.Outcome> => {
  const { server = "", uri = "" } = asked(params)
  if (!names.includes(server)) return Effect.succeed(unknown(server, names))
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

const readBegun = Schema.decodeUnknownOption(Begun)

/** The call, or the rest of one that another process has begun. */
const resumable = Effect.fnUntraced(function*(
  connection: Connection,
  tool: string,
  params: Record<string, unknown>,
  { chunks, run }: Log,
  { entry, key }: StepContext
) {
  if (connection.server.resumes !== true) return yield* connection.call(tool, params)
  const said = yield* Effect.orElseSucceed(chunks.read(run), () => [])
  const resume = said.flatMap(({ value }) => Option.toArray(readBegun(value))).findLast((begun) => begun.key === key)
    ?.resume
  const keep = (begun: Omit<typeof Begun.Type, "type" | "key">) =>
    Effect.ignore(chunks.append(run, entry, [{ type: begunType, key, ...begun }]))
  if (resume !== undefined) {
    const rest = yield* Effect.option(connection.call(tool, params, { resume }))
    // A session that is over cannot say what came of the call: its crash rule has let it be made again.
    if (Option.isSome(rest)) return rest.value
  }
  const known = yield* Deferred.make<Resumption>()
  const keeping = yield* Effect.forkChild(Effect.flatMap(Deferred.await(known), (resume) => keep({ resume })))
  return yield* connection.call(tool, params, {
    onResumption: (resumption) => {
      Deferred.doneUnsafe(known, Effect.succeed(resumption))
    }
  }).pipe(
    // The server is told that nobody waits any more, and has nothing to say then.
    Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(keeping), keep({}))),
    Effect.ensuring(Fiber.interrupt(keeping))
  )
})

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
  return Effect.catch(
    use(connection),
    ({ message, sent }) =>
      Effect.succeed(ToolStep.failure(sent ? `${message}; it may have done what it was asked to` : message))
  )
}

const asked = (params: Schema.Json): { readonly server?: string; readonly uri?: string } => {
  if (typeof params !== "object" || params === null || Array.isArray(params)) return {}
  const { server, uri } = params as Schema.JsonObject
  return { ...(typeof server === "string" ? { server } : {}), ...(typeof uri === "string" ? { uri } : {}) }
}

const unknown = (server: string, names: ReadonlyArray<string>): ToolStep.Outcome =>
  ToolStep.failure(`there is no MCP server "${server}" that has resources; there is ${names.join(", ")}`)

const resources = Effect.fnUntraced(function*(connection: Connection) {
  const all: Array<ListResourcesResult["resources"][number]> = []
  let cursor: string | undefined
  for (let page = 0; page < mostPages; page++) {
    const answer: ListResourcesResult = yield* connection.request<ListResourcesResult>(
      { method: "resources/list", params: cursor === undefined ? {} : { cursor } },
      ({ ListResourcesResultSchema }) => ListResourcesResultSchema
    )
    all.push(...answer.resources)
    cursor = answer.nextCursor
    if (cursor === undefined) break
  }
  return all
})
