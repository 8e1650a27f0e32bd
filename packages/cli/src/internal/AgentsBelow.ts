/** Agents that agents give work to: their runs are runs too, and somebody must serve them. */
import type * as Agent from "@fermata/agent/Agent"

/** The agents that get work of an agent, however far below. */
export const below = ({ agents }: Agent.Any, seen = new Set<Agent.Any>()): ReadonlyArray<Agent.Any> => {
  for (const agent of agents) {
    if (seen.has(agent)) continue
    seen.add(agent)
    below(agent, seen)
  }
  return [...seen]
}

/** What is wrong with a list of agents, as the rest of a sentence about it; undefined when nothing is. */
export const problemOf = (all: ReadonlyArray<{ readonly agent: Agent.Any }>): string | undefined => {
  const names = new Set<string>()
  for (const { agent: { name } } of all) {
    if (names.has(name)) return `has in "agents" a second agent "${name}"; give it another name`
    names.add(name)
  }
  for (const { agent: { agents, name } } of all) {
    const absent = agents.find((one) => !names.has(one.name))
    if (absent !== undefined) {
      return `has in "agents" "${name}", which gives work to "${absent.name}"; put that among them too`
    }
  }
  return undefined
}
