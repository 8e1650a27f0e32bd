/**
 * The tools that MCP servers give a run: which there are is listed by a step at
 * its start and pinned, and what has changed since then is told to the model
 * between its turns. What a server has said is data here: it is recorded, and a
 * replay asks no server.
 */
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as AgentTool from "../../AgentTool.ts"
import type { McpFailed } from "../../mcp/McpServer.ts"
import * as McpServers from "../../mcp/McpServers.ts"
import { annotated } from "../Annotated.ts"
import * as ToolStep from "../ToolStep.ts"
import type * as Listing from "./Listing.ts"
import * as McpCalls from "./McpCalls.ts"
import * as McpNames from "./McpNames.ts"

/** A tool of a server, as it is pinned in a run. */
const Listed = Schema.Struct({
  /** As the model knows it. */
  name: Schema.String,
  /** As the server knows it. */
  tool: Schema.String,
  description: Schema.optionalKey(Schema.String),
  /** JSON Schema of its arguments. */
  schema: Schema.JsonObject,
  readOnly: Schema.optionalKey(Schema.Literal(true)),
  idempotent: Schema.optionalKey(Schema.Literal(true)),
  /** It is believed to. */
  reads: Schema.optionalKey(Schema.Literal(true))
})
type Listed = typeof Listed.Type

/** What a server has for a run, or why it has nothing. */
const Offered = Schema.Struct({
  server: Schema.String,
  instructions: Schema.String,
  tools: Schema.Array(Listed),
  resources: Schema.Boolean,
  prompts: Schema.optionalKey(Schema.Literal(true)),
  problem: Schema.optionalKey(Schema.String)
})
type Offered = typeof Offered.Type

/** The MCP servers of a run. */
export interface Held {
  /** Their tools beside these others, as they are now: what it gives is changed when the tools of a server are. */
  readonly join: (others: Readonly<Record<string, Tool.Any>>) => Readonly<Record<string, Tool.Any>>
  /** How long it is, in characters, what a model is told of their tools. */
  readonly characters: () => number
  /** What the model is told of the servers, behind its instructions. */
  readonly told: string
  /** The step of a tool of theirs. */
  readonly step: (name: string, onCrash: AgentTool.Rules["onCrash"]) => ToolStep.ToolStep | undefined
  /** Carries out a call of a tool of theirs. */
  readonly carryOut: (name: string, params: Schema.Json) => Effect.Effect<ToolStep.Given> | undefined
  /** What has changed at the servers since the model was told last, in words for it; in the body of the run. */
  readonly news: Effect.Effect<ReadonlyArray<string>, never, Engine | WorkflowInstance>
}

/** The servers of this run, in its body. Fails with what is wrong where one that it needs is not there. */
export const hold = Effect.fnUntraced(function*(wanted: ReadonlyArray<string> | undefined, run: string) {
  if (wanted === undefined) return none
  const servers = yield* McpServers.CurrentServers
  const first = yield* Effect.provideService(listStep({ servers: wanted }), McpServers.CurrentServers, servers)
  return new Mcp(servers, first, { run, chunks: yield* Chunks }) as Held
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const none: Held = {
  join: (others) => others,
  characters: () => 0,
  told: "",
  step: () => undefined,
  carryOut: () => undefined,
  news: Effect.succeed([])
}

/** No tool has a name with a space in it, and every tool has a step of its name. */
const listStep = Step.make("mcp list", {
  input: { servers: Schema.Array(Schema.String) },
  success: Schema.Array(Offered),
  error: Schema.String,
  onCrash: "rerun",
  run: Effect.fnUntraced(function*({ servers: names }) {
    const servers = yield* McpServers.CurrentServers
    const all = yield* Effect.forEach(names, (name) => offerOf(servers, name), { concurrency: "unbounded" })
    return pinned(all)
  })
})

const offerOf = (servers: McpServers.Servers, name: string): Effect.Effect<Offered, string> => {
  const connection = McpServers.connectionOf(servers, name)
  if (connection === undefined) {
    const { names } = servers
    return Effect.fail(
      `there is no MCP server "${name}" in this process; there ${
        names.length === 0 ? "is none" : `is ${names.join(", ")}`
      }`
    )
  }
  return connection.offer.pipe(
    Effect.map((offer) => offered(name, offer, connection.server.trusted === true)),
    Effect.catch(({ message, problem }: McpFailed) =>
      connection.server.optional === true
        ? Effect.succeed({ server: name, instructions: "", tools: [], resources: false, problem })
        : Effect.fail(message)
    )
  )
}

const offered = (
  server: string,
  { hasPrompts, hasResources, instructions, tools }: Listing.Offer,
  isTrusted: boolean
): Offered => ({
  server,
  instructions,
  resources: hasResources,
  ...(hasPrompts ? { prompts: true as const } : {}),
  tools: tools.flatMap(({ annotations = {}, description, inputSchema, name }) => {
    const schema = StoredJson.of(inputSchema)
    if (Result.isFailure(schema)) return []
    return [{
      name: McpNames.toolOf(server, name),
      tool: name,
      ...(description === undefined ? {} : { description }),
      schema: schema.success.read() as Schema.JsonObject,
      ...(annotations.readOnlyHint === true ? { readOnly: true as const } : {}),
      ...(annotations.idempotentHint === true ? { idempotent: true as const } : {}),
      ...(annotations.readOnlyHint === true && isTrusted ? { reads: true as const } : {})
    }]
  })
})

/** Each tool under a name of its own, and in one order whatever that of a server is. */
const pinned = (all: ReadonlyArray<Offered>): ReadonlyArray<Offered> => {
  const taken = new Set(McpNames.common)
  return all.map((each) => {
    const tools = each.tools.toSorted((a, b) => a.tool < b.tool ? -1 : 1)
    const names = McpNames.unique(tools.map(({ tool }) => McpNames.toolOf(each.server, tool)), taken)
    return { ...each, tools: tools.map((tool, index) => Object.assign({}, tool, { name: names[index]! })) }
  })
}

const { getPrompt, listPrompts, listResources, readResource } = McpNames

const Server = Schema.optionalKey(Schema.String)

const reads = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })

