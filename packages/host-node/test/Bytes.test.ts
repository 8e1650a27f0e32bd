/**
 * What a suspended run takes on disk, its indexes among it: counted in pages, on
 * runs with a step of about 200 bytes that wait for a signal.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Engine from "@fermata/engine/Engine"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Context, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as NodeHost from "../src/NodeHost.ts"
import * as TempFolder from "./support/TempFolder.ts"

/** 40 of them are its title, and what lists of runs find it by. */
const ceiling = 735
const runs = 1_000

const outcome = { ok: true, step: 0, at: 1_700_000_000_000, pad: "x".repeat(120) }
const work = Step.make("work", {
  input: { run: Schema.String, i: Schema.Int },
  success: Schema.Struct({
    ok: Schema.Boolean,
    run: Schema.String,
    step: Schema.Int,
    at: Schema.Int,
    pad: Schema.String
  }),
  onCrash: "rerun",
  run: ({ run }) => Effect.succeed({ ...outcome, run })
})
const Waiting = Workflow.make("waiting", {
  payload: { id: Schema.String },
  success: Schema.Boolean,
  idempotencyKey: ({ id }) => id
})
const app = Waiting.toLayer(({ id }) =>
  Effect.andThen(work({ run: id, i: 0 }), Signal.receive(Signal.make("approved", { schema: Schema.Boolean })))
)

describe("a suspended run", () => {
  it.live(`takes at most ${ceiling} bytes`, () =>
    Effect.gen(function*() {
      const db = join(yield* TempFolder.make, "fermata.db")
      const context = yield* Layer.build(app.pipe(Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL" }))))
      const reader = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(db, { readOnly: true })),
        (reader) => Effect.sync(() => reader.close())
      )
      const number = (sql: string) => Number(Object.values(reader.prepare(sql).get()!)[0])
      // Without the pages that are free: migrations leave some, which the first runs would take for nothing.
      const pages = () => number("PRAGMA page_count") - number("PRAGMA freelist_count")
      const bytes = () => pages() * number("PRAGMA page_size")
      const before = bytes()
      yield* Effect.forEach(
        Array.from({ length: runs }, (_, i) => `waiting-${i}`),
        (id) => Waiting.execute({ id }, { discard: true }),
        { concurrency: 50, discard: true }
      ).pipe(Effect.provide(context))
      yield* Context.get(context, Engine.Engine).settled
      assert.strictEqual(number("SELECT count(*) FROM runs WHERE status = 'suspended'"), runs)
      assert.isAtMost((bytes() - before) / runs, ceiling)
    }).pipe(Effect.scoped))
})
