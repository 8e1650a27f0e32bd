/** The table of crash rules in the README: each of its lines is a test, which crashes a process in the middle of a step. */
import { assert, describe, it } from "@effect/vitest"
import { CrashRule } from "@fermata/core/CrashRule"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import * as Step from "@fermata/engine/Step"
import * as HostSql from "@fermata/host-node/HostSql"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Workflow } from "effect/workflow"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "./Fences.ts"

interface Line {
  readonly rule: string
  readonly after: string
  readonly certain: string
  readonly condition: string
}

/** The table under this heading of the README. */
const linesUnder = (heading: string): ReadonlyArray<Line> => {
  const [, section = ""] = readFileSync(`${root}README.md`, "utf8").split(`\n${heading}\n\n`)
  const [table = ""] = section.split("\n\n")
  return table.split("\n").slice(2).map((row) => {
    const [rule = "", after = "", certain = "", condition = ""] = row.slice(1, -1).split("|").map((cell) => cell.trim())
    return { rule: rule.replaceAll("`", ""), after, certain, condition }
  })
}

const lines = linesUnder("### After a crash in the middle of a step")

const W = Workflow.make("W", { payload: { id: Schema.String }, success: Schema.String, idempotencyKey: ({ id }) => id })

/** A service outside that does what it is asked, and remembers keys. */
class Service {
  readonly bodies: Array<string> = []
  readonly done: Array<string> = []
  readonly act = (key: string) =>
    Effect.sync(() => {
      this.bodies.push(key)
      if (!this.done.includes(key)) this.done.push(key)
      return `done ${this.bodies.length}`
    })
}

/** Starts a run, kills its process behind the act of its step, before that is recorded, and lets another take it up. */
const crash = Effect.fnUntraced(
  function*(world: CrashHost.World, layer: Layer.Layer<never, never, CrashHost.Services>) {
    // Its writes: the run, the request of the step, and then the outcome.
    const first = yield* world.start(layer, { killAt: { count: 3, when: "before" } })
    const turns = Effect.forEach(Array.from({ length: 300 }), () => Effect.yieldNow, { discard: true })
    yield* Effect.raceFirst(first.use(W.execute({ id: "1" }, { discard: true })), turns)
    yield* turns
    assert.isTrue(first.killed())
    const second = yield* world.restart(first, layer)
    yield* second.settled
    const id = yield* W.executionId({ id: "1" })
    return { id, second, run: yield* world.run(id) }
  }
)

const inMemory = Effect.suspend(() => CrashHost.makeOn(MemoryBackend.make(MemoryBackend.makeStore())))

