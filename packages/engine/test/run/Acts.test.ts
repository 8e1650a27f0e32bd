import { assert, describe, it } from "@effect/vitest"
import { Acts } from "../../src/internal/run/Acts.ts"
import * as Phase from "../../src/internal/run/Phase.ts"
import { bareRun } from "../support/BareRun.ts"

const patch = { _tag: "PatchTaken", name: "p" } as const
const outbox = { id: "m" } as never
const written = ({ run }: ReturnType<typeof bareRun>) => {
  const { entries, outbox } = run.batch.take()
  return [entries.map(({ _tag }) => _tag), outbox.map(({ id }) => id)]
}

describe("what a run does at once", () => {
  it("is written with what leaves for others, and the run is woken to write it", () => {
    const bare = bareRun()
    new Acts(bare.run).record("k", "this", patch, [outbox])
    assert.strictEqual(bare.loop.woken, 1)
    assert.deepStrictEqual(written(bare), [["PatchTaken"], ["m"]])
  })

  it("S9: is not written again where it is recorded, nor where code and journal part", () => {
    const bare = bareRun(patch)
    const acts = new Acts(bare.run)
    acts.record("patch:p", "this", patch, [outbox])
    assert.isTrue(bare.run.pass.acted.has("patch:p"))
    acts.record("patch:p", "this", { ...patch, name: "q" }, [outbox])
    assert.strictEqual(bare.run.replayer.problem?.key, "patch:p")
    assert.deepStrictEqual(written(bare), [[], []])
  })

  it("sends a message of a run that is live, and wakes it to write that", () => {
    const bare = bareRun()
    new Acts(bare.run).send(outbox)
    assert.strictEqual(bare.loop.woken, 1)
    bare.run.phase = Phase.replaying
    new Acts(bare.run).send(outbox)
    assert.strictEqual(bare.loop.woken, 1)
    assert.deepStrictEqual(written(bare), [[], ["m"]])
  })

  it("S5: is nothing in a run that is not here any more", () => {
    const bare = bareRun()
    bare.run.phase = Phase.dropped
    const acts = new Acts(bare.run)
    acts.record("k", "this", patch, [outbox])
    acts.send(outbox)
    acts.note("k", "text", undefined, false)
    assert.strictEqual(bare.loop.woken, 0)
    assert.deepStrictEqual(written(bare), [[], []])
  })
})
