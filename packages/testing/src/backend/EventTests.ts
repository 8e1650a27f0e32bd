/** Conformance: events, subscriptions and waits for events. */
import { assert } from "@effect/vitest"
import type { Backend } from "@fermata/engine/Backend"
import type { EventWait, EventWaitChanges, SweepOp } from "@fermata/engine/EventLog"
import { pathOf, valueOf } from "@fermata/engine/EventLog"
import * as Effect from "effect/Effect"
import {
  commit,
  end,
  event,
  eventIds,
  events,
  ids,
  one,
  startOwned,
  subscription,
  suspend,
  type Test,
  wait
} from "./Fixtures.ts"

const id = pathOf(["order", "id"])
const is = (value: unknown, path = id) => ({ path, value: valueOf(value)! })

const sweep = (rest: Partial<SweepOp> = {}): SweepOp => ({
  op: "sweep",
  keptUntil: 0,
  unaskedUntil: 0,
  after: "",
  names: 10,
  limit: 10,
  ...rest
})

/** Ids of what the wait has yet to look at. */
const behind = (backend: Backend, of: EventWait, after: string | null = null, limit = 10) =>
  Effect.map(backend.awaited(of, after, limit), (awaited) => ids(awaited.events))

/** Begins waits where the store ends now. */
const open = Effect.fnUntraced(function*(backend: Backend, ...waits: ReadonlyArray<EventWait>) {
  for (const one of waits) {
    const { upTo } = yield* backend.awaited(one, null, 100)
    yield* change(backend, one.run, { closed: [], opened: [{ ...one, position: upTo }] })
  }
})

const change = (backend: Backend, run: string, awaits: EventWaitChanges) =>
  Effect.flatMap(backend.run(run), (row) => one(backend, commit(run, row!.length, [], { awaits })))

const woken = (backend: Backend, ...runs: ReadonlyArray<string>) =>
  Effect.forEach(runs, (run) => Effect.map(backend.inbox(run), (rows) => rows.length > 0))

