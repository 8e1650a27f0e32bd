import { assert, describe, it } from "@effect/vitest"
import type { RunExport } from "@fermata/core/RunExport"
import * as SecretRef from "@fermata/core/SecretRef"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Approval from "../src/Approval.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { Retention } from "../src/Retention.ts"
import { RunExports } from "../src/RunExports.ts"
import { Runs } from "../src/Runs.ts"
import * as Secrets from "../src/Secrets.ts"
import * as Step from "../src/Step.ts"
import { begin, define, Log } from "./support/Program.ts"

const by = { by: "ada" }
const large = "a large value ".repeat(10_000)

const Top = define("Top")
const Below = define("Below")

/** A run with a child, an artifact, a large value and a question. */
const program = (log: Log) =>
  Layer.merge(
    Top.toLayer(Effect.fnUntraced(function*({ id }) {
      yield* Step.make("keep", {
        success: Schema.String,
        onCrash: "rerun",
        run: (_, { keep }) =>
          log.add(`keep ${id}`).pipe(
            Effect.andThen(Effect.orDie(keep("a report", { name: "report" }))),
            Effect.as(large)
          )
      })()
      yield* Effect.orDie(Below.execute({ id: `${id} below` }))
      if (id.startsWith("asks")) yield* Effect.orDie(Approval.ask("go on", { prompt: "Go on?", approvers: ["ada"] }))
      yield* Step.make("last", { onCrash: "rerun", run: () => log.add(`last ${id}`) })()
      return id
    })),
    Below.toLayer(({ id }) => Effect.succeed(id))
  )

const life = Effect.fnUntraced(function*() {
  const log = new Log()
  const world = yield* CrashHost.make
  const host = yield* world.start(program(log))
  const verbs = yield* host.use(Effect.provide(
    Effect.gen(function*() {
      return { exports: yield* RunExports, retention: yield* Retention, runs: yield* Runs }
    }),
    Layer.mergeAll(RunExports.layer, Retention.layer, Runs.layer)
  ))
  return { log, world, host, ...verbs }
})

/** As it goes over the wire. */
const sent = (document: RunExport): RunExport => JSON.parse(JSON.stringify(document)) as RunExport

