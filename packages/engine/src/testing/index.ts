/** What proves a host and a program: conformance suites, a host for tests, and hosts that die at every write. */
export * as BackendConformance from "./BackendConformance.ts"
export * as CrashExplorer from "./CrashExplorer.ts"
export * as CrashHost from "./CrashHost.ts"
export * as HostConformance from "./HostConformance.ts"
export * as Simulator from "./Simulator.ts"
export * as TestHost from "./TestHost.ts"
export * as WorkflowConformance from "./WorkflowConformance.ts"