const resourceTools: Readonly<Record<string, Tool.Any>> = {
  [listResources]: Tool.make(listResources, {
    description: "Lists the resources of MCP servers, or of one of them: their addresses, names and kinds.",
    parameters: Schema.Struct({ server: Server }),
    success: Schema.Json
  }).annotateMerge(reads),
  [readResource]: Tool.make(readResource, {
    description: "Reads a resource of an MCP server, by its address.",
    parameters: Schema.Struct({ server: Schema.String, uri: Schema.String }),
    success: Schema.Json
  }).annotateMerge(reads)
}

const promptTools: Readonly<Record<string, Tool.Any>> = {
  [listPrompts]: Tool.make(listPrompts, {
    description: "Lists the prompts of MCP servers, or of one of them: what they are for and what they take.",
    parameters: Schema.Struct({ server: Server }),
    success: Schema.Json
  }).annotateMerge(reads),
  [getPrompt]: Tool.make(getPrompt, {
    description: "Gets a prompt of an MCP server, filled in with arguments.",
    parameters: Schema.Struct({
      server: Schema.String,
      name: Schema.String,
      arguments: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
    }),
    success: Schema.Json
  }).annotateMerge(reads)
}

/** What a server says of its tools decides what a crash in one of them means, and, where it is trusted, what policy takes it for. */
const toolOf = ({ description, idempotent, name, readOnly, reads, schema }: Listed): Tool.Any =>
  annotated(
    Tool.dynamic(name, { description, parameters: schema, success: Schema.Json }),
    AgentTool.rules({
      onCrash: readOnly === true || idempotent === true ? "rerun" : "ask",
      safe: readOnly === true,
      permission: reads === true ? "read" : "network"
    })
  )

class Mcp implements Held {
  private readonly tools = new Map<string, Tool.Any>()
  private readonly joined: Record<string, Tool.Any> = {}
  private readonly servers: McpServers.Servers
  private readonly log: McpCalls.Log
  private offers: ReadonlyArray<Offered>
  private readonly steps = new Map<Tool.Any, ToolStep.ToolStep>()

  constructor(servers: McpServers.Servers, offers: ReadonlyArray<Offered>, log: McpCalls.Log) {
    this.servers = servers
    this.log = log
    this.offers = offers
    this.take(offers)
  }

  get told(): string {
    return this.offers.map(sectionOf).filter((text) => text !== "").join("\n\n")
  }

  readonly join: Held["join"] = (others) => Object.assign(this.joined, others, Object.fromEntries(this.tools))

  readonly characters: Held["characters"] = () => {
    let sum = 0
    for (const tool of this.tools.values()) sum += ToolStep.lengthOf(tool)
    return sum
  }

  readonly step: Held["step"] = (name, onCrash) => {
    const tool = this.tools.get(name)
    if (tool === undefined) return undefined
    const made = this.steps.get(tool) ?? ToolStep.make(name, tool, onCrash)
    this.steps.set(tool, made)
    return made
  }

  readonly carryOut: Held["carryOut"] = (name, params) =>
    this.tools.has(name)
      ? Effect.map(
        this.given(name, params),
        ({ isFailure, open, result }) => ({ encodedResult: result, isFailure, preliminary: false, open })
      )
      : undefined

