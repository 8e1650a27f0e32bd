import { assert, describe, it } from "@effect/vitest"
import * as Signal from "@fermata/engine/Signal"
import * as Watchdog from "@fermata/engine/Watchdog"
import { CrashHost } from "@fermata/testing"
import { Effect, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const Go = Signal.make("go")
const W = Workflow.make("W", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
const layer = W.toLayer(({ id }) => id === "signal" ? Signal.receive(Go) : Effect.sleep("1 hour"))

describe("a damaged SQLite file", () => {
  for (
    const [reason, name, sql] of [
      ["timer-missed", "timer", "UPDATE runs SET due_at = NULL"],
      ["timer-missed", "timer", "UPDATE runs SET due_at = due_at + 7200000"],
      ["waits-empty", "signal", "UPDATE runs SET waits = '[]'"],
      ["waits-unreadable", "signal", "UPDATE runs SET waits = 'no json'"],
      ["never-due", "signal", "UPDATE runs SET status = 'running', reason = NULL, waits = NULL, due_at = NULL"],
      [
        "inbox-unread",
        "signal",
        "INSERT INTO inbox (run, id, kind, payload, at) SELECT key, 'i', 'signal', '{\"name\":\"other\",\"payload\":1}', 0 FROM runs; UPDATE runs SET inbox_count = 1"
      ]
    ] as const
  ) {
    it.effect(`S7: ${sql}: is reported as ${reason} within 60 s of host time, and the run goes on`, () =>
      Effect.gen(function*() {
        const file = join(yield* TempFolder.make, "fermata.db")
        const world = yield* CrashHost.makeOn(yield* SqliteBackend.make({ file }))
        const host = yield* world.start(layer)
        const id = yield* host.use(W.execute({ id: name }, { discard: true }))
        yield* host.settled
        yield* host.evict
        yield* host.settled
        assert.deepStrictEqual(yield* Watchdog.survey(world.backend, 0, 10), [])
        const database = new DatabaseSync(file)
        database.exec(sql)
        database.close()
        assert.deepStrictEqual((yield* Watchdog.survey(world.backend, 0, 10)).map((finding) => finding.reason), [
          reason
        ])
        for (let second = 0; second < 60; second++) yield* world.adjustHost(1_000)
        assert.deepInclude((yield* world.backend.findings(10))[0], { run: id, reason, woken: true })
        yield* host.evict
        yield* host.settled
        assert.include(yield* world.run(id), { status: "suspended", reason: name })
        assert.deepStrictEqual(yield* Watchdog.survey(world.backend, 0, 10), [])
        if (name === "signal") yield* world.tell(id, "signal", { name: "go", payload: null })
        else yield* TestClock.adjust("1 hour")
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "completed")
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))))
  }
})
