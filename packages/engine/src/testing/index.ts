/** What proves a host: conformance suites. */
export * as BackendConformance from "./BackendConformance.ts"