describe("exports of runs", () => {
  it.effect("a run goes to another store with its children, its artifacts and its large values, and is shown there as it was", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(5_000)
      const here = yield* life()
      const id = yield* begin(here.host, Top, "1")
      const document = sent(yield* here.exports.export(id))
      assert.strictEqual(document.runs.length, 2)
      const there = yield* life()
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(yield* there.exports.import(document, by), { runId: id, runs: 2, paused: 0 })
      assert.deepStrictEqual(yield* there.runs.show(id), yield* here.runs.show(id))
      const child = document.runs[1]!.id
      assert.deepStrictEqual(yield* there.runs.journal(child), yield* here.runs.journal(child))
      const [kept] = yield* there.runs.artifacts(id)
      const { content } = yield* there.runs.artifact(id, kept!.hash)
      assert.strictEqual(new TextDecoder().decode(content), "a report")
      yield* there.host.settled
      assert.deepStrictEqual(there.log.entries, [])
      // What goes on with it works as at home, and all of it can be deleted.
      const { runId } = yield* there.runs.fork(id, { at: "last", by: "ada" })
      yield* there.host.settled
      assert.strictEqual((yield* there.runs.find(runId)).status, "completed")
      yield* there.retention.delete(runId, by)
      yield* there.retention.delete(id, by)
      assert.strictEqual(there.world.store.blobs.size, 0)
      const again = yield* there.exports.import(sent(document), by)
      assert.deepStrictEqual(again, { runId: id, runs: 2, paused: 0 })
    }))

  it.effect("a run that is open begins nothing until somebody resumes it, and then goes on from where it was", () =>
    Effect.gen(function*() {
      const here = yield* life()
      const id = yield* begin(here.host, Top, "asks")
      const document = sent(yield* here.exports.export(id))
      const there = yield* life()
      assert.deepStrictEqual(yield* there.exports.import(document, by), { runId: id, runs: 2, paused: 1 })
      yield* there.host.settled
      yield* there.world.adjustHost(120_000)
      const stands = yield* there.runs.find(id)
      assert.deepInclude(stands, { status: "suspended", reason: "operator" })
      assert.deepStrictEqual((yield* there.runs.approvals({ run: id })).map(({ key }) => key), ["go on"])
      yield* there.runs.answer(id, { by: "ada", decision: "approve" })
      yield* there.host.settled
      assert.deepStrictEqual(there.log.entries, [], "the answer counts, and no step begins")
      yield* there.runs.resume(id, by)
      yield* there.host.settled
      assert.deepStrictEqual(there.log.entries, ["last asks"])
      assert.strictEqual((yield* there.runs.find(id)).status, "completed")
    }))

  it.effect("is refused whole: what has no such form, what was changed, what is there, and what is of another tenant", () =>
    Effect.gen(function*() {
      const here = yield* life()
      const id = yield* begin(here.host, Top, "1")
      const document = sent(yield* here.exports.export(id))
      const [top, below] = document.runs as [RunExport["runs"][number], RunExport["runs"][number]]
      const hash = Object.keys(document.blobs)[0]!
      const there = yield* life()
      const cases: ReadonlyArray<readonly [document: unknown, problem: string]> = [
        [{ ...document, format: "fermata-run/9" }, "format: Expected \"fermata-run/1\""],
        [{ ...document, runs: [] }, "runs"],
        [{ ...document, runs: [below, top] }, `run ${below.id} is the first, and says that ${id} is above it`],
        [{ ...document, runs: [top, below, below] }, `run ${below.id} is there twice`],
        [
          { ...document, runs: [{ ...top, entries: top.entries.slice(0, -1) }, below] },
          `the hash of run ${id} does not fit its entries`
        ],
        [{ ...document, blobs: { ...document.blobs, [hash]: "else" } }, hash],
        [{ ...document, blobs: {} }, "missing"],
        [{ ...document, runs: [{ ...top, status: "running" }, below] }, `run ${id} is said to be running`],
        [{ ...document, more: 1 }, "more"]
      ]
      for (const [wrong, problem] of cases) {
        const refused = yield* Effect.flip(there.exports.import(wrong, by))
        assert.strictEqual(refused._tag, "ImportRefused")
        assert.include(refused.message, problem)
      }
      const elsewhere = yield* Effect.flip(CurrentTenant.within("acme")(there.exports.import(document, by)))
      assert.include(elsewhere.message, `run ${id} is not of tenant acme`)
      assert.deepStrictEqual([there.world.store.runs.size, there.world.store.blobs.size], [0, 0])
      yield* begin(there.host, Below, "1 below")
      const before = there.world.store.changes.length
      const taken = yield* Effect.flip(there.exports.import(document, by))
      assert.strictEqual(taken.message, `Nothing was imported: there is a run ${below.id} already`)
      assert.strictEqual(there.world.store.changes.length, before)
    }))

  it.effect("a run below another travels with that alone", () =>
    Effect.gen(function*() {
      const { exports, host } = yield* life()
      const id = yield* begin(host, Top, "1")
      const child = yield* Below.executionId({ id: "1 below" })
      assert.strictEqual(
        (yield* Effect.flip(exports.export(child))).message,
        `Run ${child} cannot be exported: it is part of run ${id}, and travels with that alone: export ${id}`
      )
    }))

  it.effect("no secret travels: what a step was told is not in the document", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Telling = define("Telling")
      const tells = Step.make("tells", {
        success: Schema.String,
        onCrash: "rerun",
        run: () =>
          Effect.map(Effect.orDie(Secrets.resolve(SecretRef.make("KEY"))), (key) => `it is ${Redacted.value(key)}`)
      })
      const host = yield* world.start(
        Telling.toLayer(() => Effect.orDie(tells())).pipe(
          Layer.provide(Secrets.layerMemory({ KEY: "rosebud-in-the-snow" }))
        )
      )
      const id = yield* begin(host, Telling, "1")
      const exports = yield* host.use(Effect.provide(RunExports, RunExports.layer))
      const text = JSON.stringify(yield* exports.export(id))
      assert.include(text, "it is ")
      assert.notInclude(text, "rosebud")
    }))
})
