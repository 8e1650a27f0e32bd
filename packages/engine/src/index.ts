/** What makes runs durable. */
export * as Backend from "./Backend.ts"
export * as HostClock from "./HostClock.ts"
export * as MemoryBackend from "./MemoryBackend.ts"
