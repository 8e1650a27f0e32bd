/** Runs Fermata programs on Node with SQLite. */
export * as HostSql from "./HostSql.ts"
export * as Migrations from "./Migrations.ts"
export * as NodeHost from "./NodeHost.ts"
export * as Queues from "./Queues.ts"
export * as Sqlite from "./Sqlite.ts"
export * as SqliteBackend from "./SqliteBackend.ts"
export * as SqliteChunks from "./SqliteChunks.ts"
export * as SqliteClient from "./SqliteClient.ts"
