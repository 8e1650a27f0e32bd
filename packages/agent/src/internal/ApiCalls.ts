/** The services of one run: which there are, decided at its start; what the model is told of them; and how they are asked. */
import * as HttpRequest from "@fermata/engine/HttpRequest"
import * as HttpService from "@fermata/engine/HttpService"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AgentTool from "../AgentTool.ts"
import * as ApiCall from "../ApiCall.ts"

/** Whose services a run has, and which these are. */
export const Choice = Schema.Struct({
  from: Schema.Literals(["agent", "run", "process"]),
  list: Schema.Array(ApiCall.Listed)
})
export type Choice = typeof Choice.Type

/** Who may bring services: the agent, whoever starts a run, and the process. */
export interface Bringers {
  readonly own: HttpService.Services | undefined
  readonly ofRun: ReadonlyArray<HttpService.Entry> | undefined
  readonly ofProcess: HttpService.Services
}

/** Those of the run alone, where it has any; else those of the agent; else those of the process. */
export const choose = (bringers: Bringers): Choice | undefined => {
  const from = bringers.ofRun !== undefined ? "run" : bringers.own !== undefined ? "agent" : "process"
  const list = entriesOf(bringers, from).map(listed)
  return list.length === 0 ? undefined : { from, list }
}

/** The tool by which a model asks one of these. */
export const toolFor = (list: ReadonlyArray<ApiCall.Listed>, services: HttpService.Services): Tool.Any =>
  Tool.make(ApiCall.toolName, {
    description: `Asks a service over HTTP. Who asks is added to the request: give no keys or tokens. Services:\n${
      list.map(words).join("\n")
    }`,
    parameters: parametersFor(list),
    success: HttpRequest.Reply
  }).annotateMerge(AgentTool.rules({
    onCrash: "ask",
    safe: false,
    permission: "network",
    subject: ApiCall.subject,
    ofCall: (params) => {
      const asked = methodOf(params)
      if (asked === undefined) return {}
      const onCrash = HttpService.crashRule(services, asked)
      return HttpService.isReading(asked.method) ? { onCrash, safe: true, permission: "read" } : { onCrash }
    }
  })) as unknown as Tool.Any

/** The services of a run that decided on these, or what is wrong with those that it was given. */
export const hold = (
  choice: Choice | undefined,
  { ofProcess, ofRun = [], own }: Bringers
): Result.Result<HttpService.Services, string> => {
  switch (choice?.from) {
    case "run":
      return Result.map(
        Result.mapError(HttpService.all(ofRun), ({ message }) => message),
        (list) => ({ ...(own ?? ofProcess), list })
      )
    case "process":
      return Result.succeed(ofProcess)
    default:
      return Result.succeed(own ?? { list: [] })
  }
}

/** Makes a call of the tool, in the body of its step. */
export const carryOut = Effect.fnUntraced(function*(
  list: ReadonlyArray<ApiCall.Listed>,
  services: HttpService.Services,
  params: Schema.Json
) {
  const asked = yield* Schema.decodeUnknownEffect(parametersFor(list))(params)
  const context = yield* AgentTool.call
  const reply = yield* ApiCall.request(services, asked, context)
  return { encodedResult: reply, isFailure: reply.status >= 400, preliminary: false }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const entriesOf = (
  { ofProcess, ofRun = [], own }: Bringers,
  from: Choice["from"]
): ReadonlyArray<HttpService.Entry> => {
  switch (from) {
    case "run":
      return ofRun
    case "agent":
      return (own?.list ?? []).map(({ entry }) => entry)
    case "process":
      return ofProcess.list.map(({ entry }) => entry)
  }
}

const listed = ({ allowedMethods, allowedPaths, description, name }: HttpService.Entry): ApiCall.Listed => ({
  name,
  methods: allowedMethods ?? HttpService.Method.literals,
  ...(description === undefined ? {} : { description }),
  ...(allowedPaths === undefined ? {} : { paths: allowedPaths })
})

const words = ({ description, methods, name, paths }: ApiCall.Listed): string =>
  `- ${name}${description === undefined ? "" : `: ${description}`} (${methods.join(", ")}${
    paths === undefined ? "" : `; paths that match ${paths.join(" or ")}`
  })`

const parametersFor = (list: ReadonlyArray<ApiCall.Listed>) =>
  Schema.Struct({
    service: Schema.Literals(list.map(({ name }) => name)),
    method: Schema.Literals(
      HttpService.Method.literals.filter((method) => list.some(({ methods }) => methods.includes(method)))
    ),
    path: Schema.String.annotate({ description: "Begins with a slash." }),
    query: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))
    ),
    body: Schema.optionalKey(Schema.Json.annotate({ description: "JSON, or a text that is sent as it is." })),
    headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
  })

const isMethod = Schema.is(HttpService.Method)

const methodOf = (
  params: Schema.Json
): { readonly service: string; readonly method: HttpService.Method } | undefined => {
  if (typeof params !== "object" || params === null || Array.isArray(params)) return undefined
  const { method, service } = params as Schema.JsonObject
  return typeof service === "string" && isMethod(method) ? { service, method } : undefined
}
