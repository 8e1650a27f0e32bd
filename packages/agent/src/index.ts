/** Agents on the durable engine. */
export * as AgentTool from "./AgentTool.ts"
export * as Model from "./Model.ts"
export * as Anthropic from "./model/Anthropic.ts"
export * as ModelErrors from "./model/ModelErrors.ts"
export * as Models from "./model/Models.ts"
