/**
 * What proves a program: a host for tests, a simulator, and hosts that die at every write. The suites that prove a
 * store, a host and an engine need vitest, and have paths of their own.
 */
export * as CrashExplorer from "./CrashExplorer.ts"
export * as CrashHost from "./CrashHost.ts"
export * as Simulator from "./Simulator.ts"
export * as TestHost from "./TestHost.ts"
