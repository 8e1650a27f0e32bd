/** Tools with annotations. */
import type * as Tool from "effect/ai/Tool"
import type * as Context from "effect/Context"

/** The tool with these annotations beside its own. Every tool can be annotated; the type of any tool does not say so. */
export const annotated = <T = Tool.Any>(tool: Tool.Any, annotations: Context.Context<never>): T =>
  (tool as unknown as { readonly annotateMerge: (annotations: Context.Context<never>) => T }).annotateMerge(annotations)
