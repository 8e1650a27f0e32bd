/** Serves the HTTP surface of Fermata. */
export * as Server from "./Server.ts"
export * as ServerAccess from "./ServerAccess.ts"
export type * as ServerOptions from "./ServerOptions.ts"
export * as Streams from "./Streams.ts"
