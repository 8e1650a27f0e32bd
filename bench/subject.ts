/** What is measured: one step of about 200 bytes, in runs of any length. */
import * as Step from "@fermata/engine/Step"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

const pad = "x".repeat(120)

const Outcome = Schema.Struct({
  ok: Schema.Boolean,
  run: Schema.String,
  step: Schema.Int,
  at: Schema.Int,
  pad: Schema.String
})

const work = Step.make("work", {
  input: { i: Schema.Int },
  success: Outcome,
  onCrash: "rerun",
  run: ({ i }) => Effect.succeed({ ok: true, run: "run", step: i, at: 1_700_000_000_000 + i, pad })
})

/** `n` steps one after another. Reports the time at every tenth of the way through `marks`. */
export const Sequential = Workflow.make("sequential", {
  payload: { id: Schema.String, n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})
export const marks: Array<number> = []

export const Wide = Workflow.make("wide", {
  payload: { id: Schema.String, n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

export const Waiting = Workflow.make("waiting", {
  payload: { id: Schema.String },
  idempotencyKey: ({ id }) => id
})

export const handlers = Layer.mergeAll(
  Sequential.toLayer(Effect.fnUntraced(function*({ n }) {
    marks.length = 0
    for (let i = 0; i < n; i++) {
      if (i % Math.ceil(n / 10) === 0) marks.push(performance.now())
      yield* work({ i })
    }
    marks.push(performance.now())
    return n
  })),
  Wide.toLayer(Effect.fnUntraced(function*({ n }) {
    const done = yield* Effect.forEach(Array.from({ length: n }, (_, i) => i), (i) => work({ i }), {
      concurrency: "unbounded"
    })
    return done.length
  })),
  Waiting.toLayer(() => Effect.andThen(work({ i: 0 }), Effect.sleep("300 days")))
)

export const remove = (file: string) => {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true })
}

/** A host on this file, to be disposed of. */
export const host = (db: string, options: Omit<NodeHost.Options, "db"> = {}) =>
  ManagedRuntime.make(handlers.pipe(Layer.provideMerge(NodeHost.layer({ db, ...options }))))

/** ms per commit of a prepared INSERT of (run, seq, 200 bytes), one autocommit each. */
export const raw = (file: string, synchronous: "FULL" | "NORMAL", count: number): number => {
  remove(file)
  const db = new DatabaseSync(file)
  db.exec(
    `PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous};
     CREATE TABLE t(run TEXT, seq INTEGER, value TEXT, PRIMARY KEY(run, seq)) WITHOUT ROWID`
  )
  const insert = db.prepare("INSERT INTO t VALUES(?, ?, ?)")
  const value = "y".repeat(200)
  const start = performance.now()
  for (let seq = 0; seq < count; seq++) insert.run("run", seq, value)
  const elapsed = performance.now() - start
  db.close()
  remove(file)
  return elapsed / count
}
