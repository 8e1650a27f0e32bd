import { assert, describe, it } from "@effect/vitest"
import { start } from "@fermata/testing/backend/Fixtures"
import { Deferred, Effect, Exit } from "effect"
import { type Op, StorageFailed } from "../src/Backend.ts"
import { Committer } from "../src/internal/process/Committer.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"

/** A committer whose turns and transactions the test takes one by one. */
const make = () => {
  const backend = MemoryBackend.make(MemoryBackend.makeStore())
  const turns: Array<() => void> = []
  const transactions: Array<{ readonly ops: ReadonlyArray<Op>; readonly go: Deferred.Deferred<void, StorageFailed> }> =
    []
  const write: typeof backend.write = (ops) => {
    const go = Deferred.makeUnsafe<void, StorageFailed>()
    transactions.push({ ops, go })
    return Effect.andThen(Deferred.await(go), backend.write(ops))
  }
  const committer = new Committer(
    { ...backend, write },
    (task) => turns.push(task),
    Effect.runFork,
    () => Effect.never,
    {}
  )
  const answers: Array<[string, boolean]> = []
  const submit = (id: string) => committer.submit(start(id), (answer) => answers.push([id, Exit.isSuccess(answer)]))
  const turn = () => turns.splice(0).forEach((task) => task())
  const finish = (exit: Exit.Exit<void, StorageFailed> = Exit.void) =>
    Effect.andThen(Deferred.done(transactions.at(-1)!.go, exit), Effect.yieldNow)
  const sizes = () => transactions.map(({ ops }) => ops.length)
  return { committer, submit, turn, finish, sizes, answers }
}

describe("Committer", () => {
  it.effect("writes what comes in one turn, and then what came while it wrote, in one transaction each", () =>
    Effect.gen(function*() {
      const { answers, committer, finish, sizes, submit, turn } = make()
      assert.isTrue(committer.idle)
      submit("a")
      submit("b")
      assert.isFalse(committer.idle)
      assert.deepStrictEqual(sizes(), [])
      turn()
      assert.deepStrictEqual(sizes(), [2])
      submit("c")
      submit("d")
      turn()
      assert.deepStrictEqual(sizes(), [2], "one transaction at a time")
      yield* finish()
      assert.deepStrictEqual(answers, [["a", true], ["b", true]])
      assert.isFalse(committer.idle)
      turn()
      yield* finish()
      assert.deepStrictEqual(sizes(), [2, 2])
      assert.deepStrictEqual(answers.slice(2), [["c", true], ["d", true]])
      assert.isTrue(committer.idle)
      turn()
      assert.deepStrictEqual(sizes(), [2, 2], "nothing is left to write")
    }))

  it.effect("takes at most 500 operations into one transaction", () =>
    Effect.gen(function*() {
      const { answers, finish, sizes, submit, turn } = make()
      for (let count = 0; count < 501; count++) submit(`r${count}`)
      turn()
      yield* finish()
      turn()
      yield* finish()
      assert.deepStrictEqual(sizes(), [500, 1])
      assert.deepStrictEqual(answers.map(([id]) => id), Array.from({ length: 501 }, (_, count) => `r${count}`))
    }))

  it.effect("tells everybody of a transaction that failed, and writes the next", () =>
    Effect.gen(function*() {
      const { answers, committer, finish, submit, turn } = make()
      submit("a")
      submit("b")
      turn()
      yield* finish(Exit.fail(new StorageFailed({ operation: "write", problem: "the disk is full" })))
      assert.deepStrictEqual(answers, [["a", false], ["b", false]])
      assert.isTrue(committer.idle)
      submit("c")
      turn()
      yield* finish()
      assert.deepStrictEqual(answers[2], ["c", true])
    }))
})
