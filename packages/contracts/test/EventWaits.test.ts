/** Waits for events: what is written, what is read, and what is taken. */
import { assert, describe, it } from "@effect/vitest"
import type { Backend, CommitOp, Op } from "@fermata/engine/Backend"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import { outboxRow } from "@fermata/engine/StartRequest"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { Contracts } from "../src/Contracts.ts"
import {
  assertOutput,
  begin,
  document,
  end,
  journal,
  layer,
  onHostOf,
  pass,
  publish,
  serving,
  settled,
  step
} from "./support/Agency.ts"

/** What went over the seam. */
const counted = () => {
  const counts = { looks: 0, judged: 0, wakes: 0, commits: 0 }
  const backend = MemoryBackend.make(MemoryBackend.makeStore())
  const counting: Backend = {
    ...backend,
    write: (ops) =>
      Effect.tap(backend.write(ops), () =>
        Effect.sync(() => {
          for (const { op } of ops as ReadonlyArray<Op>) if (op === "commit") counts.commits++
        })),
    awaited: (wait, after, limit) =>
      Effect.tap(backend.awaited(wait, after, limit), ({ events }) =>
        Effect.sync(() => {
          counts.looks++
          counts.judged += events.length
        })),
    inboxOf: (owner, limit) =>
      Effect.tap(backend.inboxOf(owner, limit), (rows) =>
        Effect.sync(() => {
          counts.wakes += rows.filter(({ kind }) => kind === "event").length
        }))
  }
  return { backend: counting, counts }
}

const waiting = (where: string | undefined, more: object = {}) =>
  document([step("wait", "hold", null, { event: "order.paid", ...(where === undefined ? {} : { where }), ...more })])

const tags = (runId: string) => Effect.map(journal(runId), (entries) => entries.map(({ _tag }) => _tag))

/** Starts so many runs and publishes as many events, one for each. */
const crowd = Effect.fnUntraced(function*(where: string, count: number) {
  const contracts = yield* Contracts
  const events = yield* Events
  const contract = waiting(where)
  const ids = yield* Effect.forEach(
    Array.from({ length: count }, (_, id) => id),
    (id) =>
      Effect.map(contracts.start({ contract: id === 0 ? contract : "sample", input: { id } }), ({ runId }) => runId)
  )
  yield* settled
  yield* Effect.forEach(ids.toReversed(), (_, index) => events.emit("order.paid", { id: count - 1 - index }), {
    discard: true
  })
  yield* settled
  return ids
})

const lines: Array<string> = []

/** A line of the table of events in DESIGN.md. */
const line = (title: string, test: () => Effect.Effect<void, unknown, Scope.Scope>) => {
  lines.push(title)
  it.effect(`S6: an event ${title}`, test)
}