/** The tests of events. */
export const eventTests = (test: Test): void => {
  test("events are kept once, in the order in which they were committed", (backend) =>
    Effect.gen(function*() {
      assert.isNull(yield* backend.oldestEvent)
      const first = yield* one(backend, events(event("z", "a", 1, 10), event("b", "b", 2, 20), event("z", "a", 3, 30)))
      assert.deepStrictEqual(first, { added: 2 })
      assert.deepStrictEqual(yield* one(backend, events(event("z", "other", 4), event("a", "a", 5))), { added: 1 })
      const all = yield* backend.events({ limit: 10 })
      assert.deepStrictEqual(all.map(({ id, payload }) => [id, payload]), [["a", "5"], ["b", "2"], ["z", "1"]])
      const positions = all.map(({ position }) => position)
      assert.deepStrictEqual(positions.toSorted(), positions.toReversed())
      assert.deepStrictEqual(yield* eventIds(backend, { name: "a" }), ["z", "a"])
      assert.deepStrictEqual(yield* eventIds(backend, { before: positions[0] }), ["z", "b"])
      assert.deepStrictEqual(yield* eventIds(backend, { limit: 1 }), ["a"])
      assert.strictEqual(yield* backend.oldestEvent, 10)
    }))

  test("a run may ask for what was committed behind its start, and for nothing else", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, events(event("before", "e")))
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e")] }))
      yield* one(backend, events(event("other", "f"), event("1", "e"), event("2", "e"), event("3", "e")))
      const asked = wait("r", "k", "e")
      assert.deepStrictEqual(yield* behind(backend, asked), ["1", "2", "3"])
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "f")), [])
      assert.deepStrictEqual(yield* behind(backend, wait("unknown", "k", "e")), [])
      const page = yield* backend.awaited(asked, null, 2)
      assert.deepStrictEqual(ids(page.events), ["1", "2"])
      assert.strictEqual(page.upTo, page.events[1]!.position)
      assert.deepStrictEqual(yield* behind(backend, asked, page.upTo), ["3"])
      assert.deepStrictEqual(yield* behind(backend, asked, (yield* backend.awaited(asked, null, 10)).upTo), [])
    }))

  test("the subscriptions of a run that an event started begin behind that event, whatever came in the same transaction", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        events(event("trigger", "e", { order: { id: 1 } }), event("next", "e", { order: { id: 1 } })),
        startOwned("r", { subscriptions: [subscription("r", "e", [id])], since: "trigger" }),
        startOwned("s", { subscriptions: [subscription("s", "e", [id])], since: "unknown" })
      ])
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e")), ["next"])
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e", is(1))), ["next"])
      assert.deepStrictEqual(yield* behind(backend, wait("s", "k", "e", is(1))), [])
    }))

  test("a wait goes on where it stands, and has another place under another key", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e")] }))
      yield* one(backend, events(event("1", "e")))
      assert.isFalse((yield* backend.awaited(wait("r", "k", "e"), null, 10)).isKnown)
      yield* open(backend, wait("r", "k", "e"))
      yield* one(backend, events(event("2", "e")))
      assert.isTrue((yield* backend.awaited(wait("r", "k", "e"), null, 10)).isKnown)
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e")), ["2"])
      assert.deepStrictEqual(yield* behind(backend, wait("r", "other", "e")), ["1", "2"])
      yield* change(backend, "r", { closed: ["k"], opened: [] })
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e")), ["1", "2"])
      assert.deepStrictEqual(yield* backend.eventWaits("e"), [])
    }))

  test("an equality is looked up: events of another value are not read", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e", [id, pathOf([])])] }))
      const text = "x".repeat(300)
      yield* one(
        backend,
        events(
          ...[1, 2, "1", null, true, text, `${text}y`, [2], {}].map((value, index) =>
            event(`${index}`, "e", { order: { id: value } })
          ),
          event("list", "e", [{ order: { id: 1 } }]),
          event("deep", "e", { order: [{ id: 1 }] }),
          event("none", "e", { order: 1 }),
          event("5", "e", { order: { id: 2 } }),
          event("bare", "e", 2)
        )
      )
      const asking = (value: unknown) => behind(backend, wait("r", "k", "e", is(value)), null, 20)
      // Lists come with every value: an expression looks at their members.
      const lists = ["7", "list", "deep"]
      assert.deepStrictEqual(yield* asking(1), ["0", ...lists])
      assert.deepStrictEqual(yield* asking(2), ["1", ...lists])
      assert.deepStrictEqual(yield* asking("1"), ["2", ...lists])
      assert.deepStrictEqual(yield* asking(null), ["3", ...lists])
      assert.deepStrictEqual(yield* asking(true), ["4", ...lists])
      // An event whose value differs only far behind its beginning comes too: the condition tells it apart.
      assert.deepStrictEqual(yield* asking(text), ["5", "6", ...lists])
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e", is(2, pathOf([])))), ["list", "bare"])
    }))

  test("S6: an event that came before anybody asked for a value at its place is found all the same", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e")] }))
      yield* one(backend, events(event("early", "e", { order: { id: 1 } })))
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e", is(1))), ["early"])
      yield* one(backend, startOwned("s", { subscriptions: [subscription("s", "e", [id])] }))
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e", is(1))), ["early"])
      assert.deepStrictEqual(yield* behind(backend, wait("s", "k", "e", is(1))), [])
      yield* open(backend, wait("r", "k", "e", is(1)))
      yield* one(backend, events(event("late", "e", { order: { id: 1 } })))
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e", is(1))), ["late"])
      assert.deepStrictEqual(yield* woken(backend, "r", "s"), [true, false])
    }))

  test("an event wakes the runs that wait for its value, and those that look at all of its name", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(
        ["one", "two", "all", "other"].map((run) => startOwned(run, { subscriptions: [subscription(run, "e", [id])] }))
      )
      yield* open(
        backend,
        wait("one", "k", "e", is(1)),
        wait("two", "k", "e", is(2)),
        wait("all", "k", "e"),
        wait("other", "k", "f")
      )
      assert.deepStrictEqual((yield* backend.eventWaits("e")).map(({ run }) => run), ["all", "one", "two"])
      yield* one(backend, events(event("a", "e", { order: { id: 1 } })))
      assert.deepStrictEqual(yield* woken(backend, "one", "two", "all", "other"), [true, false, true, false])
      yield* one(backend, events(event("b", "e", { order: { id: [2] } })))
      assert.deepStrictEqual(yield* woken(backend, "one", "two", "all", "other"), [true, true, true, false])
      assert.deepStrictEqual(yield* backend.inbox("one"), [{
        run: "one",
        id: "events:e",
        kind: "event",
        payload: `{"event":"e"}`,
        at: 3_000
      }])
    }))

  test("an event makes a suspended run due that waits for it, and no other", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(
        ["one", "two"].map((run) => startOwned(run, { subscriptions: [subscription(run, "e", [id])] }))
      )
      yield* open(backend, wait("one", "k", "e", is(1)), wait("two", "k", "e", is(2)))
      yield* backend.write([suspend("one", 0, null), suspend("two", 0, null)])
      yield* one(backend, events(event("a", "e", { order: { id: 2 } })))
      assert.deepStrictEqual([(yield* backend.run("one"))!.dueAt, (yield* backend.run("two"))!.dueAt], [null, 0])
    }))

  test("a run that has ended is neither woken nor waited for", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e")] }))
      yield* open(backend, wait("r", "k", "e"))
      yield* one(backend, end("r", 0, "done"))
      yield* one(backend, events(event("a", "e", null, 5)))
      assert.deepStrictEqual(yield* backend.eventWaits("e"), [])
      assert.deepStrictEqual(yield* woken(backend, "r"), [false])
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 5 })), { dropped: 1, next: null })
    }))

  test("an event is kept while an open run may ask for it, and without one for a shorter time", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, events(event("before", "e", null, 10), event("unasked", "f", null, 10)))
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e")] }))
      yield* one(backend, events(event("asked", "e", null, 20), event("young", "f", null, 30)))
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 9 })), { dropped: 0, next: null })
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 20, keptUntil: 10 })), {
        dropped: 2,
        next: null
      })
      assert.deepStrictEqual(yield* eventIds(backend), ["asked", "young"])
      assert.isFalse((yield* backend.awaited(wait("r", "k", "e"), null, 10)).missed)
      // Its id is free again with it, and its position is not.
      assert.deepStrictEqual(yield* one(backend, events(event("before", "e", null, 40))), { added: 1 })
      assert.deepStrictEqual(yield* behind(backend, wait("r", "k", "e")), ["asked", "before"])
    }))

  test("S17: a run is told that events it may ask for are gone, and none that began behind them", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { subscriptions: [subscription("r", "e", [id])] }))
      yield* one(
        backend,
        events(event("old", "e", { order: { id: 1 } }, 10), event("new", "e", { order: { id: 1 } }, 20))
      )
      yield* open(backend, wait("r", "seen", "e"))
      yield* one(backend, startOwned("s", { subscriptions: [subscription("s", "e")] }))
      assert.deepStrictEqual(yield* one(backend, sweep({ keptUntil: 10 })), { dropped: 1, next: null })
      const asked = yield* backend.awaited(wait("r", "k", "e", is(1)), null, 10)
      assert.deepStrictEqual([ids(asked.events), asked.missed], [["new"], true])
      assert.isFalse((yield* backend.awaited(wait("r", "seen", "e"), null, 10)).missed)
      assert.isFalse((yield* backend.awaited(wait("s", "k", "e"), null, 10)).missed)
    }))

  test("a sweep does no more than it is told, and goes on where it stopped", (backend) =>
    Effect.gen(function*() {
      yield* one(
        backend,
        events(...["a", "a", "b", "c", "c", "c"].map((name, index) => event(`${index}`, name, null, 10)))
      )
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 10, names: 1 })), { dropped: 2, next: "a" })
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 10, after: "a", limit: 2 })), {
        dropped: 2,
        next: "b"
      })
      assert.deepStrictEqual(yield* eventIds(backend), ["4", "5"])
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 10, after: "b", limit: 2 })), {
        dropped: 2,
        next: null
      })
      assert.deepStrictEqual(yield* one(backend, sweep({ unaskedUntil: 10 })), { dropped: 0, next: null })
      const { upTo } = yield* backend.awaited(wait("r", "k", "a"), null, 10)
      yield* one(backend, events(event("next", "a")))
      assert.isTrue((yield* backend.events({ limit: 1 }))[0]!.position > upTo)
    }))
}