  readonly news: Held["news"] = Effect.suspend(() =>
    Effect.map(
      // What a process knows of a server is its own: whether it counts as changed is decided once.
      Workflows.decide("mcp", Schema.Array(Offered), () => this.changed()),
      (changed) => {
        const words = changed.flatMap((now) => {
          const before = this.offers.find(({ server }) => server === now.server)
          return before === undefined ? [] : [difference(before, now)]
        })
        if (changed.length > 0) {
          this.take(
            this.offers.map((each) => changed.find(({ server }) => server === each.server) ?? each)
          )
        }
        return words
      }
    )
  )

  /** Those that have something else to say than the model was told. A server that this process has not reached has not changed. */
  private changed(): ReadonlyArray<Offered> {
    const now = pinned(this.offers.map((before) => {
      const connection = McpServers.connectionOf(this.servers, before.server)
      return connection?.known === undefined
        ? before
        : offered(before.server, connection.known, connection.server.trusted === true)
    }))
    return now.filter((offer, index) => !SameJson.same(offer, this.offers[index]!))
  }

  private take(offers: ReadonlyArray<Offered>): void {
    this.offers = offers
    for (const name of this.tools.keys()) delete this.joined[name]
    this.tools.clear()
    if (offers.some(({ resources }) => resources)) {
      for (const [name, tool] of Object.entries(resourceTools)) this.tools.set(name, tool)
    }
    if (offers.some(({ prompts }) => prompts === true)) {
      for (const [name, tool] of Object.entries(promptTools)) this.tools.set(name, tool)
    }
    for (const { server, tools } of offers) {
      const resumes = this.servers.find(server)?.resumes === true
      for (const tool of tools) this.tools.set(tool.name, resumes ? this.asked(server, tool) : toolOf(tool))
    }
    Object.assign(this.joined, Object.fromEntries(this.tools))
  }

  /** A tool whose server may tell what came of a call that was cut short. */
  private asked(server: string, tool: Listed): Tool.Any {
    return AgentTool.probe(
      toolOf(tool),
      (params, context) =>
        Effect.map(
          McpCalls.probe(this.servers, calledOf(server, tool), params as Schema.Json, this.log, context),
          Option.map((outcome) => new ToolStep.Found(outcome))
        )
    )
  }

  private given(name: string, params: Schema.Json) {
    const withResources = this.offers.flatMap(({ resources, server }) => resources ? [server] : [])
    const withPrompts = this.offers.flatMap(({ prompts, server }) => prompts === true ? [server] : [])
    if (name === listPrompts) return McpCalls.list("prompts", this.servers, withPrompts, params)
    if (name === getPrompt) return McpCalls.prompt(this.servers, withPrompts, params)
    if (name === listResources) return McpCalls.list("resources", this.servers, withResources, params)
    if (name === readResource) return McpCalls.read(this.servers, withResources, params)
    const server = this.offers.find(({ tools }) => tools.some((tool) => tool.name === name))
    const tool = server?.tools.find((tool) => tool.name === name)
    return server === undefined || tool === undefined
      ? Effect.succeed(ToolStep.failure(`there is no tool "${name}"`))
      : McpCalls.call(this.servers, calledOf(server.server, tool), params, this.log)
  }
}

const calledOf = (server: string, { idempotent, readOnly, tool }: Listed): McpCalls.Called => ({
  server,
  tool,
  isRepeatable: readOnly === true || idempotent === true
})

const sectionOf = ({ instructions, problem, server }: Offered): string =>
  problem !== undefined
    ? `MCP server "${server}" ${problem}; what it has is not there.`
    : instructions === ""
    ? ""
    : `What MCP server "${server}" says of itself:\n${instructions}`

const hasNow = (what: string, had: boolean, has: boolean): ReadonlyArray<string> =>
  had === has ? [] : [has ? `it has ${what} now` : `it has no ${what} any more`]

/** Only what is not as it was. */
const difference = (before: Offered, now: Offered): string => {
  const had = new Map(before.tools.map((tool) => [tool.name, tool]))
  const has = new Set(now.tools.map(({ name }) => name))
  const named = (what: string, names: ReadonlyArray<string>) =>
    names.length === 0 ? [] : [`${what} ${names.join(", ")}`]
  const changes = [
    ...(now.instructions === before.instructions
      ? []
      : [
        now.instructions === "" ? "it says nothing of itself any more" : `it says of itself now: ${now.instructions}`
      ]),
    ...hasNow("resources", before.resources, now.resources),
    ...hasNow("prompts", before.prompts === true, now.prompts === true),
    ...named("there is now", now.tools.flatMap(({ name }) => had.has(name) ? [] : [name])),
    ...named("there is no more", before.tools.flatMap(({ name }) => has.has(name) ? [] : [name])),
    ...named(
      "otherwise than before is",
      now.tools.flatMap((tool) => had.has(tool.name) && !SameJson.same(tool, had.get(tool.name)!) ? [tool.name] : [])
    )
  ]
  return `MCP server "${now.server}" has changed: ${changes.length === 0 ? "it is there again" : changes.join("; ")}`
}
