import { assert, describe, it } from "@effect/vitest"
import { defaultStaleMs } from "@fermata/core/Owner"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer } from "effect"
import * as Runs from "../src/Runs.ts"
import { begin, define, echo, Log, stuck } from "./support/Program.ts"

const W = define("W")
const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))

/** A host with a run at work, and a process that works on nothing, from which an operator acts. */
const life = Effect.gen(function*() {
  const world = yield* CrashHost.make
  const log = new Log()
  const layer = W.toLayer(() =>
    Effect.gen(function*() {
      yield* echo(log, "book")("1").pipe(W.withCompensation(() => Effect.asVoid(echo(log, "unbook")("1"))))
      return yield* stuck(log, "work", "rerun")()
    })
  )
  const host = yield* world.start(layer)
  const id = yield* begin(host, W)
  const office = yield* world.start(Layer.empty, { maxAwake: 0, worker: false })
  return { world, host, id, layer, log, office, runs: yield* verbs(office) }
})

describe("Runs.reap", () => {
  it.effect("M-148: hands over the runs of a process that is dead for longer than the threshold, and answers which they are", () =>
    Effect.gen(function*() {
      const { host, id, layer, log, office, runs, world } = yield* life
      const [owner] = yield* runs.owners
      assert.deepInclude(owner, { alive: true, runs: 1 })
      yield* host.kill
      yield* world.adjustHost(60_000)
      assert.deepStrictEqual(yield* runs.reap(), [], "5 minutes have not passed")
      assert.strictEqual((yield* world.run(id)).owner, owner!.id)
      yield* world.adjustHost(defaultStaleMs)
      assert.deepStrictEqual(yield* runs.reap({ by: "ada" }), [
        { run: id, workflow: "W", owner: owner!.id, lastSeenAt: owner!.lastSeenAt }
      ])
      assert.deepInclude(yield* world.run(id), { owner: null, status: "running", dueAt: 0 })
      assert.deepStrictEqual(yield* runs.reap(), [])
      yield* office.close
      const next = yield* world.start(layer)
      yield* next.settled
      assert.lengthOf(log.entries.filter((entry) => entry.startsWith("work begins")), 2)
      assert.strictEqual(log.count("book 1"), 1)
    }))

  it.effect("M-148: by option they fail instead, after their compensations", () =>
    Effect.gen(function*() {
      const { host, id, layer, log, runs, world } = yield* life
      yield* host.kill
      yield* world.adjustHost(60_000)
      assert.lengthOf(yield* runs.reap({ staleMs: 30_000, then: "fail", by: "ada" }), 1)
      const next = yield* world.start(layer)
      yield* next.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
      const journal = yield* world.journal(id)
      assert.deepInclude(journal.find(({ _tag }) => _tag === "StopRequested"), { kind: "orphan", by: "ada" })
      assert.include(JSON.stringify(journal.at(-1)), "Orphaned")
      assert.strictEqual(log.count("unbook 1"), 1)
    }))

  it.effect("S5: takes no run from a process that lives, however small the threshold is", () =>
    Effect.gen(function*() {
      const { id, log, runs, world } = yield* life
      for (let step = 0; step < 100; step++) {
        yield* world.adjustHost(500)
        assert.deepStrictEqual(yield* runs.reap({ staleMs: 0, then: "fail" }), [])
      }
      assert.deepInclude(yield* world.run(id), { status: "running", epoch: 1 })
      assert.lengthOf(log.entries, 2)
    }))
})
