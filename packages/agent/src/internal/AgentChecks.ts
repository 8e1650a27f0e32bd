/** What is wrong with the definition of an agent: each throws, and says what would be right. */
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import * as HttpService from "@fermata/engine/HttpService"
import * as Result from "effect/Result"
import * as ApiCall from "../ApiCall.ts"
import * as Skill from "../Skill.ts"
import * as McpNames from "./mcp/McpNames.ts"
import * as ModelStep from "./ModelStep.ts"

/** Each tool has a name of its own, and none that of a step of the loop. */
export const names = (
  name: string,
  own: Readonly<Record<string, unknown>>,
  agents: ReadonlyArray<{ readonly name: string }>,
  options: { readonly mcp?: ReadonlyArray<string> }
): void => {
  const taken = new Set<string>([ModelStep.stepName])
  const { mcp = [] } = options
  const twice = mcp.find((server, index) => mcp.indexOf(server) !== index)
  if (twice !== undefined) throw new Error(`Agent "${name}" has MCP server "${twice}" twice: name it once`)
  for (const tool of [...Object.keys(own), ...agents.map((agent) => agent.name)]) {
    if (tool === ModelStep.stepName) {
      throw new Error(
        `Agent "${name}" has a tool "${tool}", which is what its model calls are named: name it otherwise`
      )
    }
    if (tool === Skill.toolName) {
      throw new Error(`Agent "${name}" has a tool "${tool}", which is how a model asks for skills: name it otherwise`)
    }
    if (tool === ApiCall.toolName) {
      throw new Error(`Agent "${name}" has a tool "${tool}", which is how a model asks services: name it otherwise`)
    }
    if (mcp.length > 0 && (tool.startsWith("mcp__") || McpNames.common.includes(tool))) {
      throw new Error(
        `Agent "${name}" has a tool "${tool}", which is what tools of MCP servers are named: name it otherwise`
      )
    }
    if (taken.has(tool)) throw new Error(`Agent "${name}" has two tools "${tool}": name one of them otherwise`)
    taken.add(tool)
  }
}

/** Each skill has a name of its own, and the hosts that skills are fetched from are hosts. */
export const skills = (
  who: string,
  { skillHosts, skills }: { readonly skills?: unknown; readonly skillHosts?: ReadonlyArray<string> }
): void => {
  const names: ReadonlyArray<string> = Array.isArray(skills) ? skills.map((skill: Skill.Skill) => skill.name) : []
  const twice = names.find((skill, index) => names.indexOf(skill) !== index)
  if (twice !== undefined) throw new Error(`${who} has two skills "${twice}": name one of them otherwise`)
  if (skillHosts !== undefined) EgressPolicy.make({ only: skillHosts })
}

/** The services that a run is given are services. */
export const services = (entries: ReadonlyArray<HttpService.Entry> = []): void => {
  const read = HttpService.all(entries)
  if (Result.isFailure(read)) throw read.failure
}

/** The numbers of an agent are what they must be. */
export const numbers = (
  name: string,
  { compaction = {}, limits = {}, temperature }: Given
): void => {
  for (const [part, values] of [["limits", limits], ["compaction", compaction]] as const) {
    for (const [key, least] of Object.entries(lowest)) {
      const value = (values as Readonly<Record<string, unknown>>)[key]
      if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= least)) continue
      throw new Error(`Agent "${name}": ${part}.${key} is ${String(value)}; it must be a whole number from ${least}`)
    }
  }
  const { threshold } = compaction
  if (threshold !== undefined && !(threshold > 0 && threshold <= 1)) {
    throw new Error(`Agent "${name}": compaction.threshold is ${threshold}; it must be above 0 and at most 1`)
  }
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    throw new Error(`Agent "${name}": temperature is ${temperature}; it must be from 0 to 2`)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Given {
  readonly limits?: object
  readonly compaction?: { readonly threshold?: number }
  readonly temperature?: number
}

/** The lowest that a number may be, and what it counts. */
const lowest: Readonly<Record<string, number>> = {
  turns: 1,
  depth: 0,
  toolConcurrency: 1,
  maxTokens: 1,
  raisedMaxTokens: 1,
  retries: 0,
  repairs: 0,
  contextLimit: 1,
  keepLast: 0,
  summaryMaxTokens: 1
}
