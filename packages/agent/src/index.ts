/** Agents on the durable engine. */
export * as AgentTool from "./AgentTool.ts"
export * as Model from "./Model.ts"
