/**
 * One client of the server: what it may ask, in the protocol's words, on the official SDK. Effect's own server lists
 * the resources that it was given and no others, and over HTTP it tells of no change and goes on with no lost stream.
 */
import type { OpenApproval } from "@fermata/core/Question"
import { asides } from "@fermata/core/QuestionText"
import { CurrentActor } from "@fermata/engine/Actor"
import * as CallerSpan from "@fermata/engine/CallerSpan"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  ElicitResultSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  type LoggingLevel,
  LoggingLevelSchema,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { CommandFailed } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"
import type { Changes } from "./Changes.ts"
import * as RunPages from "./RunPages.ts"
import * as RunResource from "./RunResource.ts"
import type { Caller, Kept, Link, Result, Said, Tool } from "./Tool.ts"
import { sent } from "./ToolShape.ts"

/** What all sessions of a server have in common. */
export interface Shared {
  readonly host: Host
  readonly tools: ReadonlyArray<Tool>
  readonly changes: Changes
  /** Under which name callers act. */
  readonly by: string
  readonly version: string
}

/** Serves one client until the scope ends or its transport does. */
export const connect = (shared: Shared, transport: Transport): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { by, changes, host, tools, version } = shared
    const run = yield* FiberSet.makeRuntimePromise<never, unknown, CommandFailed | RequestFailed>()
    const fork = yield* FiberSet.makeRuntime<never>()
    const server = new Server({ name: "fermata", title: "Fermata", version }, {
      capabilities: {
        tools: {},
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {}
      },
      instructions: instructionsFor(by)
    })
    let least: LoggingLevel = "debug"
    server.setRequestHandler(SetLevelRequestSchema, ({ params: { level } }) => {
      least = level
      return {}
    })
    const followed = new Map<string, Fiber.Fiber<void>>()
    const updated = (uri: string) => Effect.ignore(Effect.tryPromise(() => server.sendResourceUpdated({ uri })))

    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: tools.map(({ description, hints, input, name, output, title }) => ({
        name,
        title,
        description,
        inputSchema: { $schema: dialect, ...sent(input) },
        ...(output === undefined ? {} : { outputSchema: sent(output) }),
        annotations: { title, ...hints }
      }))
    }))
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
      const tool = tools.find(({ name }) => name === params.name)
      if (tool === undefined) {
        throw new RequestFailed({ code: ErrorCode.InvalidParams, message: `There is no tool ${params.name}` })
      }
      const call = tool.call(params.arguments ?? {}, callerOf(server, by, extra, () => least)).pipe(
        Effect.map(given),
        Effect.catchTag("CommandFailed", (failure) => Effect.succeed(refusal(failure))),
        Effect.provideService(CurrentActor, { who: by, how: "mcp" }),
        Effect.withSpan(`tools/call ${params.name}`, {
          kind: "server",
          attributes: {
            "mcp.method.name": "tools/call",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": params.name
          }
        }),
        CallerSpan.within(params._meta?.["traceparent"]),
        Effect.provideService(Tracer.Tracer, Context.get(host.context, Tracer.Tracer))
      )
      return run(call, { signal: extra.signal })
    })
    server.setRequestHandler(ListResourcesRequestSchema, ({ params }) =>
      run(
        Effect.map(RunPages.list(host, params?.cursor), ({ next, resources }) => ({
          resources: [...resources],
          ...(next === undefined ? {} : { nextCursor: next })
        })).pipe(Effect.mapError(asProtocol(ErrorCode.InvalidParams)))
      ))
    server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: RunPages.templates }))
    server.setRequestHandler(ReadResourceRequestSchema, ({ params }, { signal }) =>
      run(
        RunPages.read(host, params.uri, by).pipe(
          Effect.map((pages) => ({ contents: [...pages] })),
          Effect.mapError(asProtocol(resourceNotFound))
        ),
        { signal }
      ))
    server.setRequestHandler(
      CompleteRequestSchema,
      ({ params: { argument, ref } }) =>
        ref.type === "ref/resource" && argument.name === "run"
          ? run(
            Effect.map(RunPages.complete(host, argument.value), (values) => ({ completion: { values: [...values] } }))
          )
          : { completion: { values: [] } }
    )
    server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
      const place = RunResource.placeOf(uri)
      if (place === undefined) {
        throw new RequestFailed({ code: resourceNotFound, message: `There is no resource ${uri}` })
      }
      if (followed.has(uri)) return {}
      const watched = place._tag === "Runs" || place._tag === "Approvals"
        ? Stream.runForEach(place._tag === "Runs" ? changes.runs : changes.approvals, () => updated(uri))
        // What is there now is known to who subscribes.
        : Stream.runForEach(Stream.drop(host.runs.follow(place.run), 1), () => updated(uri))
      followed.set(uri, fork(Effect.ignore(watched)))
      return {}
    })
    server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
      const fiber = followed.get(uri)
      followed.delete(uri)
      return fiber === undefined ? {} : run(Effect.as(Fiber.interrupt(fiber), {}))
    })

    server.oninitialized = () => {
      fork(
        Stream.runForEach(changes.runs, () => Effect.ignore(Effect.tryPromise(() => server.sendResourceListChanged())))
      )
    }
    yield* Effect.acquireRelease(
      Effect.promise(() => server.connect(transport)),
      () => Effect.promise(() => server.close())
    )
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the protocol itself answers with an error of this code. The SDK's own error would be told with its code twice. */
class RequestFailed extends Data.TaggedError("RequestFailed")<{ readonly code: number; readonly message: string }> {}

