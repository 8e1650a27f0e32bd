import { assert, describe, it } from "@effect/vitest"
import * as Phase from "../../src/internal/run/Phase.ts"
import { Writing } from "../../src/internal/run/Writing.ts"
import { bareRun } from "../support/BareRun.ts"

const make = () => {
  const { commits, run, together } = bareRun()
  const told: Array<unknown> = []
  const writing = new Writing(run, {
    taken: (ids) => void told.push(["taken", ...ids]),
    stillHeld: () => ["c"],
    deposed: () => void told.push("deposed")
  })
  const commit = () =>
    writing.commit(undefined, undefined, undefined, (ok, unseen) => void told.push(unseen === true ? "unseen" : ok))
  return { commit, commits, run, together, told, writing }
}

describe("how a run is written", () => {
  it("is committing until the store has answered", () => {
    const { commit, commits, run, told } = make()
    run.append({ _tag: "RunStarted" })
    run.batch.consume({ id: "m" } as never)
    commit()
    assert.strictEqual(run.phase, Phase.committing)
    commits[0]!.done(true)
    assert.strictEqual(run.phase, Phase.live)
    assert.deepStrictEqual(told, [["taken", "m"], true])
    assert.isUndefined(commits[0]!.contents.leaves, "it is not told to stop")
    assert.deepStrictEqual(commits[0]!.contents.entries.map(({ _tag }) => _tag), ["RunStarted"])
  })

  it("S5: is another's when the store refuses it", () => {
    const { commit, commits, told } = make()
    commit()
    commits[0]!.done(false)
    assert.deepStrictEqual(told, ["deposed", false])
  })

  it("S3: has all that there was to write when the inbox holds what it has not taken", () => {
    const { commit, commits, run, told, writing } = make()
    run.append({ _tag: "RunStarted" })
    writing.isStopping = true
    commit()
    assert.isFalse(writing.isStopping)
    assert.deepStrictEqual(commits[0]!.contents.leaves?.except, ["c"])
    commits[0]!.done(false, true)
    assert.deepStrictEqual([run.phase, told, run.batch.entries.length, writing.isStopping], [
      Phase.live,
      ["unseen"],
      1,
      true
    ])
  })

  for (
    const [answer, ok, unseen] of [["stored", true, false], ["refused", false, false], [
      "not yet taken",
      false,
      true
    ]] as const
  ) {
    it(`S5: is nobody's any more that was let go meanwhile, when it is ${answer}`, () => {
      const { commit, commits, run, told } = make()
      commit()
      run.phase = Phase.dropped
      commits[0]!.done(ok, unseen)
      assert.deepStrictEqual([run.phase, told], [Phase.dropped, [false]])
    })
  }
})

describe("an entry that is made inside its commit", () => {
  const entry = { _tag: "StepCompleted", key: "a", attempt: 1 } as const
  const blobs = [{ hash: "h", data: "what it names" }]

  it("is handed over when it is stored, and comes before what was asked for meanwhile", () => {
    const { run, together, told, writing } = make()
    const place = run.batch.length
    writing.commitTogether(() => ({ entry, blobs }), (made) => void told.push(made))
    assert.strictEqual(run.phase, Phase.holding)
    const later = run.append({ _tag: "RunStarted" })
    const made = together[0]!.make({} as never)
    together[0]!.done("done")
    assert.deepInclude(made!.entry, { ...entry, seq: place, epoch: 1 })
    assert.strictEqual(made!.blobs, blobs)
    assert.deepStrictEqual([run.phase, told, later.seq], [Phase.live, [made!.entry], place + 1])
  })

  it("is none where its body or the store undoes it, and the run is another's where the store refuses it", () => {
    const { run, together, told, writing } = make()
    const commit = () => writing.commitTogether(() => undefined, (made) => void told.push(made))
    commit()
    assert.isUndefined(together[0]!.make({} as never))
    together[0]!.done("undone")
    assert.deepStrictEqual([run.phase, told], [Phase.live, [undefined]])
    commit()
    together[1]!.done("refused")
    assert.deepStrictEqual(told, [undefined, "deposed"])
  })

  for (const how of ["done", "undone", "refused"] as const) {
    it(`S5: is made for no run that was let go, nor handed to one meanwhile: ${how}`, () => {
      const { run, together, told, writing } = make()
      writing.commitTogether(() => ({ entry, blobs }), (made) => void told.push(made))
      run.phase = Phase.dropped
      assert.isUndefined(together[0]!.make({} as never))
      together[0]!.done(how)
      assert.deepStrictEqual([run.phase, told], [Phase.dropped, []])
    })
  }
})
