import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { sha256Hex } from "@fermata/engine/Digest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Effect } from "effect"
import { ArtifactWitness } from "../src/simulator/ArtifactWitness.ts"

const keeps = (hash: string): JournalEntry.JournalEntry => ({
  _tag: "StepCompleted",
  seq: 0,
  at: 0,
  epoch: 1,
  key: "a",
  attempt: 1,
  artifacts: [{ hash, bytes: 1, mediaType: "text/plain" }]
})

const make = () => {
  const problems: Array<string> = []
  return { problems, witness: new ArtifactWitness((problem) => void problems.push(problem)) }
}

describe("what steps keep", () => {
  it("is stored in the commit of its outcome, or was before", () => {
    const { problems, witness } = make()
    witness.wrote("r", [keeps("h")], [{ hash: "h" }])
    witness.wrote("s", [keeps("h")], [])
    assert.deepStrictEqual(problems, [])
    witness.forget()
    witness.wrote("t", [keeps("h")], [])
    assert.deepStrictEqual(problems, ["an entry of run t names blob h, which no commit has stored"])
  })

  it("is stored for an outcome alone", () => {
    const { problems, witness } = make()
    const moved: JournalEntry.JournalEntry = { ...keeps("h"), blobs: { output: "large" } }
    witness.wrote("r", [moved], [{ hash: "h" }, { hash: "large" }])
    assert.deepStrictEqual(problems, [])
    witness.wrote("r", [], [{ hash: "early" }])
    assert.deepStrictEqual(problems, ["a commit to run r stored blob early, which none of its entries names"])
  })

  it("can be read at the end", () => {
    const { problems, witness } = make()
    const store = MemoryBackend.makeStore()
    const hash = Effect.runSync(sha256Hex("text"))
    const runs = [{ id: "r", entries: [keeps(hash)] }]
    store.blobs.set(hash, "text")
    witness.examine(store, runs)
    assert.deepStrictEqual(problems, [])
    store.blobs.set(hash, "another")
    witness.examine(store, runs)
    store.blobs.delete(hash)
    witness.examine(store, runs)
    assert.deepStrictEqual(problems, [
      `artifact ${hash} of run r is damaged`,
      `artifact ${hash} of run r is missing`
    ])
  })
})