const dialect = "https://json-schema.org/draft/2020-12/schema"
/** The protocol's code for a resource that is not there. */
const resourceNotFound = -32002

const instructionsFor = (by: string): string =>
  "Each workflow, agent and contract is a tool that starts a run and waits for it. A run goes on whether anybody waits " +
  "or not: a result with another status than completed says in `next` how to go on, and what a run asks people is " +
  `answered by those who were asked. You act as ${
    JSON.stringify(by)
  }. Give a \`_key\` with a call that you may have to repeat.`

/** So many characters of what a client says of itself are recorded. */
const mostOfName = 80

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** What is told of a run is of this level; a client that wants no more than what is above it is told progress alone. */
const toldAs = "info"

const isAbove = (level: LoggingLevel, other: LoggingLevel): boolean =>
  LoggingLevelSchema.options.indexOf(level) > LoggingLevelSchema.options.indexOf(other)

const callerOf = (server: Server, by: string, extra: Extra, least: () => LoggingLevel): Caller => {
  const { name = "an unknown client", version = "" } = server.getClientVersion() ?? {}
  const token = extra._meta?.progressToken
  const elicitation = server.getClientCapabilities()?.elicitation
  // A client that says no more than that it can ask can ask by forms.
  const asksByForm = elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined)
  let told = 0
  const notify = (notification: ServerNotification) =>
    Effect.ignore(Effect.tryPromise(() => extra.sendNotification(notification)))
  return {
    by,
    client: `${name} ${version}`.trim().slice(0, mostOfName),
    tell: (line) =>
      Effect.andThen(
        token === undefined
          ? Effect.void
          : notify({
            method: "notifications/progress",
            params: { progressToken: token, progress: ++told, message: line }
          }),
        Effect.suspend(() =>
          isAbove(least(), toldAs)
            ? Effect.void
            : notify({ method: "notifications/message", params: { level: toldAs, logger: "fermata", data: line } })
        )
      ),
    ...(asksByForm ? { ask: (question: OpenApproval, withinMs: number) => ask(extra, question, withinMs) } : {})
  }
}

const Form = Schema.Struct({
  decision: Schema.Literals(["approve", "deny"]),
  choice: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.String)
})
const decodeForm = Schema.decodeUnknownOption(Form)

/** Asks the person at the client; undefined where they do not say, or the client cannot ask them after all. */
const ask = (extra: Extra, question: OpenApproval, withinMs: number): Effect.Effect<Said | undefined> => {
  const { choices, edit, prompt } = question
  const args = edit === undefined ? question.args : edit.args
  const message = [
    prompt,
    ...(args === undefined ? [] : [JSON.stringify(args, undefined, 2)]),
    ...asides(question)
  ].join("\n\n")
  return Effect.tryPromise((signal) =>
    extra.sendRequest(
      {
        method: "elicitation/create",
        params: {
          mode: "form",
          message,
          requestedSchema: {
            type: "object",
            properties: {
              decision: { type: "string", title: "Decision", enum: ["approve", "deny"] },
              ...(choices.length === 0
                ? {}
                : { choice: { type: "string", title: "Which, if approved", enum: [...choices] } }),
              note: { type: "string", title: "A note" }
            },
            required: ["decision"]
          }
        }
      },
      ElicitResultSchema,
      { timeout: withinMs, signal }
    )
  ).pipe(
    Effect.map(({ action, content }) => {
      const said = action === "accept" ? Option.getOrUndefined(decodeForm(content)) : undefined
      if (said === undefined) return undefined
      const { choice, note, ...rest } = said
      return {
        ...rest,
        ...(rest.decision === "approve" && choice !== undefined && choice !== "" ? { choice } : {}),
        ...(note === undefined || note === "" ? {} : { note })
      }
    }),
    Effect.orElseSucceed(() => undefined)
  )
}

const linkOf = ({ mimeType, name, uri }: Link) => ({ type: "resource_link" as const, uri, name, mimeType })

const blockOf = ({ content, mimeType, uri }: Kept) =>
  "text" in content
    ? { type: "resource" as const, resource: { uri, mimeType, text: content.text } }
    : mimeType.startsWith("image/")
    ? { type: "image" as const, data: content.base64, mimeType }
    : mimeType.startsWith("audio/")
    ? { type: "audio" as const, data: content.base64, mimeType }
    : { type: "resource" as const, resource: { uri, mimeType, blob: content.base64 } }

const given = ({ isError = false, kept = [], links = [], value }: Result): CallToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }, ...kept.map(blockOf), ...links.map(linkOf)],
  structuredContent: { ...value },
  ...(isError ? { isError } : {})
})

/** A call that was refused is a result too: models read those, and mend what they have asked for. */
const refusal = ({ details = [], message }: CommandFailed): CallToolResult => ({
  content: [{ type: "text", text: [message, ...details].join("\n") }],
  isError: true
})

const asProtocol = (code: number) => ({ details = [], message }: CommandFailed) =>
  new RequestFailed({ code, message: [message, ...details].join("; ") })