describe("waits for events", () => {
  it.effect(
    "one event, N waiting runs: 2,000 runs and 2,000 events are 3 entries a run, and work in proportion to the events",
    () => {
      const { backend, counts } = counted()
      const count = 2_000
      return Effect.gen(function*() {
        const ids = yield* crowd("event.id = input.id", count)
        for (const [id, runId] of ids.entries()) {
          assert.deepStrictEqual(yield* tags(runId), [
            "RunRequested",
            "RunStarted",
            "RunSuspended",
            "StepRequested",
            "StepCompleted",
            "RunCompleted"
          ])
          if (id % 100 > 0) continue
          yield* assertOutput(runId, { id })
          const attempts = (yield* journal(runId)).flatMap((entry) => "attempt" in entry ? [entry.attempt] : [])
          assert.deepStrictEqual(attempts, [1, 1])
        }
        assert.isAtMost(counts.judged, 2 * count)
        assert.isAtMost(counts.looks, 4 * count)
        assert.isAtMost(counts.commits, 4 * count)
        assert.lengthOf(yield* backend.events({ limit: 10_000 }), count)
      }).pipe(Effect.provide(layer({ backend })))
    }
  )

  it.effect("another condition is judged once for each run and event, however often the run is woken", () => {
    const { backend, counts } = counted()
    const count = 60
    return Effect.gen(function*() {
      const ids = yield* crowd("$string(event.id) = $string(input.id)", count)
      for (const [id, runId] of ids.entries()) yield* assertOutput(runId, { id })
      assert.isAtMost(counts.judged, count * count)
      assert.isAtLeast(counts.judged, count)
    }).pipe(Effect.provide(layer({ backend })))
  })

  it.effect("a run that waits for no event pays no commit and no read for those that do", () => {
    const { backend, counts } = counted()
    return Effect.gen(function*() {
      const id = yield* begin(
        document([step("transform", "a", "b", { set: { a: 1 } }), step("emit", "b", null, { event: "order.paid" })])
      )
      yield* assertOutput(id, yield* Effect.map(end(id), ({ output }) => output))
      assert.deepStrictEqual([counts.looks, counts.wakes], [0, 0])
    }).pipe(Effect.provide(layer({ backend })))
  })

  line("from between the start and the wait", () => {
    const { backend, counts } = counted()
    return Effect.gen(function*() {
      const id = yield* begin(
        document([
          step("wait", "first", "hold", { event: "go" }),
          step("wait", "hold", null, { event: "order.paid", where: "event.id = input.id" })
        ]),
        { input: { id: 7 } }
      )
      yield* publish("order.paid", { id: 6 })
      yield* publish("order.paid", { id: 7, n: 1 })
      yield* publish("order.paid", { id: 7, n: 2 })
      const before = counts.commits
      yield* publish("go", null)
      yield* assertOutput(id, { id: 7, n: 1 })
      assert.deepStrictEqual(yield* tags(id), [
        "RunRequested",
        "RunStarted",
        "RunSuspended",
        "StepRequested",
        "StepCompleted",
        "StepRequested",
        "StepCompleted",
        "RunCompleted"
      ])
      assert.isAtMost(counts.commits - before, 2)
    }).pipe(Effect.provide(layer({ backend })))
  })

  line("from before the run was started", () =>
    Effect.gen(function*() {
      yield* publish("order.paid", { id: 1, n: "old" })
      const id = yield* begin(waiting("event.id = input.id"), { input: { id: 1 } })
      assert.deepInclude(yield* end(id), { status: "suspended", reason: "signal" })
      yield* publish("order.paid", { id: 1, n: "new" })
      yield* assertOutput(id, { id: 1, n: "new" })
    }).pipe(Effect.provide(layer())))

  line("that started the run", () => {
    const started = document([
      step("wait", "again", "other", { event: "order.paid", where: "event.id = trigger.id" }),
      step("wait", "other", null, { event: "order.shipped", where: "event.id = trigger.id" })
    ], { triggers: [{ type: "event", event: "order.paid", key: "trigger.id" }] })
    return Effect.gen(function*() {
      const contracts = yield* Contracts
      const events = yield* Events
      const runs = yield* Runs
      yield* contracts.add(started)
      // In one transaction: the run does not exist before they are handed on.
      const { backend } = yield* Store
      yield* backend.write([{
        op: "publish",
        rows: [["order.paid", 1], ["order.shipped", 2], ["order.paid", 3]].map(([name, n]) =>
          outboxRow({ id: `e${n}`, name: `${name}`, payload: { id: 1, n } })
        )
      }])
      yield* events.emit("go.on", null)
      yield* settled
      const [run] = yield* runs.list({ workflow: "sample" })
      yield* assertOutput(run!.id, { id: 1, n: 2 })
      assert.deepInclude((yield* runs.show(run!.id)).steps.find(({ key }) => key === "again"), {
        output: { id: 1, n: 3 }
      })
      assert.lengthOf(yield* runs.list({ workflow: "sample" }), 1)
    }).pipe(Effect.provide(layer()))
  })

  line("that several waits of one run could take", () =>
    Effect.gen(function*() {
      const contract = document([step("wait", "a", "b", { event: "go" }), step("wait", "b", null, { event: "go" })])
      const one = yield* begin(contract)
      const two = yield* begin(contract)
      yield* publish("go", 1, { id: "first" })
      assert.deepInclude(yield* end(one), { status: "suspended" })
      assert.deepInclude(yield* end(two), { status: "suspended" })
      yield* publish("go", 1, { id: "first" })
      assert.deepInclude(yield* end(one), { status: "suspended" })
      yield* publish("go", 2, { id: "second" })
      yield* assertOutput(one, 2)
      yield* assertOutput(two, 2)
      const taken = (yield* journal(one)).flatMap((entry) => entry._tag === "StepRequested" ? [entry.event?.id] : [])
      assert.deepStrictEqual(taken, ["first", "second"])
    }).pipe(Effect.provide(layer())))

  it.effect("a loop takes its events one by one in their order, and reads each once", () => {
    const { backend, counts } = counted()
    const count = 40
    return Effect.gen(function*() {
      const id = yield* begin(document([
        step("wait", "hold", "count", { event: "tick" }),
        step("transform", "count", "more", {
          set: {
            n: "{{ $number(state.n ? state.n : 0) + 1 }}",
            sum: "{{ (state.sum ? state.sum : '') & steps.hold.output & ',' }}"
          }
        }),
        step("branch", "more", null, { cases: [{ when: `state.n < ${count}`, next: "hold" }], default: null })
      ]))
      for (let tick = 0; tick < count / 2; tick++) yield* publish("tick", tick)
      yield* Effect.flatMap(
        Events,
        (events) =>
          Effect.forEach(
            Array.from({ length: count / 2 }, (_, tick) => tick + count / 2),
            (tick) => events.emit("tick", tick)
          )
      )
      yield* settled
      const { state } = yield* Effect.flatMap(Runs, (runs) => runs.show(id))
      assert.strictEqual(
        (state["state"] as { readonly value: { readonly sum: string } }).value.sum,
        `${Array.from({ length: count }, (_, tick) => tick).join(",")},`
      )
      assert.isAtMost(counts.looks, 4 * count)
      assert.isAtMost(counts.judged, 5 * count)
    }).pipe(Effect.provide(layer({ backend })))
  })

  it.effect("S9: a replay reads and judges no event", () => {
    const { backend, counts } = counted()
    return Effect.gen(function*() {
      const engine = yield* Engine
      const id = yield* begin(document([
        step("wait", "a", "b", { event: "go", where: "event > 1" }),
        step("wait", "b", null, { event: "never" })
      ]))
      for (const n of [0, 1, 2, 3]) yield* publish("go", n)
      assert.deepInclude(yield* end(id), { status: "suspended" })
      yield* engine.evict
      yield* settled
      const { judged } = counts
      const runs = yield* Runs
      yield* runs.pause(id, { by: "ada" })
      yield* settled
      assert.strictEqual(counts.judged, judged)
      assert.deepInclude((yield* runs.show(id)).steps[0], { key: "a", output: 2 })
    }).pipe(Effect.provide(layer({ backend })))
  })

  it.effect("a wait that was let out of memory goes on where it had looked", () => {
    const { backend, counts } = counted()
    return Effect.gen(function*() {
      const engine = yield* Engine
      const id = yield* begin(waiting("event.n > 100"))
      for (let round = 0; round < 5; round++) {
        for (let n = 0; n < 10; n++) yield* publish("order.paid", { n })
        yield* engine.evict
        yield* settled
        assert.strictEqual(yield* engine.awake, 0)
      }
      assert.isAtMost(counts.judged, 60)
      yield* publish("order.paid", { n: 101 })
      yield* assertOutput(id, { n: 101 })
    }).pipe(Effect.provide(layer({ backend })))
  })

  line("that the condition cannot cope with", () =>
    Effect.gen(function*() {
      const id = yield* begin(waiting("event.n + 1 = 2 and event.id = input.id"), { input: { id: 1 } })
      yield* publish("order.paid", { id: 1, n: "text" })
      yield* publish("order.paid", [{ id: 1, n: 1 }])
      yield* assertOutput(id, [{ id: 1, n: 1 }])
    }).pipe(Effect.provide(layer())))

  it.effect("S7: people are told which event a run waits for, and with which value", () =>
    Effect.gen(function*() {
      const id = yield* begin(waiting("event.id = input.id"), { input: { id: "T-1" } })
      const { waits } = yield* Effect.flatMap(Runs, (runs) => runs.show(id))
      assert.deepStrictEqual(waits, [{
        reason: "signal",
        key: "event:order.paid",
        detail: `an event "order.paid" where event.id = input.id (event.id = "T-1")`
      }])
    }).pipe(Effect.provide(layer())))

  line("that comes after the timeout of a wait", () =>
    Effect.gen(function*() {
      const id = yield* begin(document([
        step("wait", "a", null, { event: "go", timeout: { ms: 1_000, next: "b" } }),
        step("wait", "b", null, { event: "go" })
      ]))
      yield* pass(1_000)
      yield* publish("go", "late")
      yield* assertOutput(id, "late")
      const { steps } = yield* Effect.flatMap(Runs, (runs) => runs.show(id))
      assert.deepStrictEqual(steps.map(({ key, output }) => [key, output]), [["a", null], ["b", "late"]])
    }).pipe(Effect.provide(layer())))

  line("that a fork waits for", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const id = yield* begin(document([
        step("wait", "a", "b", { event: "go" }),
        step("transform", "b", "c", { set: { b: 1 } }),
        step("wait", "c", null, { event: "go" })
      ]))
      yield* publish("go", 1)
      yield* publish("go", 2)
      yield* assertOutput(id, 2)
      const { runId } = yield* runs.fork(id, { at: "c", by: "ada" })
      yield* settled
      assert.deepInclude(yield* end(runId), { status: "suspended", reason: "signal" })
      yield* publish("go", 3)
      yield* assertOutput(runId, 3)
      assert.deepInclude((yield* runs.show(runId)).steps[0], { key: "a", output: 1 })
    }).pipe(Effect.provide(layer())))

  line("that no open run may ask for", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      const id = yield* begin(
        document([step("wait", "first", "hold", { event: "go" }), step("wait", "hold", null, { event: "order.paid" })])
      )
      yield* publish("nobody.asks", 1)
      yield* publish("order.paid", 1)
      yield* pass("59 minutes")
      yield* host.adjustHost(10_000)
      const names = Effect.map(Effect.flatMap(Events, (events) => events.kept({ limit: 10 })), (rows) =>
        rows.map(({ name }) => name))
      assert.deepStrictEqual(yield* names, ["order.paid", "nobody.asks"])
      yield* pass("2 minutes")
      yield* host.adjustHost(10_000)
      assert.deepStrictEqual(yield* names, ["order.paid"])
      yield* pass("20 days")
      yield* host.adjustHost(10_000)
      yield* publish("go", null)
      yield* assertOutput(id, 1)
      yield* pass("2 hours")
      yield* host.adjustHost(10_000)
      assert.deepStrictEqual(yield* names, [])
    }).pipe(Effect.provide(layer())))

  line("that an open run may ask for", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      const id = yield* begin(
        document([step("wait", "first", "hold", { event: "go" }), step("wait", "hold", null, { event: "order.paid" })])
      )
      yield* publish("order.paid", 1)
      yield* pass("31 days")
      yield* host.adjustHost(10_000)
      yield* publish("go", null)
      assert.deepInclude(yield* end(id), { status: "suspended" })
      const notes = (yield* journal(id)).flatMap((entry) => entry._tag === "Note" ? [entry.text] : [])
      assert.deepStrictEqual(notes, [
        `events "order.paid" that step "hold" might have taken were kept for as long as events are kept, and are gone`
      ])
      yield* publish("order.paid", 2)
      yield* assertOutput(id, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("S3: an event that a process recorded and did not hand on reaches the run by the next", () => {
    const store = MemoryBackend.makeStore()
    const backend = MemoryBackend.make(store)
    const here = onHostOf(store)
    return Effect.gen(function*() {
      const id = yield* here(begin(waiting("event.id = input.id"), { input: { id: 1 } }))
      // A process without contracts leaves events to one that has some.
      yield* Effect.provide(
        Effect.andThen(Effect.flatMap(Events, (events) => events.emit("order.paid", { id: 1 })), settled),
        Events.layer.pipe(Layer.provideMerge(TestHost.layerOf(backend)))
      )
      assert.lengthOf(yield* backend.outbox(10, true), 1)
      yield* here(Effect.andThen(settled, assertOutput(id, { id: 1 })))
    })
  })

  it.effect("S6: two processes that look at one store give each run one event, once", () => {
    const store = MemoryBackend.makeStore()
    const host = () => Layer.fresh(serving().pipe(Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store)))))
    return Effect.gen(function*() {
      const ids = yield* Effect.provide(
        Effect.forEach([1, 2, 3], (id) => begin(waiting("event.id = input.id"), { input: { id } })),
        host()
      )
      const act = (n: number) =>
        Effect.gen(function*() {
          for (const id of [1, 2, 3]) yield* publish("order.paid", { id }, { id: `paid:${id}` })
          yield* settled
          return n
        })
      yield* Effect.all([Effect.provide(act(1), host()), Effect.provide(act(2), host())], { concurrency: 2 })
      for (const [index, id] of ids.entries()) yield* Effect.provide(assertOutput(id, { id: index + 1 }), host())
    })
  })

  it.effect("a run that an earlier build gave events as signals goes on with them, and then with those that are kept", () => {
    const store = MemoryBackend.makeStore()
    const backend = MemoryBackend.make(store)
    const here = onHostOf(store)
    const given = (run: string, n: number) =>
      backend.write([{
        op: "inbox",
        row: {
          run,
          id: `event:e${n}`,
          kind: "signal",
          payload: JSON.stringify({ name: "event:go", payload: { n } }),
          at: n
        }
      }])
    return Effect.gen(function*() {
      const id = yield* here(begin(document([
        step("wait", "a", "b", { event: "go", where: "event.n = 3" }),
        step("wait", "b", "c", { event: "go", where: "event.n < 3" }),
        step("wait", "c", null, { event: "go", where: "event.n < 10" })
      ])))
      yield* given(id, 1)
      yield* given(id, 2)
      yield* here(Effect.andThen(settled, end(id)))
      // One of those that were given comes again among those that are kept, and counts once.
      yield* here(publish("go", { n: 3, kept: true }, { id: "e3" }))
      yield* here(publish("go", { n: 2, kept: true }, { id: "e2" }))
      yield* here(Effect.andThen(settled, assertOutput(id, { n: 2 })))
      const { steps } = yield* here(Effect.flatMap(Runs, (runs) => runs.show(id)))
      assert.deepStrictEqual(steps.map(({ key, output }) => [key, output]), [
        ["a", { n: 3, kept: true }],
        ["b", { n: 1 }],
        ["c", { n: 2 }]
      ])
    })
  })

  it.effect.each([
    {
      when: "before the commit that writes the wait down",
      first: [],
      at: (op: CommitOp) => (op.awaits?.opened.length ?? 0) > 0
    },
    {
      when: "before the commit that takes the message by which the run was woken",
      first: [1],
      at: (op: CommitOp) => op.consumed.includes("events:order.paid")
    }
  ])("S6: an event that is committed just $when is seen behind it", ({ at, first }) => {
    const backend = MemoryBackend.make(MemoryBackend.makeStore())
    let left = 1
    const late = {
      op: "events",
      rows: [{ id: "late", name: "order.paid", payload: "7", correlation: null, source: null, at: 0 }]
    } as const
    const racing: Backend = {
      ...backend,
      write: (ops) =>
        (ops as ReadonlyArray<Op>).some((op) => op.op === "commit" && at(op)) && left-- > 0
          ? Effect.andThen(backend.write([late]), backend.write(ops))
          : backend.write(ops)
    }
    return Effect.gen(function*() {
      const id = yield* begin(waiting("$string(event) = '7'"))
      for (const payload of first) yield* publish("order.paid", payload)
      yield* assertOutput(id, 7)
      assert.isBelow(left, 1)
    }).pipe(Effect.provide(layer({ backend: racing })))
  })

  line("that one wait has passed over", () =>
    Effect.gen(function*() {
      const id = yield* begin(document([
        step("wait", "a", "b", { event: "go", where: "event = 'a'" }),
        step("wait", "b", null, { event: "go", where: "$uppercase(event) = 'B'" })
      ]))
      for (const payload of ["b", "c", "a"]) yield* publish("go", payload)
      yield* assertOutput(id, "b")
    }).pipe(Effect.provide(layer())))

  line("that several runs wait for", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.forEach([1, 2, 3], () => begin(waiting("event.id = 1")))
      yield* publish("order.paid", { id: 1 })
      for (const id of ids) yield* assertOutput(id, { id: 1 })
      assert.lengthOf(yield* Effect.flatMap(Events, (events) => events.kept({ limit: 10 })), 1)
    }).pipe(Effect.provide(layer())))

  line("with the id of one that is kept", () =>
    Effect.gen(function*() {
      yield* publish("order.paid", { n: 1 }, { id: "one" })
      const id = yield* begin(waiting(undefined))
      yield* publish("order.paid", { n: 2 }, { id: "one" })
      assert.deepInclude(yield* end(id), { status: "suspended" })
      assert.deepStrictEqual(
        (yield* Effect.flatMap(Events, (events) => events.kept({ limit: 10 }))).map(({ payload }) => payload),
        [{ n: 1 }]
      )
    }).pipe(Effect.provide(layer())))
})

it("the table of events in DESIGN.md has these lines and no others", () => {
  const [, section = ""] = readFileSync(new URL("../../engine/DESIGN.md", import.meta.url), "utf8").split(
    "\n## Events that runs wait for\n"
  )
  const told = section.split("\n## ")[0]!.split("\n").filter((row) => row.startsWith("| ")).slice(1).map((row) =>
    row.split(" | ")[0]!.slice(2)
  )
  assert.sameMembers(told, lines)
})
