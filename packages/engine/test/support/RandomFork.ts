/**
 * Forks of random lives: any run may be forked at any step, sees up to there
 * what its original saw, and comes to an end.
 */
import { assert } from "@effect/vitest"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as CrashHost from "@fermata/testing/CrashHost"
import { layerOf, type Node, Outside, valueOf, W } from "@fermata/testing/RandomProgram"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Runs } from "../../src/Runs.ts"
import type { Life } from "./RandomLife.ts"

const longest = 400

/** Forks the run at one of its steps, and the fork at another, and lives both to the end. */
export const forks = Effect.fnUntraced(function*(program: Node, { journal, seen }: Life, choice: number) {
  const world = yield* CrashHost.make
  const outside = new Outside()
  const id = yield* W.executionId({ id: "1" })
  yield* TestClock.setTime(journal.at(-1)!.at + 1_000_000)
  yield* world.backend.write([{
    op: "start",
    run: {
      id,
      workflow: "random",
      version: "1",
      kind: "program",
      definition: null,
      root: id,
      parent: null,
      status: "completed",
      owner: null,
      dueAt: null,
      createdAt: journal[0]!.at
    },
    rows: journal.map((entry) => JSON.stringify(entry)),
    blobs: [],
    subscriptions: [],
    listener: null
  }])
  const host = yield* world.start(layerOf(program, outside))
  const runs = yield* host.use(Effect.provide(Runs, Runs.layer))
  let original = id
  let before: ReadonlyArray<string> = seen
  for (const turn of [0, 1]) {
    const keys = Array.from(
      new Set((yield* world.journal(original)).flatMap((entry) => entry._tag === "StepRequested" ? [entry.key] : []))
    )
    if (keys.length === 0) return
    const at = keys[(choice + turn) % keys.length]!
    outside.passes.length = 0
    const { runId } = yield* runs.fork(original, { at })
    const [checked] = outside.passes
    assert.deepStrictEqual(
      checked,
      before.slice(0, checked!.length),
      `a fork at ${at} does not see what its original saw`
    )
    yield* host.settled
    for (let moment = 0; !isFinal((yield* world.run(runId)).status as RunStatus); moment++) {
      assert.isBelow(moment, longest, "the fork does not end")
      yield* relieve(world, host, outside, moment)
    }
    const last = outside.passes.at(-1)!
    assert.deepStrictEqual(last.slice(0, checked!.length), checked, "a fork does not see what it shares")
    assert.isEmpty(yield* world.approvals(runId))
    original = runId
    before = last
  }
  yield* host.kill
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Gives every run what it waits for; the earliest time when it is only that. */
const relieve = Effect.fnUntraced(
  function*(world: CrashHost.World, host: CrashHost.Host, outside: Outside, moment: number) {
    const now = yield* Clock.currentTimeMillis
    const rows = yield* world.backend.runs({ limit: 100 })
    const next = Math.min(
      ...Array.from(outside.moments).filter((at) => at > now),
      ...(yield* Effect.forEach(rows, (row) => world.waits(row.id))).flat().flatMap(({ until }) =>
        until !== undefined && until > now ? [until] : []
      )
    )
    if (Number.isFinite(next)) {
      yield* TestClock.setTime(next)
      return yield* host.settled
    }
    for (const { id } of rows) {
      for (const { detail, key, reason } of yield* world.waits(id)) {
        assert.notInclude(["diverged", "corrupt", "recovery"], reason, detail)
        if (reason === "signal") yield* world.tell(id, "signal", { name: key, payload: moment })
        if (reason === "operator") yield* world.tell(id, "resume", { by: "ada" })
        if (reason === "approval") yield* world.answer(id, key, { decision: "approve", by: "ada" })
        if (reason === "outcome-unknown") {
          yield* world.tell(id, "settle", { key, by: "ada", action: { _tag: "complete", output: valueOf(1) } })
        }
      }
    }
    yield* host.settled
  }
)
