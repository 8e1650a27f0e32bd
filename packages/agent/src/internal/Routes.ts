/** Where the calls of an answer go: what is true of each tool, and what policy says of each call. Pure. */
import type { AnswerPart } from "@fermata/core/AgentMessage"
import type * as Tool from "effect/ai/Tool"
import * as AgentTool from "../AgentTool.ts"
import type { Policy } from "../Policy.ts"
import * as Skill from "../Skill.ts"
import type { Route } from "./Setup.ts"
import * as Skills from "./Skills.ts"
import type * as ToolStep from "./ToolStep.ts"

/** A call that a model has made, whole or not. */
export type Call = Extract<AnswerPart, { readonly type: "call" | "broken-call" }>

/** The calls of an answer, in order. */
export const callsOf = (content: ReadonlyArray<AnswerPart>): ReadonlyArray<Call> =>
  content.filter((part): part is Call => part.type === "call" || part.type === "broken-call")

/** What a route goes by. */
export interface Known {
  readonly agent: string
  /** Agents above this one, and how many there may be. */
  readonly depth: number
  readonly maxDepth: number
  readonly tools: Readonly<Record<string, Tool.Any>>
  /** The tools that are agents. */
  readonly agents: ReadonlySet<string>
  readonly policy: Policy
  readonly kit: Pick<ToolStep.Kit, "missing">
  /** What the model was told of skills. */
  readonly memory: Skills.Memory
}

/** Where the calls of one answer go. What several of them ask for is said once. */
export const of = (calls: ReadonlyArray<Call>, known: Known): ReadonlyArray<Route> => {
  const underway = new Set<string>()
  return calls.map((call) => {
    const skill = skillOf(call)
    const key = skill === undefined ? undefined : known.memory.keyOf(skill)
    if (key !== undefined && underway.has(key)) {
      return refused(`${Skills.words(skill!)} is what another call of this answer loads`)
    }
    if (key !== undefined) underway.add(key)
    return one(call, known)
  })
}

/** The skill that a call asks for. */
export const skillOf = (call: Call): Skills.Asked | undefined =>
  call.type === "call" && call.tool === Skill.toolName ? Skills.asked(call.params) : undefined

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const one = (call: Call, known: Known): Route => {
  const { agent, agents, depth, maxDepth, policy, tools } = known
  const tool = Object.hasOwn(tools, call.tool) ? tools[call.tool] : undefined
  if (tool === undefined) {
    const names = Object.keys(tools)
    return refused(
      `there is no tool "${call.tool}"; there ${names.length === 0 ? "is none" : `is ${names.join(", ")}`}`
    )
  }
  if (call.type === "broken-call") return refused("its arguments are not whole JSON, so that it was not called")
  const skill = skillOf(call)
  const key = skill === undefined ? "" : known.memory.keyOf(skill)
  if (skill !== undefined && known.memory.shown.has(key)) {
    return refused(`${Skills.words(skill)} is loaded already: its content is above`)
  }
  // It was said before, and is not in the conversation any more.
  if (skill !== undefined && known.memory.said.has(key)) return { to: "memory" }
  const missing = known.kit.missing(call.tool)
  if (missing !== undefined) return refused(missing)
  const isAgent = agents.has(call.tool)
  if (isAgent && depth >= maxDepth) return refused(`${maxDepth} agents are above it already; do it without another`)
  const rules = AgentTool.rulesOf(tool, call.params)
  const to = isAgent ? "agent" : AgentTool.isInRun(tool) ? "run" : "step"
  const decision = policy({ agent, depth, tool: call.tool, params: call.params, rules })
  const plans = !isAgent && AgentTool.planOf(tool) !== undefined
  const route = { to, safe: rules.safe, ...(plans ? { plans } : {}) } as const
  switch (decision.decision) {
    case "allow":
      return route
    case "deny":
      return refused(`it is not allowed: ${decision.reason}`)
    case "modify":
      return {
        ...route,
        safe: AgentTool.rulesOf(tool, decision.params).safe,
        instead: { params: decision.params, reason: decision.reason }
      }
    case "ask":
      return {
        ...route,
        ask: {
          approvers: decision.approvers,
          ...(decision.notBy === undefined ? {} : { notBy: decision.notBy }),
          ...(decision.escalate === undefined ? {} : { escalate: decision.escalate }),
          ...(decision.remind === undefined ? {} : { remind: decision.remind }),
          prompt: decision.prompt ?? `Agent "${agent}" wants to call ${call.tool}.`,
          judges: true,
          ...(decision.always === undefined ? {} : { always: decision.always })
        }
      }
  }
}

const refused = (reason: string): Route => ({ to: "nobody", reason })
