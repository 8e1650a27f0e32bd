import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as EntryLines from "../src/internal/EntryLines.ts"
import * as TempFolder from "./support/TempFolder.ts"

const script = fileURLToPath(new URL("support/Seller.ts", import.meta.url))

/** Runs a seller to its end: the signal that ended it, or what it printed. */
const sell = (file: string, moment: string) =>
  Effect.callback<string>((resume) => {
    const child = spawn(process.execPath, [script, file, moment], { stdio: ["ignore", "pipe", "inherit"] })
    let printed = ""
    child.stdout.on("data", (chunk) => printed += chunk)
    child.on("close", (code, signal) => resume(Effect.succeed(signal ?? `${code}: ${printed.trim()}`)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const look = (file: string) =>
  Effect.sync(() => {
    const db = new DatabaseSync(file)
    const texts = (sql: string) => db.prepare(sql).all().map((row) => String(Object.values(row)[0]))
    const seen = {
      tickets: texts("SELECT name FROM tickets"),
      records: texts("SELECT entries FROM journal ORDER BY run, last").flatMap((entries) => EntryLines.decode(entries))
        .map((entry) => JSON.parse(entry)).filter(({ key }) => key === "sell").map(({ _tag }) => _tag)
    }
    db.close()
    return seen
  })

describe("kill -9", () => {
  it.live("S2: in the body of a step that commits together leaves no row and no record, and the next process makes both", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      assert.strictEqual(yield* sell(file, "in the body"), "SIGKILL")
      assert.deepStrictEqual(yield* look(file), { tickets: [], records: ["StepRequested"] })
      assert.strictEqual(yield* sell(file, "never"), "0: 1")
      assert.deepStrictEqual(yield* look(file), {
        tickets: ["the cat"],
        records: ["StepRequested", "StepRequested", "StepCompleted"]
      })
    }))

  it.live("S1, S2: behind the step leaves both, and the next process makes neither", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      assert.strictEqual(yield* sell(file, "behind the step"), "SIGKILL")
      const both = { tickets: ["the cat"], records: ["StepRequested", "StepCompleted"] }
      assert.deepStrictEqual(yield* look(file), both)
      assert.strictEqual(yield* sell(file, "never"), "0: 1")
      assert.deepStrictEqual(yield* look(file), both)
    }))
})
