/**
 * The host's `SqlClient`, for your own tables in the file where the host keeps
 * its runs.
 *
 * In the body of a step with `onCrash: "commit-together"` it speaks on the
 * connection of the journal, inside the transaction that records the step, so
 * that your rows and the record are there together or not at all. This holds
 * for every use of the client in the body, also by services that were built
 * with it long before. Everywhere else it has a connection of its own, opened
 * when it is first used.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { SqliteClient } from "./SqliteClient.ts"

/** Given by `NodeHost.layer`. */
export class HostSql extends Context.Service<HostSql, SqliteClient>()("@fermata/host-node/HostSql") {}

/** The host's client under the names by which SQL code asks for one. */
export const layer: Layer.Layer<SqliteClient | SqlClient.SqlClient, never, HostSql> = Layer.effectContext(
  Effect.map(HostSql, (client) => Context.make(SqliteClient, client).pipe(Context.add(SqlClient.SqlClient, client)))
)
