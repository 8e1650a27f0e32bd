/** A process that sells a ticket in one transaction with its record, and kills itself at the moment that it is told. */
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Workflow } from "effect/workflow"
import * as HostSql from "../../src/HostSql.ts"
import * as NodeHost from "../../src/NodeHost.ts"

const [file, moment] = [process.argv[2]!, process.argv[3]!]

const dieAt = (now: string) =>
  Effect.sync(() => {
    if (moment === now) process.kill(process.pid, "SIGKILL")
  })

const Sale = Workflow.make("sale", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const sell = Step.make("sell", {
  input: Schema.String,
  success: Schema.Int,
  onCrash: "commit-together",
  run: Effect.fnUntraced(function*(name) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO tickets ${sql.insert({ name })}`
    yield* dieAt("in the body")
    const [row] = yield* sql<{ readonly count: number }>`SELECT count(*) AS count FROM tickets`
    return row!.count
  }, Effect.orDie)
})

const tables = Layer.effectDiscard(
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE IF NOT EXISTS tickets (name TEXT)`)
)

const sales = Sale.toLayer(({ id }) => Effect.tap(sell(id), () => dieAt("behind the step"))).pipe(
  Layer.provideMerge(tables),
  Layer.provide(HostSql.layer),
  Layer.provideMerge(NodeHost.layer({ db: file, leaseMs: 500 }))
)

console.log(await Sale.execute({ id: "the cat" }).pipe(Effect.provide(sales), Effect.runPromise))
