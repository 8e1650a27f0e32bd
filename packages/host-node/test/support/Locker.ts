/**
 * A process that holds the write lock of a database: it says "locked", answers
 * each "ping" with "pong", and on "release" commits, says "released" and ends.
 */
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"

const db = new DatabaseSync(process.argv[2]!)
db.exec("BEGIN IMMEDIATE")
process.stdout.write("locked\n")
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "ping") process.stdout.write("pong\n")
  if (line === "release") {
    db.exec("COMMIT")
    process.stdout.write("released\n")
    break
  }
}
db.close()
process.stdin.destroy()
