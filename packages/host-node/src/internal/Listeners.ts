/**
 * Who listens to a run, and what becomes of it when they leave, as SQL. Each
 * must be called inside a write transaction.
 */
import type { Answers, CommitOp, InboxOp, LeaveOp, ListenOp, OutboxRow, StartOp } from "@fermata/engine/Backend"
import * as TaskTables from "@fermata/engine/TaskTables"
import type { DatabaseSync } from "node:sqlite"
import { prepare, text, textOrNull } from "./Rows.ts"

/** The keeper of a run whose keeper has left it: the last to leave it stops it. */
const nobody = ""

/** `keyOf` finds the key of a run by its id, `inbox` puts a row into an inbox, and `send` one into the outbox. */
export const make = (
  db: DatabaseSync,
  keyOf: (id: string) => number | undefined,
  inbox: (op: InboxOp) => Answers["inbox"],
  send: (row: OutboxRow) => void
) => {
  const listen = prepare(
    db,
    "INSERT INTO listeners (run, listener) VALUES (?, ?) ON CONFLICT (run, listener) DO NOTHING"
  )
  const unlisten = prepare(db, "DELETE FROM listeners WHERE run = ? AND listener = ?")
  const listeners = prepare(db, "SELECT listener FROM listeners WHERE run = ? ORDER BY listener")
  // A task that has handed itself over wants its run until it leaves it.
  const openListener = prepare(
    db,
    `SELECT 1 FROM listeners LEFT JOIN runs ON runs.id = listeners.listener
     WHERE listeners.run = ? AND (listeners.listener LIKE 'task:%' OR runs.status IN ('queued', 'running', 'suspended'))
     LIMIT 1`
  )
  const listenedTo = prepare(
    db,
    "SELECT runs.id FROM listeners JOIN runs ON runs.key = listeners.run WHERE listeners.listener = ? ORDER BY runs.id"
  )
  const endedWith = prepare(db, "SELECT ended FROM runs WHERE key = ?")
  const keeperOf = prepare(db, "SELECT keeper FROM runs WHERE key = ?")
  const setKeeper = prepare(db, "UPDATE runs SET keeper = ?2 WHERE key = ?1 AND keeper IS NOT NULL")
  const isPending = prepare(db, "SELECT 1 FROM outbox WHERE id = ?")

  const isApplied = (message: string | undefined): boolean =>
    message !== undefined && isPending.get(message) === undefined

  const tell = (listener: string, ended: string, payload: string, at: number): void => {
    const task = TaskTables.taskOfListener(listener)
    if (task !== undefined) return send(TaskTables.endedRow(task, ended, payload))
    inbox({ op: "inbox", row: { run: listener, id: `child:${ended}`, kind: "child", payload, at } })
  }

  const leave = ({ listener, message, row }: LeaveOp): Answers["leave"] => {
    const key = keyOf(row.run)
    if (key === undefined || isApplied(message) || unlisten.run(key, listener) === 0) return { stopped: false }
    const keeper = textOrNull(keeperOf.get(key)!, "keeper")
    if (keeper === listener) setKeeper.run(key, nobody)
    else if (keeper !== nobody) return { stopped: false }
    if (openListener.get(key) !== undefined) return { stopped: false }
    return { stopped: inbox({ op: "inbox", row }).result === "accepted" }
  }

  return {
    add: (key: number, listener: string): void => void listen.run(key, listener),
    /** A run that is there is asked for again. */
    join: (key: number, { listener, message, run }: StartOp): void => {
      if (isApplied(message)) return
      if (listener === null) return void setKeeper.run(key, null)
      const payload = textOrNull(endedWith.get(key)!, "ended")
      if (payload === null) listen.run(key, listener)
      else tell(listener, run.id, payload, run.createdAt)
    },
    listen: ({ at, listener, message, run }: ListenOp): Answers["listen"] => {
      if (isApplied(message)) return {}
      const key = keyOf(run)
      const payload = key === undefined ? TaskTables.gone : textOrNull(endedWith.get(key)!, "ended")
      if (payload === null) listen.run(key!, listener)
      else tell(listener, run, payload, at)
      return {}
    },
    /** In the order of their ids. */
    of: (key: number): ReadonlyArray<string> => listeners.all(key).map((row) => text(row, "listener")),
    tell,
    leave,
    leaveAll: (listener: string, { except, row }: NonNullable<CommitOp["leaves"]>, at: number): void => {
      for (const found of listenedTo.all(listener)) {
        const run = text(found, "id")
        if (!except.includes(run)) leave({ op: "leave", listener, row: { ...row, run, at } })
      }
    }
  }
}
