/** A tool by which a model looks among the tools that it has. */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AgentTool from "./AgentTool.ts"
import * as ToolStep from "./internal/ToolStep.ts"

const Found = Schema.Struct({ name: Schema.String, description: Schema.String, parameters: Schema.Json })

/** Looks for tools by words of their names and descriptions. */
export const ToolSearch = Tool.make("ToolSearch", {
  description:
    "Looks for tools by words that stand in their names and descriptions, or by their names as select:A,B. Gives the best first, with their parameters.",
  parameters: Schema.Struct({
    query: Schema.NonEmptyString,
    max_results: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 })))
  }),
  success: Schema.Array(Found)
}).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))

/** The tool, to be merged with those of an agent. */
export const toolkit = Toolkit.make(ToolSearch)

/** Looks among the tools of whoever calls. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> = toolkit.toLayer({
  ToolSearch: ({ max_results = 5, query }) =>
    Effect.map(
      ToolStep.CurrentKit,
      (kit) =>
        best(Object.values(kit?.tools ?? {}), query).slice(0, max_results).map((tool) => ({
          name: tool.name,
          description: tool.description ?? "",
          parameters: Tool.getJsonSchema(tool) as Schema.Json
        }))
    )
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const best = (tools: ReadonlyArray<Tool.Any>, query: string): ReadonlyArray<Tool.Any> => {
  const named = /^select:(.*)$/s.exec(query)?.[1]
  if (named !== undefined) {
    const names = new Set(named.split(",").map((name) => name.trim()))
    return tools.filter(({ name }) => names.has(name))
  }
  const words = query.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "")
  return tools.map((tool) => ({ tool, score: scoreOf(tool, words) })).filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.tool.name < b.tool.name ? -1 : 1)).map(({ tool }) => tool)
}

/** A name says more than a description. */
const scoreOf = (tool: Tool.Any, words: ReadonlyArray<string>): number => {
  const [name, description] = [tool.name.toLowerCase(), (tool.description ?? "").toLowerCase()]
  return words.reduce(
    (score, word) => score + (name === word ? 10 : name.includes(word) ? 5 : 0) + (description.includes(word) ? 1 : 0),
    0
  )
}
