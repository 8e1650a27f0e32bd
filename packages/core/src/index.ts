/** The words of Fermata as data. */
export * as CrashRule from "./CrashRule.ts"
export * as EngineEvent from "./EngineEvent.ts"
export * as JournalEntry from "./JournalEntry.ts"
export * as RunStatus from "./RunStatus.ts"
export * as RunView from "./RunView.ts"
export * as Upcast from "./Upcast.ts"
