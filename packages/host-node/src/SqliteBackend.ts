/**
 * The storage seam on SQLite: one file, which many processes may share.
 */
import type { Backend, Op, StorageFailed } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Reads from "./internal/Reads.ts"
import { prepare } from "./internal/Rows.ts"
import * as Writes from "./internal/Writes.ts"
import * as Sqlite from "./Sqlite.ts"

/**
 * Opens the database, creating and migrating it as needed, and closes it with the scope.
 *
 * Fails with `StorageFailed` for a file that is not a Fermata database or was
 * written by a newer version. While another process writes, an operation waits
 * without blocking the event loop; otherwise it completes synchronously.
 */
export const make = (options: Sqlite.Options): Effect.Effect<Backend, StorageFailed, Scope.Scope> =>
  Effect.map(Sqlite.open(options), ({ attempt, db }) => {
    const writes = Writes.make(db)
    const reads = Reads.make(db)
    const begin = prepare(db, "BEGIN IMMEDIATE")
    const commit = prepare(db, "COMMIT")

    const transact = (ops: ReadonlyArray<Op>) => {
      if (ops.length === 0) return []
      begin.run()
      try {
        const answers = ops.map(writes.apply)
        commit.run()
        return answers
      } catch (cause) {
        if (db.isTransaction) db.exec("ROLLBACK")
        writes.forget()
        throw cause
      }
    }
    const read = <A>(work: () => A) => attempt("read", work)

    return {
      supports: { shared: true, writes: options.readOnly !== true },
      write: (ops) => attempt("write", () => transact(ops) as never),
      run: (id) => read(() => reads.run(id)),
      runs: (filter) => read(() => reads.runs(filter)),
      runIds: (prefix, limit) => read(() => reads.runIds(prefix, limit)),
      entries: (run, from, limit) => read(() => reads.entries(run, from, limit)),
      blob: (hash) => read(() => reads.blob(hash)),
      inboxOf: (owner, limit) => read(() => reads.inboxOf(owner, limit)),
      inbox: (run) => read(() => reads.inbox(run)),
      outbox: (limit, events) => read(() => reads.outbox(limit, events)),
      approvals: (run, limit) => read(() => reads.approvals(run, limit)),
      subscriptions: (event) => read(() => reads.subscriptions(event)),
      definitions: read(reads.definitions),
      definition: (name, version) => read(() => reads.definition(name, version)),
      definitionByHash: (hash) => read(() => reads.definitionByHash(hash)),
      owners: read(reads.owners),
      nextDue: (after, roots) => read(() => reads.nextDue(after, roots)),
      census: read(reads.census),
      version: read(reads.version)
    }
  })
