/** Serves the HTTP surface of Fermata. */
export * as AgentBodies from "./AgentBodies.ts"
export * as AgentGate from "./AgentGate.ts"
export * as AgentHttp from "./AgentHttp.ts"
export * as MetricsServer from "./MetricsServer.ts"
export * as Server from "./Server.ts"
export * as ServerAccess from "./ServerAccess.ts"
export type * as ServerOptions from "./ServerOptions.ts"
export * as Streams from "./Streams.ts"
