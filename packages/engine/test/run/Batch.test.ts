import { assert, describe, it } from "@effect/vitest"
import type { InboxRow, OutboxRow } from "../../src/Backend.ts"
import { Batch } from "../../src/internal/run/Batch.ts"

const note = (text: string) => ({ _tag: "Note", kind: "k", text }) as const
const row = (id: string) => ({ id }) as InboxRow & OutboxRow
const blob = (hash: string) => ({ hash, data: `of ${hash}` })
const wait = (key: string) => ({ key, event: "e", equality: null, position: "1" })

/** A batch behind five entries, with something of everything. */
const full = () => {
  const batch = new Batch(5)
  batch.append(note("a"), 10, 1, [blob("a")])
  batch.consume(row("in"))
  batch.send(row("out"))
  batch.openApproval({ key: "q" } as never)
  batch.closeApproval("r")
  batch.openWait(wait("w"))
  batch.closeWait("v", false)
  return batch
}
/** How many entries there were when the code was told to end. */
const offeredAt = ({ offered }: Batch) => offered?.entries
const texts = (batch: Batch) => batch.entries.map((entry) => [entry.seq, entry._tag === "Note" && entry.text])

describe("what the next commit of a run carries", () => {
  it("is all that there is, once, and nothing of it is left", () => {
    const batch = full()
    assert.isFalse(batch.isEmpty)
    assert.deepStrictEqual(batch.take(), {
      entries: [{ seq: 5, at: 10, epoch: 1, ...note("a") }],
      blobs: [blob("a")],
      expected: 5,
      consumed: ["in"],
      outbox: [row("out")],
      approvalsOpened: [{ key: "q" }],
      approvalsClosed: ["r"],
      awaits: { opened: [wait("w")], closed: ["v"] }
    } as never)
    assert.isTrue(batch.isEmpty)
    assert.deepStrictEqual(batch.take(), batch.nothing)
    assert.strictEqual(batch.nothing.expected, 6)
  })

  it("is written for entries, taken rows, messages and waits, and with these for questions", () => {
    const one = (act: (batch: Batch) => void) => {
      const batch = new Batch(0)
      act(batch)
      return batch.isEmpty
    }
    assert.isTrue(one(() => {}))
    assert.isFalse(one((batch) => batch.append(note("a"), 0, 1)))
    assert.isFalse(one((batch) => batch.consume(row("in"))))
    assert.isFalse(one((batch) => batch.send(row("out"))))
    assert.isFalse(one((batch) => batch.openWait(wait("w"))))
    assert.isFalse(one((batch) => batch.closeWait("w", false)))
    assert.isTrue(one((batch) => batch.closeApproval("q")))
  })

  it("S6: is what there was when the code was told to end, once that is taken back", () => {
    const batch = full()
    assert.isUndefined(offeredAt(batch))
    batch.offerEnd()
    batch.append({ _tag: "EndOffered", key: "go", name: "go" }, 11, 1)
    batch.offerEnd()
    batch.append(note("b"), 12, 1, [blob("b")])
    batch.consume(row("in2"))
    batch.send(row("out2"))
    batch.openApproval({ key: "q2" } as never)
    batch.closeApproval("r2")
    batch.openWait(wait("w2"))
    batch.closeWait("v2", false)
    assert.strictEqual(offeredAt(batch), 1)
    // What was not written is there to be taken back as before.
    batch.putBack(batch.take())
    batch.takeBack()
    assert.isUndefined(offeredAt(batch))
    assert.deepStrictEqual(batch.take(), full().take())
  })

  it("S6: can not be taken back once it is written, or where the code was not told to end", () => {
    const batch = full()
    batch.takeBack()
    assert.deepStrictEqual(texts(batch), [[5, "a"]])
    batch.offerEnd()
    batch.append({ _tag: "EndOffered", key: "go", name: "go" }, 11, 1)
    batch.take()
    batch.append(note("c"), 12, 1)
    assert.isUndefined(offeredAt(batch))
    batch.takeBack()
    assert.deepStrictEqual(texts(batch), [[7, "c"]])
  })

  it("comes before what there has been since, when it was not written", () => {
    const batch = full()
    const contents = batch.take()
    batch.append(note("b"), 11, 1, [blob("b"), blob("c")])
    batch.consume(row("in2"))
    batch.send(row("out2"))
    batch.closeApproval("r2")
    batch.openWait(wait("w2"))
    batch.putBack(contents)
    assert.deepStrictEqual(texts(batch), [[5, "a"], [6, "b"]])
    const { approvalsClosed, awaits, blobs, consumed, expected, outbox } = batch.take()
    assert.deepStrictEqual([consumed, outbox, approvalsClosed], [["in", "in2"], [row("out"), row("out2")], ["r", "r2"]])
    assert.deepStrictEqual(awaits, { opened: [wait("w"), wait("w2")], closed: ["v"] })
    assert.deepStrictEqual(blobs, [blob("a"), blob("b"), blob("c")])
    assert.strictEqual(expected, 5)
  })

  it("has its places behind an entry that was made inside its commit", () => {
    const batch = new Batch(5)
    const asked = batch.append(note("asked meanwhile"), 10, 1)
    batch.letFirst()
    assert.strictEqual(asked.seq, 6)
    batch.append(note("later"), 10, 1)
    assert.deepStrictEqual(texts(batch), [[6, "asked meanwhile"], [7, "later"]])
    assert.strictEqual(batch.take().expected, 6)
  })

  it("gives back the place of an entry that is taken back", () => {
    const batch = new Batch(5)
    batch.append(note("a"), 10, 1)
    batch.append(note("b"), 10, 1)
    batch.withdraw()
    assert.deepStrictEqual(texts(batch), [[5, "a"]])
    batch.discard()
    assert.strictEqual(batch.append(note("c"), 10, 1).seq, 5)
    const other = full()
    other.discard()
    assert.deepStrictEqual(other.take().blobs, [], "nothing names them any more")
  })

  it("has no row of a wait that ends before it is written", () => {
    const batch = new Batch(0)
    batch.openWait(wait("w"))
    batch.closeWait("w", true)
    assert.deepStrictEqual(batch.take().awaits, { opened: [], closed: ["w"] })
  })
})
