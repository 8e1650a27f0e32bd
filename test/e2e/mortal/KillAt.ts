/**
 * Loaded into a process before its program: kills it, as `kill -9` does, just
 * before the statement of SQLite with this number that may change a file.
 */
import { DatabaseSync, StatementSync } from "node:sqlite"

let left = Number(process.env["KILL_AT"])

const count = (): void => {
  if (--left === 0) process.kill(process.pid, "SIGKILL")
}

const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function(sql) {
  count()
  return exec.call(this, sql)
}

const { get, run } = StatementSync.prototype
StatementSync.prototype.run = function(this: StatementSync, ...values: ReadonlyArray<never>) {
  count()
  return run.apply(this, values as never)
}
StatementSync.prototype.get = function(this: StatementSync, ...values: ReadonlyArray<never>) {
  if (this.sourceSQL.startsWith("PRAGMA journal_mode")) count()
  return get.apply(this, values as never)
}