/** For each rule what its line says, and the proof. */
const proofs: Readonly<Record<string, Line & { readonly proof: Effect.Effect<void, unknown> }>> = {
  rerun: {
    rule: "rerun",
    after: "The body runs again.",
    certain: "It has run at least once when its outcome is recorded.",
    condition: "",
    proof: Effect.gen(function*() {
      const service = new Service()
      const step = Step.make("step", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => service.act(`${service.bodies.length}`)
      })
      const { run } = yield* crash(yield* inMemory, W.toLayer(() => step()))
      assert.strictEqual(run.status, "completed")
      assert.strictEqual(service.bodies.length, 2)
    })
  },
  "rerun-keyed": {
    rule: "rerun-keyed",
    after: "The body runs again, with the same idempotency key.",
    certain: "The other side does it once.",
    condition: "it honours the key",
    proof: Effect.gen(function*() {
      const service = new Service()
      const step = Step.make("step", {
        success: Schema.String,
        onCrash: "rerun-keyed",
        run: (_, { idempotencyKey }) => service.act(idempotencyKey)
      })
      const { run } = yield* crash(yield* inMemory, W.toLayer(() => step()))
      assert.strictEqual(run.status, "completed")
      assert.strictEqual(service.bodies.length, 2)
      assert.strictEqual(service.done.length, 1)
    })
  },
  "commit-together": {
    rule: "commit-together",
    after: "The body has not happened, and runs.",
    certain: "What it did to your tables is there once, and with its record.",
    condition:
      "it is SQL by the client of a host that can do this: on Node, [`HostSql`](packages/host-node/README.md#sql-in-a-step)",
    proof: Effect.scoped(Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const backend = yield* SqliteBackend.make({ file: join(folder, "fermata.db"), synchronous: "NORMAL" })
      yield* backend.sql`CREATE TABLE acts (name TEXT)`
      const step = Step.make("step", {
        success: Schema.String,
        onCrash: "commit-together",
        run: () =>
          Effect.orDie(
            Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.as(sql`INSERT INTO acts VALUES ('done')`, "done"))
          )
      })
      const layer = W.toLayer(() => step()).pipe(
        Layer.provide(HostSql.layer),
        Layer.provide(Layer.succeed(HostSql.HostSql, backend.sql))
      )
      const { id, run } = yield* crash(yield* CrashHost.makeOn(backend), layer)
      assert.strictEqual(run.status, "completed")
      assert.lengthOf(yield* backend.sql`SELECT name FROM acts`, 1)
      assert.lengthOf((yield* backend.entries(id, 0, 100)).filter((row) => row.includes("StepCompleted")), 1)
    }))
  },
  probe: {
    rule: "probe",
    after:
      "Its probe is asked: what it finds done is the outcome, and what it does not find runs again. If it fails, a person decides.",
    certain: "What the probe finds is not done again.",
    condition: "it sees all that the body has done",
    proof: Effect.gen(function*() {
      for (
        const [sees, bodies, reason] of [["all", 1, null], ["nothing", 2, null], [
          "no way",
          1,
          "outcome-unknown"
        ]] as const
      ) {
        const service = new Service()
        const step = Step.make("step", {
          success: Schema.String,
          onCrash: "probe",
          probe: () =>
            sees === "all"
              ? Effect.succeedSome("done 1")
              : sees === "nothing"
              ? Effect.succeed(Option.none())
              : Effect.fail("no answer"),
          run: () => service.act("act")
        })
        const { run } = yield* crash(yield* inMemory, W.toLayer(() => step()))
        assert.include(run, { status: reason === null ? "completed" : "suspended", reason })
        assert.strictEqual(service.bodies.length, bodies)
      }
    })
  },
  ask: {
    rule: "ask",
    after: "The run is suspended as `outcome-unknown`, and a person decides: again, done with a value, or failed.",
    certain: "It does not run again unless somebody says so.",
    condition: "",
    proof: Effect.gen(function*() {
      for (
        const [action, status, bodies] of [
          [{ _tag: "retry" }, "completed", 2],
          [{ _tag: "complete", output: "by hand" }, "completed", 1],
          [{ _tag: "fail", message: "no" }, "failed", 1]
        ] as const
      ) {
        const world = yield* inMemory
        const service = new Service()
        const step = Step.make("step", { success: Schema.String, onCrash: "ask", run: () => service.act("act") })
        const { id, run } = yield* crash(world, W.toLayer(() => step()))
        assert.include(run, { status: "suspended", reason: "outcome-unknown" })
        assert.strictEqual(service.bodies.length, 1)
        yield* world.tell(id, "settle", { key: "step", by: "ada", action })
        assert.strictEqual((yield* world.run(id)).status, status)
        assert.strictEqual(service.bodies.length, bodies)
      }
    })
  }
}

describe("the crash rules of the README", () => {
  it("are all the rules that there are, and each line has its proof", () => {
    assert.deepStrictEqual(lines.map(({ rule }) => rule), [...CrashRule.literals])
    assert.deepStrictEqual(Object.keys(proofs), lines.map(({ rule }) => rule))
  })

  for (const line of lines) {
    it.effect(`S2: \`${line.rule}\`: ${line.after} ${line.certain}${line.condition === "" ? "" : ` As long as ${line.condition}.`}`, () =>
      Effect.suspend(() => {
        const { proof, ...proven } = proofs[line.rule]!
        assert.deepStrictEqual(line, proven)
        return Effect.provide(proof, Logger.layer([]))
      }))
  }
})
