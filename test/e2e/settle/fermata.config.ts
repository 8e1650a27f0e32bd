/** Programs whose steps leave something to an operator after a crash. */
import { defineConfig } from "@fermata/cli/Config"
import * as Step from "@fermata/engine/Step"
import * as HostSql from "@fermata/host-node/HostSql"
import { Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Workflow } from "effect/workflow"
import { appendFileSync } from "node:fs"

/** What the bodies of steps did, as lines of a file that the test reads. */
const log = (text: string) =>
  Effect.sync(() => {
    const file = process.env["FIXTURE_LOG"]
    if (file !== undefined) appendFileSync(file, `${text}\n`)
  })

/** Does not end, except in a process that has `FIXTURE_GO`, and says when it is time to kill it. */
const hold = log("hold begins").pipe(
  Effect.andThen(Effect.sync(() => console.log("hold begins"))),
  Effect.andThen(Effect.suspend(() => process.env["FIXTURE_GO"] === undefined ? Effect.never : Effect.succeed("held")))
)

const after = Step.make("after", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  run: (text) => Effect.as(log(`after ${text}`), `after ${text}`)
})

const define = <const Name extends string>(name: Name) =>
  Workflow.make(name, { payload: { id: Schema.String }, success: Schema.String, idempotencyKey: ({ id }) => id })

const asking = Step.make("hold", { success: Schema.String, onCrash: "ask", run: () => hold })
const HeldAsk = define("HeldAsk").toLayer(() => Effect.flatMap(asking(), after))

/** Its probe answers what `FIXTURE_PROBE` says, and fails without it. */
const probed = Step.make("hold", {
  success: Schema.String,
  onCrash: "probe",
  probe: () => {
    const found = process.env["FIXTURE_PROBE"]
    if (found === undefined) return Effect.fail("the service does not answer")
    return Effect.as(log("probed"), found === "nothing" ? Option.none() : Option.some(found))
  },
  run: () => hold
})
const HeldProbe = define("HeldProbe").toLayer(() => Effect.flatMap(probed(), after))

/** Takes a seat in a table of its own, and kills its process in the middle of that where it is told to. */
const Book = Workflow.make("Book", {
  payload: { name: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ name }) => name
})
const book = Step.make("book", {
  input: Schema.String,
  success: Schema.Int,
  onCrash: "commit-together",
  run: Effect.fnUntraced(function*(name) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO seats ${sql.insert({ name })}`
    if (process.env["FIXTURE_KILL"] !== undefined) process.kill(process.pid, "SIGKILL")
    const [row] = yield* sql<{ readonly count: number }>`SELECT count(*) AS count FROM seats`
    return row!.count
  }, Effect.orDie)
})
const BookLayer = Book.toLayer(({ name }) => book(name)).pipe(
  Layer.merge(
    Layer.effectDiscard(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE IF NOT EXISTS seats (name TEXT)`))
  ),
  Layer.provide(HostSql.layer)
)

export default defineConfig({ workflows: [HeldAsk, HeldProbe, BookLayer] })
