/** Conformance: starting, committing and ending runs. */
import { assert } from "@effect/vitest"
import { positionOf } from "@fermata/engine/EventLog"
import * as Effect from "effect/Effect"
import {
  approval,
  claim,
  commit,
  end,
  event,
  eventIds,
  events,
  ids,
  impossible,
  inbox,
  inboxRow,
  one,
  outboxRow,
  start,
  startOwned,
  subscription,
  suspend,
  type Test,
  wait
} from "./Fixtures.ts"

/** The tests of runs. */
export const runTests = (test: Test): void => {
  test("a started run is stored with its first entries", (backend) =>
    Effect.gen(function*() {
      const answer = yield* one(
        backend,
        start("r", { kind: "contract", definition: "d", root: "top", parent: "p", dueAt: 7 }, { rows: ["e0", "e1"] })
      )
      assert.isTrue(answer.started)
      assert.deepStrictEqual(answer.run, {
        id: "r",
        workflow: "purchase",
        version: "1",
        kind: "contract",
        definition: "d",
        root: "top",
        parent: "p",
        status: "queued",
        reason: null,
        waits: null,
        length: 2,
        epoch: 0,
        owner: null,
        dueAt: 7,
        takeovers: 0,
        createdAt: 1_000,
        updatedAt: 1_000
      })
      assert.deepStrictEqual(yield* backend.run("r"), answer.run)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1"])
      assert.isNull(yield* backend.run("other"))
    }))

  test("a run that starts with an owner is at epoch 1 and not due", (backend) =>
    Effect.gen(function*() {
      const { run } = yield* one(backend, start("r", { owner: "a", dueAt: 0 }))
      assert.deepStrictEqual([run.owner, run.epoch, run.dueAt], ["a", 1, null])
      assert.isNull(yield* backend.nextDue(-1, null))
    }))

  test("what follows the start of a run without an owner in its transaction, at epoch 0, belongs to it and leaves it due", (backend) =>
    Effect.gen(function*() {
      const [, more] = yield* backend.write([
        start("r", {}, { rows: ["e0", "e1"] }),
        commit("r", 2, [], {
          epoch: 0,
          outbox: [outboxRow("o")],
          approvalsOpened: [approval("r", "k")],
          release: { dueAt: 0 }
        })
      ])
      assert.deepStrictEqual(more, { ok: true })
      const run = yield* backend.run("r")
      assert.deepInclude(run, { status: "queued", owner: null, epoch: 0, dueAt: 0, length: 2 })
      assert.deepStrictEqual((yield* backend.approvals("r", 10)).map(({ key }) => key), ["k"])
      assert.deepStrictEqual((yield* backend.outbox(10, true)).map(({ id }) => id), ["o"])
      assert.deepStrictEqual(ids((yield* one(backend, claim())).runs), ["r"])
    }))

  test("starting a known run joins it and changes nothing", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { rows: ["e0"] }))
      const answer = yield* one(
        backend,
        start("r", { workflow: "other" }, {
          rows: ["x", "y"],
          blobs: [{ hash: "h", data: "d" }],
          subscriptions: [subscription("r", "event")]
        })
      )
      yield* one(backend, events(event("e", "event")))
      assert.isFalse(answer.started)
      assert.strictEqual(answer.run.workflow, "purchase")
      assert.strictEqual(answer.run.length, 1)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
      assert.isNull(yield* backend.blob("h"))
      assert.deepStrictEqual((yield* backend.awaited(wait("r", "k", "event"), null, 10)).events, [])
    }))

  test("entries are appended densely and read in pages", (backend) =>
    Effect.gen(function*() {
      const answers = yield* backend.write([
        startOwned("r", { rows: ["e0"] }),
        commit("r", 1, ["e1", "e2"]),
        commit("r", 3, ["e3"])
      ])
      assert.deepStrictEqual(answers.slice(1), [{ ok: true }, { ok: true }])
      assert.strictEqual((yield* backend.run("r"))!.length, 4)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1", "e2", "e3"])
      assert.deepStrictEqual(yield* backend.entries("r", 1, 2), ["e1", "e2"])
      assert.deepStrictEqual(yield* backend.entries("r", 4, 2), [])
      assert.deepStrictEqual(yield* backend.entries("other", 0, 2), [])
    }))

  test("a stale commit is refused while the rest of the list is applied", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] }), startOwned("s")])
      const everything = {
        blobs: [{ hash: "h", data: "d" }],
        outbox: [outboxRow("o")],
        approvalsOpened: [approval("r", "k")],
        release: { dueAt: 5 }
      }
      const [epoch, length, unknown, good] = yield* backend.write([
        commit("r", 1, ["x"], { ...everything, epoch: 2 }),
        commit("r", 0, ["x"], everything),
        commit("other", 3, ["x"], everything),
        commit("s", 0, ["e0"])
      ])
      assert.deepStrictEqual(epoch, { ok: false, epoch: 1, length: 1 })
      assert.deepStrictEqual(length, { ok: false, epoch: 1, length: 1 })
      assert.deepStrictEqual(unknown, { ok: false, epoch: 0, length: 0 })
      assert.deepStrictEqual(good, { ok: true })
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
      assert.deepStrictEqual(yield* backend.entries("s", 0, 10), ["e0"])
      assert.strictEqual((yield* backend.run("r"))!.owner, "a")
      assert.isNull(yield* backend.blob("h"))
      assert.deepStrictEqual(yield* backend.outbox(10, true), [])
      assert.deepStrictEqual(yield* backend.approvals(null, 10), [])
    }))

  test("S5: a stale commit says nothing of where a run stands, goes on or ends", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] }), inbox("r", "i")])
      const before = yield* backend.run("r")
      const running = { status: { status: "running", reason: null, waits: null } }
      const waiting = { status: { status: "suspended", reason: "signal", waits: "[]" } }
      const over = { status: { status: "completed", reason: null, waits: null }, ended: { payload: "{}" } }
      for (const what of [running, waiting, { ...over, consumed: ["i"] }, over]) {
        for (const [length, epoch] of [[1, 0], [1, 2], [0, 1], [2, 1]] as const) {
          assert.deepStrictEqual(yield* one(backend, commit("r", length, ["x"], { ...what, epoch })), {
            ok: false,
            epoch: 1,
            length: 1
          })
        }
      }
      assert.deepStrictEqual(yield* one(backend, commit("r", 1, ["x"], over)), {
        ok: false,
        epoch: 1,
        length: 1,
        unseen: true
      })
      assert.deepStrictEqual(yield* backend.run("r"), before)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
      assert.deepStrictEqual(yield* one(backend, commit("r", 1, ["x"], { ...waiting, consumed: ["i"] })), { ok: true })
      assert.isFalse((yield* one(backend, commit("r", 2, ["y"], { ...over, epoch: 0 }))).ok)
      assert.deepStrictEqual(yield* one(backend, commit("r", 2, ["y"], over)), { ok: true })
      assert.deepInclude(yield* backend.run("r"), { status: "completed", owner: null, dueAt: null, length: 3 })
    }))

  test("a failure undoes the whole list", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r", {
          rows: ["e0"],
          subscriptions: [subscription("r", "event"), subscription("r", "event2")]
        }),
        start("s"),
        commit("r", 1, [], {
          outbox: [outboxRow("o1"), outboxRow("o2"), outboxRow("o3")],
          approvalsOpened: [approval("r", "k1"), approval("r", "k2")],
          awaits: { closed: [], opened: [{ ...wait("r", "k", "event"), position: positionOf(0) }] }
        }),
        events(event("e1", "event")),
        inbox("r", "i1"),
        inbox("r", "i2"),
        inbox("r", "i3")
      ])
      const before = yield* backend.run("r")
      const failure = yield* Effect.flip(backend.write([
        start("t"),
        claim(),
        { op: "delivered", ids: ["o1"] },
        events(event("e2", "event2")),
        { op: "sweep", keptUntil: 3_000, unaskedUntil: 3_000, after: "", names: 10, limit: 10 },
        commit("r", 1, ["e1"], {
          blobs: [{ hash: "h", data: "d" }],
          consumed: ["i2"],
          approvalsClosed: ["k1"],
          awaits: { closed: ["k"], opened: [{ ...wait("r", "k2", "event"), position: positionOf(1) }] }
        }),
        end("r", 2, "done", { consumed: ["events:event", "i1", "i3"] }),
        impossible
      ]))
      assert.strictEqual(failure._tag, "StorageFailed")
      assert.deepStrictEqual(yield* backend.run("r"), before)
      assert.isNull(yield* backend.run("t"))
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
      assert.deepStrictEqual(ids(yield* backend.inbox("r")), ["events:event", "i1", "i2", "i3"])
      assert.deepStrictEqual(ids(yield* backend.inboxOf("a", 10)), ["events:event", "i1", "i2", "i3"])
      assert.deepStrictEqual(ids(yield* backend.outbox(10, true)), ["o1", "o2", "o3"])
      assert.deepStrictEqual((yield* backend.approvals(null, 10)).map((row) => row.key), ["k1", "k2"])
      assert.deepStrictEqual((yield* backend.eventWaits("event")).map((row) => row.key), ["k"])
      assert.deepStrictEqual(yield* eventIds(backend), ["e1"])
      assert.deepStrictEqual((yield* backend.awaited(wait("r", "new", "event"), null, 10)).events.map(({ id }) => id), [
        "e1"
      ])
      assert.isNull(yield* backend.blob("h"))
      assert.deepStrictEqual(ids((yield* one(backend, claim())).runs), ["s"])
    }))

  test("a commit changes the projection only where it says so", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r"))
      yield* one(backend, commit("r", 0, ["e0"], { at: 3_000 }))
      const running = yield* backend.run("r")
      assert.deepStrictEqual([running!.status, running!.updatedAt], ["running", 1_000])
      yield* one(
        backend,
        commit("r", 1, [], { at: 4_000, status: { status: "suspended", reason: "timer", waits: "[1]" } })
      )
      assert.deepStrictEqual(yield* backend.run("r"), {
        ...running!,
        status: "suspended",
        reason: "timer",
        waits: "[1]",
        updatedAt: 4_000
      })
    }))

  test("a released run has no owner and is due when it says", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("timer"), startOwned("never"), startOwned("soon")])
      yield* backend.write([
        suspend("timer", 0, 9_000),
        suspend("never", 0, null),
        commit("soon", 0, ["e0"], { release: { dueAt: 8_000 } })
      ])
      assert.deepStrictEqual(
        (yield* backend.runs({ limit: 10 })).map((run) => [run.id, run.status, run.owner, run.dueAt, run.epoch]),
        [["soon", "running", null, 8_000, 1], ["never", "suspended", null, null, 1], [
          "timer",
          "suspended",
          null,
          9_000,
          1
        ]]
      )
    }))

  test("a run that is released with something in its inbox is due at once", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), startOwned("s"), inbox("r", "i1"), inbox("s", "i1"), inbox("s", "i2")])
      yield* backend.write([
        suspend("r", 0, 9_000, { consumed: ["i1"] }),
        suspend("s", 0, 9_000, { consumed: ["i1", "i1", "unknown"] })
      ])
      assert.strictEqual((yield* backend.run("r"))!.dueAt, 9_000)
      assert.strictEqual((yield* backend.run("s"))!.dueAt, 0)
    }))

  test("the end of a run leaves nothing that waits for it", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r", { rows: ["e0"], subscriptions: [subscription("r", "event")] }),
        inbox("r", "i1"),
        commit("r", 1, [], {
          approvalsOpened: [approval("r", "k")],
          awaits: { closed: [], opened: [{ ...wait("r", "k", "event"), position: positionOf(0) }] }
        })
      ])
      yield* one(backend, end("r", 1, "done", { rows: ["e1"], consumed: ["i1"], release: { dueAt: 5 } }))
      const run = (yield* backend.run("r"))!
      assert.deepStrictEqual([run.status, run.owner, run.dueAt, run.length], ["completed", null, null, 2])
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      assert.deepStrictEqual(yield* backend.inboxOf("a", 10), [])
      assert.deepStrictEqual(yield* backend.approvals("r", 10), [])
      assert.deepStrictEqual(yield* backend.eventWaits("event"), [])
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1"])
      assert.deepStrictEqual((yield* one(backend, claim({ now: 1e15 }))).runs, [])
      assert.isNull((yield* one(backend, { op: "claimOne", owner: "a", run: "r" })).run)
    }))

  test("a run that starts says whether messages wait for it, and one that ends whether others were told", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([{ ...inbox("early", "i"), early: true }])
      assert.strictEqual((yield* one(backend, start("early"))).told, true)
      assert.strictEqual((yield* one(backend, start("early"))).told, undefined)
      assert.strictEqual((yield* one(backend, startOwned("plain"))).told, undefined)
      assert.deepStrictEqual(yield* one(backend, end("plain", 0, "done")), { ok: true })
    }))

  test("a final run stays without an owner and is never due", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), end("r", 0, "done")])
      assert.deepStrictEqual(yield* one(backend, commit("r", 0, ["note"], { release: { dueAt: 0 } })), { ok: true })
      const run = (yield* backend.run("r"))!
      assert.deepStrictEqual([run.status, run.owner, run.dueAt, run.length], ["completed", null, null, 1])
    }))

  test("listeners are told when a run ends, once each", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("parent"),
        startOwned("sleeper"),
        startOwned("gone"),
        startOwned("child", { listener: "parent" }),
        start("child", {}, { listener: "parent" }),
        start("child", {}, { listener: "sleeper" }),
        start("child", {}, { listener: "gone" }),
        start("child", {}, { listener: "unknown" }),
        suspend("sleeper", 0, null),
        end("gone", 0, "gone")
      ])
      const ended = yield* one(backend, end("child", 0, "the outcome", { at: 5_000 }))
      assert.deepStrictEqual(ended, { ok: true, told: true })
      const told = (run: string) => ({ run, id: "child:child", kind: "child", payload: "the outcome", at: 5_000 })
      assert.deepStrictEqual(yield* backend.inbox("parent"), [told("parent")])
      assert.deepStrictEqual(yield* backend.inbox("sleeper"), [told("sleeper")])
      assert.deepStrictEqual(yield* backend.inbox("gone"), [])
      assert.deepStrictEqual(yield* backend.inboxOf("a", 10), [told("parent")])
      assert.strictEqual((yield* backend.run("sleeper"))!.dueAt, 0)
    }))

  test("a listener that joins a run that has ended is told at once", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("parent"), startOwned("child"), end("child", 0, "the outcome")])
      const joined = yield* one(backend, start("child", { createdAt: 6_000 }, { listener: "parent" }))
      assert.isFalse(joined.started)
      assert.deepStrictEqual(yield* backend.inbox("parent"), [
        { run: "parent", id: "child:child", kind: "child", payload: "the outcome", at: 6_000 }
      ])
      yield* one(backend, start("child", { createdAt: 7_000 }, { listener: "parent" }))
      assert.strictEqual((yield* backend.inbox("parent")).length, 1)
    }))

  test("blobs are stored once by their hash", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r", { blobs: [{ hash: "h1", data: "first" }] }),
        commit("r", 0, [], { blobs: [{ hash: "h1", data: "second" }, { hash: "h2", data: "other" }] })
      ])
      assert.strictEqual(yield* backend.blob("h1"), "first")
      assert.strictEqual(yield* backend.blob("h2"), "other")
      assert.isNull(yield* backend.blob("h3"))
    }))

  test("text of any kind comes back as it was", (backend) =>
    Effect.gen(function*() {
      const text = `"'%_ ; -- \u0000 \n é 𝄐`
      const line = text.replace("\n", "")
      yield* backend.write([startOwned("r", { rows: ["", line] }), inbox("r", text)])
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["", line])
      assert.deepStrictEqual(yield* backend.inbox("r"), [inboxRow("r", text)])
    }))

  // Each is another text, and most encoders to bytes make several of them the same.
  const odd = [
    "",
    "\ud83d",
    "\ud83e",
    "\ude00",
    "\ufffd",
    "Ada \ud83d",
    "Ada \ud83e",
    "a",
    "a\u0000",
    "a\u0000b",
    "\uFDD0\uFDD1",
    "\uFDD0\uFDD1\uFDD0d83d"
  ]

  test(
    "texts that were cut inside a character, or hold a NUL, are ids of their own and come back as they were",
    (backend, connect) =>
      Effect.gen(function*() {
        for (const id of odd) {
          const { started } = yield* one(
            backend,
            start(`run ${id}`, { workflow: id }, {
              subscriptions: [{ run: `run ${id}`, event: "e", paths: [] }]
            })
          )
          yield* one(backend, events({ ...event(id, "e"), correlation: id, source: id }))
          yield* one(
            backend,
            commit(`run ${id}`, 0, [], {
              epoch: 0,
              awaits: { closed: [], opened: [{ ...wait("", id, id), position: positionOf(0) }] }
            })
          )
          assert.isTrue(started, JSON.stringify(id))
          assert.strictEqual((yield* one(backend, inbox("run ", id))).result, "accepted", JSON.stringify(id))
        }
        const other = yield* connect
        assert.deepStrictEqual((yield* other.inbox("run ")).map((row) => row.id), odd)
        for (const id of odd) {
          const run = `run ${id}`
          assert.deepInclude(yield* other.run(run), { id: run, workflow: id })
          assert.deepStrictEqual((yield* other.runs({ workflow: id, limit: 100 })).map((row) => row.id), [run])
          assert.deepStrictEqual(yield* other.eventWaits(id), [{ ...wait(run, id, id), position: positionOf(0) }])
          assert.deepInclude((yield* other.awaited(wait(run, "k", "e"), null, 1)).events[0], {
            id,
            correlation: id,
            source: id
          })
          assert.deepStrictEqual(yield* one(other, inbox("run ", id)), { result: "duplicate" })
          assert.isFalse((yield* one(other, start(run))).started)
        }
      })
  )

  test("an empty list is applied at once", (backend) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* backend.write([]), [])
    }))
}
