/** What is deleted is gone from the file, byte for byte. */
import { assert, describe, it } from "@effect/vitest"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import * as Approval from "@fermata/engine/Approval"
import { AuditLog } from "@fermata/engine/AuditLog"
import { Bulk } from "@fermata/engine/Bulk"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import * as Engine from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { Retention } from "@fermata/engine/Retention"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import { Tenants } from "@fermata/engine/Tenants"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { Workflow } from "effect/workflow"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Planted wherever somebody may say something. */
const planted = "xylophone-of-the-deep"
const large = `${planted} `.repeat(20_000)

const Said = Signal.make("said", { schema: Schema.String })
const keeps = Step.make("keeps", {
  input: { text: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ text }, { keep }) => Effect.as(Effect.orDie(keep(`a report of ${text}`, { name: "report" })), large)
})
const Talk = Workflow.make("talk", {
  payload: { id: Schema.String, text: Schema.String },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ id }) => id
})
const Part = Workflow.make("part", {
  payload: { text: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ text }) => text
})
const workflows = Layer.mergeAll(
  Talk.toLayer(Effect.fnUntraced(function*({ text }) {
    yield* keeps({ text })
    yield* Approval.ask("ask", { prompt: `Is it ${text}?`, approvers: ["ada"] })
    yield* Part.execute({ text: `part ${text}` })
    return yield* Signal.receive(Said)
  })),
  Part.toLayer(({ text }) => Effect.succeed(text))
)

const world = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const db = join(folder, "fermata.db")
  const context = yield* Layer.build(
    Layer.mergeAll(
      AccessTokens.layer,
      AuditLog.layer,
      Bulk.layer,
      Events.layer,
      Retention.layer,
      Runs.layer,
      Tenants.layer,
      workflows
    ).pipe(Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL", worker: true })))
  )
  const engine = Context.get(context, Engine.Engine)
  const runs = Context.get(context, Runs)
  /** How often the text stands in the file and in its log. */
  const found = Effect.sync(() =>
    [db, `${db}-wal`].filter(existsSync).map((file) => readFileSync(file, "latin1").split(planted).length - 1)
      .reduce((sum, count) => sum + count, 0)
  )
  /** A conversation to its end, in which the text is said in every way. */
  const talk = Effect.fnUntraced(function*(id: string, labels: Record<string, string> = {}) {
    const { runId } = yield* runs.start("talk", { id, text: planted }, { title: `on ${planted}`, labels })
    yield* engine.settled
    yield* runs.answer(runId, { by: "ada", decision: "approve", note: `yes, ${planted}` })
    yield* engine.settled
    yield* runs.signal(runId, "said", `so ${planted}`, { by: "ada" })
    yield* engine.settled
    assert.strictEqual((yield* runs.find(runId)).status, "completed")
    return runId
  })
  return { context, db, engine, found, runs, talk }
})

const by = { by: "ops" }

describe("retention", () => {
  it.live(
    "N-62: of a tenant that is deleted nothing is left in the file, and others keep what they have",
    () =>
      Effect.gen(function*() {
        const { context, engine, found, runs, talk } = yield* world
        const tenants = Context.get(context, Tenants)
        const acme = CurrentTenant.within("acme")
        yield* acme(talk("one"))
        const cancelled = yield* acme(runs.start("talk", { id: "two", text: planted }))
        yield* engine.settled
        yield* acme(Context.get(context, Events).emit("order.placed", { of: planted }))
        yield* acme(runs.raiseDay("talk", { by: "ada", micros: 5, note: planted }))
        yield* acme(Context.get(context, Retention).set({ maxAgeMs: 1_000_000_000 }, by))
        yield* Context.get(context, AccessTokens).create({ name: "bob", scopes: ["read"], tenant: "acme", by: "ops" })
        yield* tenants.limit("acme", { openRuns: 9 }, by)
        const kept = yield* CurrentTenant.within("beta")(
          runs.start("part", { text: "of beta" })
        )
        yield* engine.settled
        assert.isAbove(yield* found, 20)

        const refused = yield* Effect.flip(tenants.delete("acme", by))
        assert.strictEqual(
          refused.message,
          "Tenant acme has 1 open runs: cancel them, or wait for their end, and then delete it"
        )
        yield* acme(runs.cancel(cancelled.runId, { by: "ops", reason: planted }))
        yield* engine.settled
        assert.deepStrictEqual(yield* tenants.delete("acme", by), { name: "acme", runs: 3 })

        assert.strictEqual(yield* found, 0)
        assert.deepStrictEqual((yield* tenants.list).map(({ name }) => name), ["beta"])
        assert.strictEqual((yield* runs.find(kept.runId)).status, "completed")
        const audit = Context.get(context, AuditLog)
        assert.isTrue((yield* audit.verify()).intact)
        const lines = yield* acme(audit.list())
        assert.include(lines.map(({ action }) => action), "run.cancel", "the lines of the audit stay")
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "N-62: of a session nothing is left, run by run or by its label, and what others share with it stays until they go",
    () =>
      Effect.gen(function*() {
        const { context, found, runs, talk } = yield* world
        const retention = Context.get(context, Retention)
        const bulk = Context.get(context, Bulk)
        const { backend } = Context.get(context, Store)
        yield* talk("1", { session: "s1" })
        yield* talk("2", { session: "s1" })
        const other = yield* talk("3", { session: "s2" })
        const { runId } = yield* bulk.start({ action: "delete", filter: { labels: { session: "s1" } } }, by)
        yield* Stream.runDrain(runs.follow(runId))
        assert.strictEqual((yield* runs.find(runId)).status, "completed")
        assert.isAbove(yield* found, 0)
        const [kept] = yield* runs.artifacts(other)
        assert.strictEqual((yield* runs.artifact(other, kept!.hash)).bytes, `a report of ${planted}`.length)
        yield* retention.delete(other, by)
        assert.strictEqual(yield* found, 0)
        assert.isNull(yield* backend.blob(kept!.hash))
      }).pipe(Effect.scoped),
    60_000
  )
})
