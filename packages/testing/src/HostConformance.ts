/**
 * What any host must do with ownership, timers and signals, as tests: one call
 * proves the engine on a backend, with hosts that are killed, frozen and
 * started again on it.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Backend } from "@fermata/engine/Backend"
import { type Change, type Changes, hasEntries } from "@fermata/engine/ChangeLog"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Workflow from "effect/workflow/Workflow"
import * as CrashHost from "./CrashHost.ts"
import { dayTests } from "./host/DayTests.ts"

/** Registers the suite for one backend; `connect` gives a connection to an empty store. */
export const suite = (name: string, connect: Effect.Effect<Backend, unknown, Scope>): void => {
  const test = (title: string, body: (world: CrashHost.World) => Effect.Effect<void, unknown>) =>
    it.effect(
      title,
      () => Effect.scoped(Effect.flatMap(connect, (backend) => Effect.flatMap(CrashHost.makeOn(backend), body)))
    )

  describe(`host conformance: ${name}`, () => {
    describe("ownership", () => {
      test("S4: a run whose process died is taken up when the lease has ended, and not before", (world) =>
        Effect.gen(function*() {
          const bodies: Array<string> = []
          const first = yield* world.start(waiting(bodies))
          const id = yield* start(first)
          yield* first.kill
          const other = yield* world.start(waiting(bodies))
          yield* world.tell(id, "signal", { name: "go", payload: "early" })
          yield* world.adjustHost(5_000)
          assert.strictEqual((yield* world.run(id)).status, "suspended", "its owner may still live")
          yield* world.adjustHost(9_000)
          yield* other.settled
          assert.strictEqual((yield* world.run(id)).status, "completed")
          assert.deepStrictEqual(bodies, ["work"], "S1: what was recorded did not run again")
        }))

      test("S5: a process that slept past its lease writes nothing to a run that another has", (world) =>
        Effect.gen(function*() {
          const gate = Deferred.makeUnsafe<void>()
          const bodies: Array<string> = []
          const layer = Wait.toLayer(() =>
            Step.make("work", {
              success: Schema.String,
              onCrash: "rerun",
              run: () => Effect.andThen(Effect.sync(() => bodies.push("work")), Effect.as(Deferred.await(gate), "done"))
            })()
          )
          const frozen = yield* world.start(layer)
          const id = yield* start(frozen)
          frozen.freeze()
          const other = yield* world.start(layer)
          yield* Effect.raceFirst(world.adjustHost(14_000), giveWay)
          yield* other.settled
          yield* Deferred.succeed(gate, undefined)
          yield* other.settled
          assert.strictEqual((yield* world.run(id)).status, "completed")
          const rows = yield* world.rows(id)
          yield* frozen.thaw
          yield* frozen.settled
          assert.deepStrictEqual(yield* world.rows(id), rows)
          assert.strictEqual(yield* frozen.awake, 0)
        }))

      test("an orderly end hands runs over at once", (world) =>
        Effect.gen(function*() {
          const bodies: Array<string> = []
          const first = yield* world.start(waiting(bodies))
          const id = yield* start(first)
          yield* first.close
          const other = yield* world.start(waiting(bodies))
          yield* world.tell(id, "signal", { name: "go", payload: "now" })
          yield* other.settled
          assert.strictEqual((yield* world.run(id)).status, "completed")
        }))

      test("two hosts at once run each run once", (world) =>
        Effect.gen(function*() {
          const bodies: Array<string> = []
          const hosts = [yield* world.start(waiting(bodies)), yield* world.start(waiting(bodies))]
          for (let n = 0; n < 20; n++) yield* start(hosts[n % 2]!, `run-${n}`)
          for (let n = 0; n < 20; n++) {
            yield* world.tell(yield* Wait.executionId({ id: `run-${n}` }), "signal", { name: "go", payload: "x" })
          }
          yield* settleAll(hosts)
          const rows = yield* Effect.orDie(world.backend.runs({ limit: 100 }))
          assert.deepStrictEqual(new Set(rows.map(({ status }) => status)), new Set(["completed"]))
          assert.strictEqual(bodies.length, 20)
        }))
    })

    describe("children", () => {
      for (const first of ["a", "b"] as const) {
        test(`S8, S11: a child of runs in three processes goes on for one of them when the other is cancelled, the one that ${first === "a" ? "started" : "joined"} it first, and is stopped with the last`, (world) =>
          Effect.gen(function*() {
            const parents = { a: Parent("parent-a"), b: Parent("parent-b") }
            const hosts = [
              yield* world.start(Wait.toLayer(() => Signal.receive(Go))),
              yield* world.start(parents.a.toLayer(({ id }) => Wait.execute({ id }))),
              yield* world.start(parents.b.toLayer(({ id }) => Wait.execute({ id })))
            ] as const
            const second = first === "a" ? "b" : "a"
            for (const id of ["goes on", "is stopped"]) {
              const ofA = yield* hosts[1].use(parents.a.execute({ id }, { discard: true }))
              yield* settleAll(hosts)
              const ofB = yield* hosts[2].use(parents.b.execute({ id }, { discard: true }))
              const ids = { a: ofA, b: ofB }
              const child = yield* Wait.executionId({ id })
              const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const
              for (let turn = 0; turn < 3; turn++) yield* world.look
              yield* world.tell(ids[first], "cancel", cancel)
              for (let turn = 0; turn < 3; turn++) yield* world.look
              assert.strictEqual((yield* world.run(ids[first])).status, "cancelled")
              assert.strictEqual((yield* world.run(child)).status, "suspended")
              if (id === "goes on") yield* world.tell(child, "signal", { name: "go", payload: "at last" })
              else yield* world.tell(ids[second], "cancel", cancel)
              for (let turn = 0; turn < 3; turn++) yield* world.look
              const end = id === "goes on" ? "completed" : "cancelled"
              assert.deepStrictEqual([(yield* world.run(ids[second])).status, (yield* world.run(child)).status], [
                end,
                end
              ])
            }
          }))
      }

      test("S4, S8: a child that a step has started is stopped although the process in which the step waited is dead", (world) =>
        Effect.gen(function*() {
          const parent = Parent("parent")
          const delegate = Step.make("delegate", {
            success: Schema.String,
            onCrash: "rerun",
            run: () => Wait.execute({ id: "child" })
          })
          const here = parent.toLayer(() => delegate())
          const other = yield* world.start(Wait.toLayer(() => Signal.receive(Go)))
          const host = yield* world.start(here)
          const id = yield* host.use(parent.execute({ id: "one" }, { discard: true }))
          for (let turn = 0; turn < 3; turn++) yield* world.look
          yield* host.kill
          yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" })
          const child = yield* Wait.executionId({ id: "child" })
          assert.strictEqual((yield* world.run(child)).status, "suspended")
          yield* world.adjustHost(14_000)
          yield* settleAll([other, yield* world.start(here)])
          for (let turn = 0; turn < 3; turn++) yield* world.look
          assert.strictEqual((yield* world.run(id)).status, "cancelled")
          assert.strictEqual((yield* world.run(child)).status, "cancelled")
        }))
    })

    describe("timers", () => {
      test("a sleep of 14 days goes on in another process, at its time and not before", (world) =>
        Effect.gen(function*() {
          const layer = Wait.toLayer(() => Effect.as(Effect.sleep("14 days"), "rested"))
          const first = yield* world.start(layer)
          const id = yield* start(first)
          const second = yield* world.restart(first, layer)
          yield* TestClock.adjust("13 days")
          yield* second.settled
          assert.strictEqual((yield* world.run(id)).status, "suspended")
          yield* TestClock.adjust("1 day")
          yield* second.settled
          assert.strictEqual((yield* world.run(id)).status, "completed")
        }))

      test("a timer that came due while nobody was there fires when somebody is", (world) =>
        Effect.gen(function*() {
          const layer = Wait.toLayer(() => Effect.as(Effect.sleep("1 hour"), "late"))
          const first = yield* world.start(layer)
          const id = yield* start(first)
          yield* first.evict
          yield* first.settled
          yield* first.kill
          yield* TestClock.adjust("2 hours")
          const second = yield* world.restart(first, layer)
          yield* second.settled
          assert.strictEqual((yield* world.run(id)).status, "completed")
        }))

      test("many timers fire in the order of their times, awake or evicted", (world) =>
        Effect.gen(function*() {
          const order: Array<string> = []
          const layer = Wait.toLayer(({ id }) =>
            Effect.as(Effect.andThen(Effect.sleep(`${Number(id)} minutes`), Effect.sync(() => void order.push(id))), id)
          )
          const host = yield* world.start(layer)
          for (const id of ["30", "10", "20", "40"]) yield* start(host, id)
          yield* host.evict
          yield* host.settled
          for (let n = 0; n < 4; n++) {
            yield* TestClock.adjust("10 minutes")
            yield* host.settled
          }
          assert.deepStrictEqual(order, ["10", "20", "30", "40"])
        }))
    })

    describe("signals", () => {
      test("S6: signals that come before the wait are kept, in order, and taken once", (world) =>
        Effect.gen(function*() {
          const layer = Wait.toLayer(Effect.fnUntraced(function*() {
            yield* Effect.sleep("1 hour")
            return `${yield* Signal.receive(Go)}${yield* Signal.receive(Go)}`
          }))
          const first = yield* world.start(layer)
          const id = yield* start(first)
          yield* world.tell(id, "signal", { name: "go", payload: "a" }, { id: "1" })
          const second = yield* world.restart(first, layer)
          yield* world.tell(id, "signal", { name: "go", payload: "b" }, { id: "2" })
          yield* world.tell(id, "signal", { name: "go", payload: "a" }, { id: "1" })
          yield* TestClock.adjust("1 hour")
          yield* second.settled
          assert.deepInclude((yield* world.journal(id)).at(-1), { _tag: "RunCompleted", output: "ab" })
          assert.deepStrictEqual(yield* world.inbox(id), [])
        }))

      test("S6: a race of a signal and a timer ends the same way in every process", (world) =>
        Effect.gen(function*() {
          const layer = Wait.toLayer(Effect.fnUntraced(function*() {
            const won = yield* Effect.raceFirst(Signal.receive(Go), Effect.as(Effect.sleep("1 hour"), "nobody"))
            yield* Effect.sleep("1 day")
            return won
          }))
          const first = yield* world.start(layer)
          const id = yield* start(first)
          yield* TestClock.adjust("1 hour")
          yield* first.settled
          yield* world.tell(id, "signal", { name: "go", payload: "too late" })
          const second = yield* world.restart(first, layer)
          yield* TestClock.adjust("1 day")
          yield* second.settled
          assert.deepInclude((yield* world.journal(id)).at(-1), { _tag: "RunCompleted", output: "nobody" })
        }))

      it.effect("S3, S6: a run that ends unless it is told more is told what comes as its end is written, and decides once", () =>
        Effect.scoped(Effect.gen(function*() {
          const backend = yield* connect
          let words = 2
          const speaks: Backend["write"] = (ops) =>
            Effect.suspend(() => {
              const end = ops.find((op) => op.op === "commit" && op.ended !== undefined)
              if (end?.op !== "commit" || words === 0) return backend.write(ops)
              const payload = JSON.stringify({ name: "go", payload: `word ${words--}` })
              const row = { run: end.run, id: payload, kind: "signal", payload, at: 0 }
              return Effect.andThen(backend.write([{ op: "inbox", row }]), backend.write(ops))
            })
          const world = yield* CrashHost.makeOn({ ...backend, write: speaks })
          const told: Array<string> = []
          const layer = (policy: string) =>
            Wait.toLayer(Effect.fnUntraced(function*() {
              const decided = yield* Workflows.decide("policy", Schema.String, () => policy)
              const heard = [decided, yield* Signal.receive(Go)]
              const polled = yield* Signal.poll(Go)
              assert.isTrue(Option.isNone(polled), "the other has not been told yet")
              for (let next = yield* Signal.nextOrEnd(Go); Option.isSome(next); next = yield* Signal.nextOrEnd(Go)) {
                heard.push(next.value)
                yield* Step.make("tell", {
                  input: Schema.String,
                  onCrash: "rerun",
                  run: (word) => Effect.sync(() => void told.push(word))
                })(next.value)
              }
              return heard.join()
            }))
          const first = yield* world.start(layer("old"))
          const id = yield* start(first)
          yield* world.start(layer("new"))
          yield* first.kill
          yield* backend.write(["a", "b"].map((payload) => ({
            op: "inbox",
            row: { run: id, id: payload, kind: "signal", payload: JSON.stringify({ name: "go", payload }), at: 0 }
          })))
          yield* world.adjustHost(14_000)
          yield* world.look
          const end = (yield* world.journal(id)).at(-1)
          assert.strictEqual(end?._tag === "RunCompleted" ? end.output : end?._tag, "old,a,b,word 2,word 1")
          assert.deepStrictEqual(told, ["b", "word 2", "word 1"])
        })))

      test("a run that is over takes no signal, and one that is unknown neither", (world) =>
        Effect.gen(function*() {
          const host = yield* world.start(Wait.toLayer(() => Effect.succeed("done")))
          const id = yield* start(host)
          assert.strictEqual(yield* world.tell(id, "signal", { name: "go", payload: "x" }), "closed")
          assert.strictEqual(yield* world.tell("nobody", "signal", { name: "go", payload: "x" }), "unknown")
        }))
    })

    describe("days", () => {
      dayTests(connect)
    })

    describe("the feed", () => {
      test("S4: who follows by position, at one process after the other, hears what each commits, once and in order", (world) =>
        Effect.gen(function*() {
          const first = yield* world.start(waiting([]))
          const second = yield* world.start(waiting([]))
          const feedOf = (host: CrashHost.Host) => host.use(Effect.provide(Feed, Feed.layer))
          const feeds = [yield* feedOf(first), yield* feedOf(second)] as const
          const begin = yield* feeds[0].position
          const heard: Array<Change> = []
          const ids: Array<string> = []
          let position = begin
          const follow = (feed: Feed["Service"]) =>
            Effect.forkChild(Stream.runHead(feed.follow({ after: position })), { startImmediately: true })
          const hear = (follower: Fiber.Fiber<Option.Option<Changes>, unknown>) =>
            Effect.map(Fiber.join(follower), (batch) => {
              const { next, rows } = Option.getOrThrow(batch)
              heard.push(...rows)
              position = next
            })
          for (let turn = 0; turn < 6; turn++) {
            const follower = yield* follow(feeds[turn % 2]!)
            ids.push(yield* start(turn % 3 === 0 ? first : second, `run ${turn}`))
            yield* world.adjustHost(1_000)
            yield* hear(follower)
          }
          // One of them dies, and its runs go on at the other.
          yield* first.kill
          for (const id of ids) yield* world.tell(id, "signal", { name: "go", payload: "now" })
          const last = yield* follow(feeds[1])
          for (let second = 0; second < 20; second++) yield* world.adjustHost(1_000)
          yield* second.settled
          yield* hear(last)
          const now = yield* feeds[1].position
          const isBehind = Effect.sync(() => position < now)
          while (yield* isBehind) yield* hear(yield* follow(feeds[1]))
          // A process that has seen nothing of it tells the same.
          const third = yield* feedOf(yield* world.start(waiting([])))
          const again = yield* Stream.runCollect(
            third.follow({ after: begin }).pipe(Stream.takeUntil(({ next }) => next >= now))
          )
          assert.deepStrictEqual(again.flatMap(({ rows }) => rows).slice(0, heard.length), heard)
          for (const id of ids) {
            const entries = heard.flatMap((change) => hasEntries(change) && change.run === id ? change.entries : [])
            assert.deepStrictEqual(entries, yield* world.rows(id))
            assert.strictEqual((yield* world.run(id)).status, "completed")
          }
        }))

      test("S4, N-25: who subscribes hears what every process publishes and what its runs do, each once, also when one of them dies", (world) =>
        Effect.gen(function*() {
          const first = yield* world.start(waiting([]))
          const second = yield* world.start(waiting([]))
          const eventsOf = (host: CrashHost.Host) => host.use(Effect.provide(Events, Events.layer))
          const heard: Array<{ readonly id: string; readonly name: string }> = []
          const names = () => heard.map(({ name }) => name).filter((name) => name !== "engine.run.resumed").toSorted()
          yield* Effect.forkChild(
            Stream.runForEach(
              (yield* eventsOf(second)).subscribe("**"),
              (event) => Effect.sync(() => void heard.push(event))
            ),
            { startImmediately: true }
          )
          const id = yield* start(first, "run")
          yield* first.use((yield* eventsOf(first)).emit("order.placed", { n: 1 }))
          for (let second = 0; second < 5; second++) yield* world.adjustHost(1_000)
          const before = [
            "engine.run.requested",
            "engine.run.started",
            "engine.run.waiting",
            "engine.step.completed",
            "engine.step.requested",
            "order.placed"
          ]
          assert.deepStrictEqual(names(), before)
          yield* first.kill
          yield* world.tell(id, "signal", { name: "go", payload: "now" })
          for (let second = 0; second < 20; second++) yield* world.adjustHost(1_000)
          yield* second.settled
          assert.deepStrictEqual(names(), ["engine.run.completed", ...before])
          assert.strictEqual(new Set(heard.map(({ id }) => id)).size, heard.length)
        }))
    })
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const Go = Signal.make("go", { schema: Schema.String })

const Wait = Workflow.make("wait", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

/** Waits for the `Wait` of the same id. */
const Parent = <const Name extends string>(name: Name) =>
  Workflow.make(name, { payload: { id: Schema.String }, success: Schema.String, idempotencyKey: ({ id }) => id })

const waiting = (bodies: Array<string>) => {
  const work = Step.make("work", {
    success: Schema.String,
    onCrash: "rerun",
    run: () =>
      Effect.sync(() => {
        bodies.push("work")
        return "worked"
      })
  })
  return Wait.toLayer(() => Effect.andThen(work(), Signal.receive(Go)))
}

const start = (host: CrashHost.Host, id = "one") =>
  Effect.tap(host.use(Wait.execute({ id }, { discard: true })), () => host.settled)

const settleAll = (hosts: ReadonlyArray<CrashHost.Host>) =>
  Effect.forEach([...hosts, ...hosts], (host) => host.settled, { discard: true })

const giveWay = Effect.gen(function*() {
  for (let turn = 0; turn < 400; turn++) yield* Effect.yieldNow
})
