/** What the loop brings to a run beside the tools of its agent: skills that the model may load, services that it may ask, and the tools of MCP servers. */
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ApiCall from "../ApiCall.ts"
import * as Skill from "../Skill.ts"
import * as ApiCalls from "./ApiCalls.ts"
import * as McpTools from "./mcp/McpTools.ts"
import type { Setup } from "./Setup.ts"
import * as Skills from "./Skills.ts"
import * as ToolStep from "./ToolStep.ts"

/** Who brings what. */
export interface Bringers {
  readonly skills: Skills.Bringers
  /** The hosts from which skills of a run may be fetched. */
  readonly skillHosts: ReadonlyArray<string> | undefined
  readonly services: ApiCalls.Bringers
  /** The MCP servers that the agent names. */
  readonly mcp: ReadonlyArray<string> | undefined
}

/** What a run has decided on. */
export type Chosen = Pick<Setup, "mcp" | "services" | "skills">

/** What a run has of it. */
export interface Brought extends Pick<McpTools.Held, "join" | "news" | "step"> {
  /** How long it is, in characters, what the model is told of these tools. */
  readonly characters: () => number
  /** What the model is told that is not in its instructions yet. */
  readonly told: string
  readonly keyOf: Skills.Held["keyOf"]
  /** Those who carry out the calls of these tools and of the agent's. */
  readonly carriers: (
    handlers: Toolkit.WithHandler<Record<string, Tool.Any>> | undefined
  ) => ToolStep.Kit["carryOut"]
}

/** What a run is to have, decided at its start. */
export const choose = ({ mcp = [], services, skills }: Bringers): Chosen => {
  const chosen = { services: ApiCalls.choose(services), skills: Skills.choose(skills) }
  return {
    ...(chosen.services === undefined ? {} : { services: chosen.services }),
    ...(chosen.skills === undefined ? {} : { skills: chosen.skills }),
    ...(mcp.length === 0 ? {} : { mcp })
  }
}

/** The names of these tools that each run of an agent has which brings this itself. */
export const namesOf = (
  { services, skills }: { readonly services?: ApiCalls.Bringers["own"]; readonly skills?: Skills.Bringers["own"] }
): ReadonlyArray<string> => [
  ...(Skills.choose({ own: skills, ofRun: undefined, ofProcess: undefined }) === undefined ? [] : [Skill.toolName]),
  ...(services === undefined || services.list.length === 0 ? [] : [ApiCall.toolName])
]

/** The rules of these tools, whatever a run has of them. */
export const toolOf = (name: string): Tool.Any | undefined =>
  name === Skill.toolName
    ? Skills.toolFor([])
    : name === ApiCall.toolName
    ? ApiCalls.toolFor([], { list: [] })
    : undefined

/** What a run has that decided on this, in its body; fails with what is wrong. */
export const hold = Effect.fnUntraced(function*(
  { mcp: servers, services: chosen, skills: choice }: Chosen,
  bringers: Bringers,
  run: string
) {
  const skills = yield* Effect.mapError(
    Skills.hold(choice, bringers.skills, bringers.skillHosts),
    (problem) => `its skills are not there: ${problem}`
  )
  const services = yield* Effect.fromResult(ApiCalls.hold(chosen, bringers.services))
  const mcp = yield* Effect.mapError(
    McpTools.hold(servers, run),
    (problem) => `its MCP servers are not there: ${problem}`
  )
  const list = chosen?.list ?? []
  const tools: Readonly<Record<string, Tool.Any>> = {
    ...(skills.list.length === 0 ? {} : { [Skill.toolName]: Skills.toolFor(skills.list) }),
    ...(list.length === 0 ? {} : { [ApiCall.toolName]: ApiCalls.toolFor(list, services) })
  }
  const own = (name: string, params: Schema.Json): Effect.Effect<ToolStep.Given, unknown> | undefined =>
    name === Skill.toolName
      ? Effect.map(
        skills.load(Skills.asked(params) ?? { name: "" }),
        (content) => ({ encodedResult: content, isFailure: false, preliminary: false })
      )
      : name === ApiCall.toolName
      ? ApiCalls.carryOut(list, services, params)
      : undefined
  const characters = Object.values(tools).reduce((sum, tool) => sum + ToolStep.lengthOf(tool), 0)
  return {
    join: (others) => mcp.join({ ...others, ...tools }),
    characters: () => characters + mcp.characters(),
    told: [skills.told, mcp.told].filter((text) => text !== "").join("\n\n"),
    news: mcp.news,
    step: mcp.step,
    keyOf: skills.keyOf,
    carriers: (handlers) => (name, params, call) => {
      const given = own(name, params) ?? mcp.carryOut(name, params)
      if (given !== undefined) return Effect.map(given, Stream.succeed)
      return handlers === undefined
        ? Effect.die(new Error(`No handler carries out "${name}"`))
        : (handlers.handle as unknown as ToolStep.Kit["carryOut"])(name, params, call)
    }
  } satisfies Brought as Brought
})
