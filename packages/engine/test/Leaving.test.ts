import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Latch, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Activity, Workflow, type WorkflowEngine } from "effect/workflow"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import type { Backend, Op } from "../src/Backend.ts"
import type { Engine } from "../src/Engine.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { begin, define, echo, exitOf, giveWay, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const Hold = Signal.make("hold")
const go = { name: "go", payload: null }
const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const

/** Waits until somebody says go. */
const Child = define("child", { success: Schema.String })
const childLayer = Child.toLayer(({ id }) => Effect.as(Signal.receive(Go), `end of ${id}`))
const child = Child.executionId({ id: "c" })
const execute = Child.execute({ id: "c" })

/** Asks for the child in one of the `ways`. */
const Run = Workflow.make("run", {
  payload: { id: Schema.String, way: Schema.String },
  success: Schema.Unknown,
  idempotencyKey: ({ id }) => id
})

type Asked = Effect.Effect<unknown, unknown, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
/** How a run asks for the child. */
const ways = {
  waits: execute,
  discards: Effect.andThen(Child.execute({ id: "c" }, { discard: true }), Signal.receive(Hold)),
  detaches: Effect.andThen(Child.execute({ id: "c" }, { discard: true, detached: true }), Signal.receive(Hold)),
  "detaches and waits": Effect.andThen(Child.execute({ id: "c" }, { discard: true, detached: true }), execute),
  "waits, and detaches beside it": Effect.all(
    [execute, Child.execute({ id: "c" }, { discard: true, detached: true })],
    { concurrency: 2 }
  ),
  ends: Child.execute({ id: "c" }, { discard: true }),
  fails: Effect.andThen(Child.execute({ id: "c" }, { discard: true }), Effect.die(new Error("in vain"))),
  "loses a race": Effect.andThen(Effect.raceFirst(execute, Effect.sleep("1 second")), Signal.receive(Hold)),
  "waits in a step": Step.make("delegate", {
    success: Schema.String,
    onCrash: "rerun",
    run: () => Effect.orDie(execute)
  })(),
  "waits in an activity": Activity.make({ name: "delegate", success: Schema.String, execute: Effect.orDie(execute) }),
  "discards in a step": Effect.andThen(
    Step.make("delegate", {
      success: Schema.String,
      onCrash: "rerun",
      run: () => Child.execute({ id: "c" }, { discard: true })
    })(),
    Signal.receive(Hold)
  ),
  "waits below": Effect.suspend(() => Run.execute({ id: "below", way: "waits" })),
  interrupts: Effect.andThen(Effect.flatMap(child, (id) => Child.interrupt(id)), Signal.receive(Hold)),
  "interrupts in a step": Effect.andThen(
    Step.make("stop", { onCrash: "rerun", run: () => Effect.flatMap(child, (id) => Child.interrupt(id)) })(),
    Signal.receive(Hold)
  )
}
type Way = keyof typeof ways

const layer = Layer.merge(
  childLayer,
  Run.toLayer(({ way }) =>
    Effect.as(Effect.orDie(Effect.suspend((): Asked => ways[way as Way])), way.includes("waits") ? "told" : undefined)
  )
)

/** What happens, one after the other: a run asks for the child in this way, or is cancelled. A person asks for it too. */
type Act =
  | readonly ["asks", run: string, way: Way]
  | readonly ["is cancelled", run: string]
  | readonly ["a person asks"]

const cases: ReadonlyArray<readonly [what: string, acts: ReadonlyArray<Act>, child: "goes on" | "is stopped"]> = [
  ["started by a run, which is cancelled", [["asks", "a", "waits"], ["is cancelled", "a"]], "is stopped"],
  ["started by a person and asked for by a run, which is cancelled", [["a person asks"], ["asks", "a", "waits"], [
    "is cancelled",
    "a"
  ]], "goes on"],
  ["started by a run and asked for by a person, when the run is cancelled", [
    ["asks", "a", "waits"],
    ["a person asks"],
    ["is cancelled", "a"]
  ], "goes on"],
  ["joined by a second run, which is cancelled", [["asks", "a", "waits"], ["asks", "b", "waits"], [
    "is cancelled",
    "b"
  ]], "goes on"],
  ["joined by a second run, when the first is cancelled", [["asks", "a", "waits"], ["asks", "b", "waits"], [
    "is cancelled",
    "a"
  ]], "goes on"],
  ["joined by a second run, when both are cancelled, the first first", [
    ["asks", "a", "waits"],
    ["asks", "b", "waits"],
    ["is cancelled", "a"],
    ["is cancelled", "b"]
  ], "is stopped"],
  ["joined by a second run, when both are cancelled, the second first", [
    ["asks", "a", "waits"],
    ["asks", "b", "waits"],
    ["is cancelled", "b"],
    ["is cancelled", "a"]
  ], "is stopped"],
  ["joined by several, when all but one are cancelled", [
    ["asks", "a", "waits"],
    ["asks", "b", "waits"],
    ["asks", "d", "waits"],
    ["is cancelled", "a"],
    ["is cancelled", "d"]
  ], "goes on"],
  ["joined by a run that has ended, when the first is cancelled", [["asks", "a", "waits"], ["asks", "b", "ends"], [
    "is cancelled",
    "a"
  ]], "is stopped"],
  ["discarded by a run, which is cancelled later", [["asks", "a", "discards"], ["is cancelled", "a"]], "is stopped"],
  ["joined by a run that discards it, when the first is cancelled", [
    ["asks", "a", "waits"],
    ["asks", "b", "discards"],
    ["is cancelled", "a"]
  ], "goes on"],
  ["discarded by a run that has ended, and joined by another, which is cancelled", [["asks", "a", "ends"], [
    "asks",
    "b",
    "waits"
  ], ["is cancelled", "b"]], "goes on"],
  ["started by a run that has failed", [["asks", "a", "fails"]], "goes on"],
  ["started by a run for which something else was faster", [["asks", "a", "loses a race"]], "goes on"],
  ["started by a run for which something else was faster, and which is cancelled", [["asks", "a", "loses a race"], [
    "is cancelled",
    "a"
  ]], "is stopped"],
  ["detached by a run, which is cancelled", [["asks", "a", "detaches"], ["is cancelled", "a"]], "goes on"],
  ["detached by a run and joined by another, when both are cancelled", [
    ["asks", "a", "detaches"],
    ["asks", "b", "waits"],
    ["is cancelled", "a"],
    ["is cancelled", "b"]
  ], "goes on"],
  ["started by a run, and detached by another that joins it, when both are cancelled", [
    ["asks", "a", "waits"],
    ["asks", "b", "detaches"],
    ["is cancelled", "b"],
    ["is cancelled", "a"]
  ], "goes on"],
  ["detached and then waited for by a run, which is cancelled", [["asks", "a", "detaches and waits"], [
    "is cancelled",
    "a"
  ]], "goes on"],
  ["waited for and detached too by a run, which is cancelled", [["asks", "a", "waits, and detaches beside it"], [
    "is cancelled",
    "a"
  ]], "goes on"],
  [
    "started by a step of a run, which is cancelled",
    [["asks", "a", "waits in a step"], ["is cancelled", "a"]],
    "is stopped"
  ],
  ["started by an activity of a run, which is cancelled", [["asks", "a", "waits in an activity"], [
    "is cancelled",
    "a"
  ]], "is stopped"],
  [
    "discarded by a step of a run, which is cancelled",
    [["asks", "a", "discards in a step"], ["is cancelled", "a"]],
    "is stopped"
  ],
  ["joined by a step of a run, which is cancelled", [["asks", "a", "waits"], ["asks", "b", "waits in a step"], [
    "is cancelled",
    "b"
  ]], "goes on"],
  ["started by a step and joined by a run, when the first is cancelled", [["asks", "a", "waits in a step"], [
    "asks",
    "b",
    "waits"
  ], ["is cancelled", "a"]], "goes on"],
  [
    "started by a child of a run, which is cancelled",
    [["asks", "a", "waits below"], ["is cancelled", "a"]],
    "is stopped"
  ],
  ["started by a child of a run, which is cancelled, and joined by another", [["asks", "a", "waits below"], [
    "asks",
    "b",
    "waits"
  ], ["is cancelled", "a"]], "goes on"],
  ["interrupted by the code of another run", [["asks", "a", "waits"], ["asks", "b", "interrupts"]], "is stopped"],
  [
    "started by a person and interrupted by the code of a run",
    [["a person asks"], ["asks", "a", "interrupts"]],
    "is stopped"
  ],
  [
    "interrupted by a step of another run",
    [["asks", "a", "waits"], ["asks", "b", "interrupts in a step"]],
    "is stopped"
  ]
]

/** A world in which that has happened; `eachTime` comes between. */
const live = Effect.fnUntraced(
  function*(acts: ReadonlyArray<Act>, eachTime: (host: CrashHost.Host) => Effect.Effect<unknown>) {
    const world = yield* CrashHost.make
    const host = yield* world.start(layer)
    const asked = new Map<string, Way>()
    const runId = (id: string) => Run.executionId({ id, way: "waits" })
    for (const act of acts) {
      if (act[0] === "asks") {
        asked.set(act[1], act[2])
        yield* host.use(Run.execute({ id: act[1], way: act[2] }, { discard: true }))
        yield* host.settled
        if (act[2] === "loses a race") yield* pass(host, "1 second")
      } else if (act[0] === "is cancelled") {
        yield* eachTime(host)
        yield* world.tell(yield* runId(act[1]), "cancel", cancel)
        assert.strictEqual((yield* world.run(yield* runId(act[1]))).status, "cancelled")
        asked.delete(act[1])
      } else yield* begin(host, Child, "c")
      yield* host.settled
    }
    return { asked, host, runId, world }
  }
)

it("the table of children in DESIGN.md has these lines, in this order", () => {
  const [, section = ""] = readFileSync(new URL("../DESIGN.md", import.meta.url), "utf8").split(
    "\n## Children that are left\n"
  )
  const lines = section.split("\n## ")[0]!.split("\n").filter((line) => line.startsWith("| ")).slice(1)
  assert.deepStrictEqual(lines, cases.map(([what, , ends]) => `| ${what} | ${ends} |`))
})

describe("a run that is told to stop leaves the children that it has asked for", () => {
  for (const [what, acts, ends] of cases) {
    for (const evicted of [false, true]) {
      it.effect(`S8, S11: a child ${what}${evicted ? ", out of memory" : ""}, ${ends}`, () =>
        Effect.gen(function*() {
          const { asked, host, runId, world } = yield* live(acts, (host) =>
            evicted ? Effect.andThen(host.evict, host.settled) : Effect.void)
          const id = yield* child
          assert.strictEqual((yield* world.run(id)).status, ends === "is stopped" ? "cancelled" : "suspended")
          if (ends === "is stopped") {
            return
          }
          // Those who still wait are told its real end.
          yield* world.tell(id, "signal", go)
          assert.deepStrictEqual(yield* exitOf(host, Child, id), Exit.succeed("end of c"))
          for (const [run, way] of asked) {
            if (way.includes("waits")) {
              assert.deepStrictEqual(yield* exitOf(host, Run, yield* runId(run)), Exit.succeed("told"), run)
            }
          }
        }).pipe(Effect.provide(Logger.layer([]))))
    }
  }

  it.effect("S8: whoever asks and leaves in whichever order, a child is stopped when its starter and all who are open have left it, and only then", () =>
    Effect.gen(function*() {
      const run = fc.constantFrom("a", "b", "d")
      const way = fc.oneof(
        {
          weight: 8,
          arbitrary: fc.constantFrom<Way>("waits", "waits", "discards", "waits in a step", "discards in a step")
        },
        { weight: 1, arbitrary: fc.constantFrom<Way>("ends", "detaches") }
      )
      const act: fc.Arbitrary<Act> = fc.oneof(
        { weight: 8, arbitrary: fc.tuple(fc.constant("asks" as const), run, way) },
        { weight: 8, arbitrary: fc.tuple(fc.constant("is cancelled" as const), run) },
        { weight: 1, arbitrary: fc.constant(["a person asks"] as const) }
      )
      const seen = { stopped: 0, goesOn: 0 }
      for (
        const acts of fc.sample(fc.array(act, { minLength: 4, maxLength: 9, size: "max" }), {
          numRuns: 100,
          seed: 4314
        })
      ) {
        // What is asked for twice, or cancelled when it is over, changes nothing.
        const asked = new Map<string, "open" | "over" | "left">()
        let starter: string | undefined
        let isWanted = false
        let isStopped = false
        const real: Array<Act> = []
        for (const next of acts) {
          if (isStopped) break
          if (next[0] === "asks") {
            if (asked.has(next[1])) continue
            starter ??= next[1]
            if (next[2] === "detaches") isWanted = true
            asked.set(next[1], next[2] === "ends" ? "over" : next[2] === "detaches" ? "over" : "open")
          } else if (next[0] === "is cancelled") {
            if (asked.get(next[1]) !== "open") continue
            asked.set(next[1], "left")
            isStopped = !isWanted && starter !== undefined && asked.get(starter) === "left" &&
              ![...asked.values()].includes("open")
          } else {
            starter ??= "a person"
            isWanted = true
          }
          real.push(next)
        }
        if (starter === undefined) continue
        const { world } = yield* live(real, () => Effect.void)
        const { status } = yield* world.run(yield* child)
        assert.strictEqual(status, isStopped ? "cancelled" : "suspended", JSON.stringify(real))
        seen[isStopped ? "stopped" : "goesOn"]++
      }
      assert.isAbove(Math.min(seen.stopped, seen.goesOn), 15, JSON.stringify(seen))
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S8: says by whom the child was stopped, and why its parent was", () =>
    Effect.gen(function*() {
      const { runId, world } = yield* live([["asks", "a", "waits below"], ["is cancelled", "a"]], () => Effect.void)
      const last = Effect.fnUntraced(function*(run: string) {
        return (yield* world.journal(run)).at(-1)
      })
      const below = yield* runId("below")
      assert.deepInclude(yield* last(yield* runId("a")), {
        _tag: "RunCancelled",
        by: "ada",
        reason: "no longer wanted"
      })
      assert.deepInclude(yield* last(below), {
        _tag: "RunCancelled",
        by: yield* runId("a"),
        reason: "no longer wanted"
      })
      assert.deepInclude(yield* last(yield* child), { _tag: "RunCancelled", by: below, reason: "no longer wanted" })
    }))

  it.effect("S8, S11: those who wait see a child's real end although the one that left has been stopped, and it is not disturbed by that end", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Undoing = define("undoing")
      const host = yield* world.start(Layer.mergeAll(
        layer,
        Undoing.toLayer(() =>
          echo(log)("x").pipe(
            Undoing.withCompensation(() => Effect.orDie(Signal.receive(Hold))),
            Effect.andThen(execute)
          )
        )
      ))
      const undoing = yield* begin(host, Undoing)
      const other = yield* host.use(Run.execute({ id: "b", way: "waits" }, { discard: true }))
      yield* host.settled
      yield* world.tell(undoing, "cancel", cancel)
      assert.include(yield* world.run(undoing), { status: "suspended", reason: "signal" })
      const before = yield* world.rows(undoing)
      yield* world.tell(yield* child, "signal", go)
      assert.deepStrictEqual(yield* exitOf(host, Run, other), Exit.succeed("told"))
      assert.deepStrictEqual(yield* world.rows(undoing), before)
      yield* world.tell(undoing, "signal", { name: "hold", payload: null })
      assert.strictEqual((yield* world.run(undoing)).status, "cancelled")
    }))

  for (const joined of [false, true]) {
    it.effect(`S8: a compensation that asks for the ${joined ? "child that goes on" : "stopped child"} again is given its real end`, () =>
      Effect.gen(function*() {
        const log = new Log()
        const Undoing = define("undoing")
        const again = Effect.flatMap(
          Effect.exit(execute),
          (exit) => echo(log, "again")(Exit.isSuccess(exit) ? exit.value : "stopped")
        )
        const workflows = Layer.mergeAll(
          layer,
          Undoing.toLayer(() =>
            echo(log)("x").pipe(Undoing.withCompensation(() => Effect.asVoid(again)), Effect.andThen(execute))
          )
        )
        for (const dies of [false, true]) {
          const world = yield* CrashHost.make
          let host = yield* world.start(workflows)
          const undoing = yield* begin(host, Undoing)
          if (joined) yield* host.use(Run.execute({ id: "b", way: "waits" }, { discard: true }))
          yield* host.settled
          yield* world.tell(undoing, "cancel", cancel)
          if (dies) host = yield* world.restart(host, workflows)
          yield* host.settled
          if (joined) {
            assert.include(yield* world.run(undoing), { status: "suspended", reason: "child" })
            yield* world.tell(yield* child, "signal", go)
          }
          assert.strictEqual((yield* world.run(undoing)).status, "cancelled")
          assert.deepStrictEqual(log.entries.at(-1), joined ? "again end of c" : "again stopped")
          yield* host.kill
        }
      }).pipe(Effect.provide(Logger.layer([]))))
  }

  it.effect("S8: a child that a compensation starts is not stopped by the stop that it undoes, whether a body or a step asks for it", () =>
    Effect.gen(function*() {
      for (const way of ["discards", "discards in a step"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const Undoing = define("undoing")
        const refund = way === "discards"
          ? Child.execute({ id: "c" }, { discard: true })
          : Step.make("refund", { onCrash: "rerun", run: () => Child.execute({ id: "c" }, { discard: true }) })()
        const host = yield* world.start(Layer.mergeAll(
          layer,
          Undoing.toLayer(() =>
            echo(log)("x").pipe(
              Undoing.withCompensation(() => Effect.asVoid(refund)),
              Effect.andThen(Signal.receive(Hold))
            )
          )
        ))
        const undoing = yield* begin(host, Undoing)
        yield* world.tell(undoing, "cancel", cancel)
        assert.strictEqual((yield* world.run(undoing)).status, "cancelled")
        assert.strictEqual((yield* world.run(yield* child)).status, "suspended", way)
        yield* host.kill
      }
    }))

  it.effect("S12: a limit of the parent stops the child as a cancel does, and another that waits keeps it", () =>
    Effect.gen(function*() {
      for (const joined of [false, true]) {
        const world = yield* CrashHost.make
        const Short = define("short").annotate(Workflows.Limits, { maxRunMs: 1_000 })
        const host = yield* world.start(Layer.merge(layer, Short.toLayer(() => execute)))
        const short = yield* begin(host, Short)
        if (joined) yield* host.use(Run.execute({ id: "b", way: "waits" }, { discard: true }))
        yield* pass(host, "2 seconds")
        assert.strictEqual((yield* world.run(short)).status, "failed")
        const id = yield* child
        assert.strictEqual((yield* world.run(id)).status, joined ? "suspended" : "cancelled")
        if (!joined) {
          assert.deepInclude((yield* world.journal(id)).at(-1), { by: short, reason: "longer than 1000 ms (maxRunMs)" })
        }
        yield* host.kill
      }
    }))

  it.effect("S8: a child that the code waits for in spite of the stop goes on until then", () =>
    Effect.gen(function*() {
      const stubborn: ReadonlyArray<Asked> = [
        Effect.uninterruptible(execute),
        Effect.uninterruptible(ways["waits in a step"]),
        Effect.all([Effect.scoped(execute), Effect.uninterruptible(execute)], { concurrency: 2 }),
        Effect.all([ways["waits in a step"], Effect.uninterruptible(execute)], { concurrency: 2 })
      ]
      for (const body of stubborn) {
        const world = yield* CrashHost.make
        const Stubborn = define("stubborn")
        const host = yield* world.start(Layer.merge(layer, Stubborn.toLayer(() => Effect.orDie(body))))
        const id = yield* begin(host, Stubborn)
        yield* world.tell(id, "cancel", cancel)
        assert.strictEqual((yield* world.run(yield* child)).status, "suspended")
        yield* world.tell(yield* child, "signal", go)
        assert.deepStrictEqual(yield* exitOf(host, Child, yield* child), Exit.succeed("end of c"))
        assert.include(["completed", "cancelled"], (yield* world.run(id)).status)
        yield* host.kill
      }
    }))

  it.effect("S8: a child that the body of a step starts when its run has been told to stop begins nothing, and one of a compensation is none of these", () =>
    Effect.gen(function*() {
      for (const compensates of [false, true]) {
        for (const kind of ["step", "activity"] as const) {
          const world = yield* CrashHost.make
          const log = new Log()
          const gate = yield* Latch.make()
          const Late = define("late", { success: Schema.String })
          const Slow = define("slow")
          const body = Effect.uninterruptible(
            Effect.andThen(gate.await, Late.execute({ id: "late" }, { discard: true }))
          )
          const step = kind === "step"
            ? Step.make("delegate", { onCrash: "rerun", run: () => Effect.asVoid(body) })()
            : Activity.make({ name: "delegate", execute: Effect.asVoid(body) })
          const undo = compensates ? Signal.receive(Hold) : Effect.void
          const host = yield* world.start(Layer.merge(
            Late.toLayer(({ id }) => echo(log)(id)),
            Slow.toLayer(() => echo(log)("x").pipe(Slow.withCompensation(() => undo), Effect.andThen(step)))
          ))
          const id = yield* begin(host, Slow)
          yield* world.tell(id, "cancel", cancel)
          assert.strictEqual((yield* world.run(id)).status, compensates ? "suspended" : "cancelled")
          yield* Effect.andThen(gate.open, giveWay(200))
          yield* host.settled
          assert.strictEqual((yield* world.run(yield* Late.executionId({ id: "late" }))).status, "cancelled")
          assert.deepStrictEqual(log.entries, ["echo x"])
          yield* host.kill
        }
      }
    }))

  it.effect("S8: a run that suspended on its failure, and is cancelled then, leaves what its steps have asked for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Fragile = define("fragile").annotate(Workflow.SuspendOnFailure, true)
      const host = yield* world.start(Layer.merge(
        layer,
        Fragile.toLayer(() =>
          Effect.andThen(
            Step.make("delegate", { onCrash: "rerun", run: () => Child.execute({ id: "c" }, { discard: true }) })(),
            Effect.die(new Error("broken"))
          )
        )
      ))
      const id = yield* begin(host, Fragile)
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.strictEqual((yield* world.run(yield* child)).status, "suspended")
      yield* world.tell(id, "cancel", cancel)
      assert.strictEqual((yield* world.run(yield* child)).status, "cancelled")
      assert.deepInclude((yield* world.journal(yield* child)).at(-1), { by: id, reason: "no longer wanted" })
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S8, S11: two processes that deliver the same message leave and join once", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.make(MemoryBackend.makeStore())
      const deliveries: Array<ReadonlyArray<Op>> = []
      const write = (ops: ReadonlyArray<Op>) => {
        if (ops.some(({ op }) => op === "delivered")) deliveries.push(ops)
        return store.write(ops)
      }
      const world = yield* CrashHost.makeOn({ ...store, write: write as Backend["write"] })
      const log = new Log()
      const Undoing = define("undoing")
      const host = yield* world.start(Layer.mergeAll(
        layer,
        Undoing.toLayer(() =>
          echo(log)("x").pipe(
            Undoing.withCompensation(() =>
              Signal.receive(Hold).pipe(
                Effect.andThen(execute),
                Effect.exit,
                Effect.flatMap((exit) => echo(log, "again")(Exit.isSuccess(exit) ? exit.value : "stopped")),
                Effect.asVoid
              )
            ),
            Effect.andThen(execute)
          )
        )
      ))
      const undoing = yield* begin(host, Undoing)
      yield* host.use(Run.execute({ id: "b", way: "waits" }, { discard: true }))
      yield* host.settled
      yield* world.tell(undoing, "cancel", cancel)
      const before = deliveries.splice(0)
      assert.isTrue(before.some((ops) => ops.some(({ op }) => op === "leave")))
      // What was delivered is delivered again: the run that has left has not come back by it.
      for (const ops of before) yield* store.write(ops)
      yield* world.tell(undoing, "signal", { name: "hold", payload: null })
      assert.include(yield* world.run(undoing), { status: "suspended", reason: "child" })
      for (const ops of before) yield* store.write(ops)
      yield* world.tell(yield* child, "signal", go)
      assert.deepStrictEqual(log.entries, ["echo x", "again end of c"])
      assert.strictEqual((yield* world.run(undoing)).status, "cancelled")
    }))

  it.effect("S8: a start that is delivered again behind the leave does not keep the child", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.make(MemoryBackend.makeStore())
      const deliveries: Array<ReadonlyArray<Op>> = []
      const write = (ops: ReadonlyArray<Op>) => {
        if (ops.some(({ op }) => op === "delivered")) deliveries.push(ops)
        return store.write(ops)
      }
      const world = yield* CrashHost.makeOn({ ...store, write: write as Backend["write"] })
      const log = new Log()
      const Undoing = define("undoing")
      const host = yield* world.start(Layer.mergeAll(
        layer,
        Undoing.toLayer(() =>
          echo(log)("x").pipe(Undoing.withCompensation(() => Signal.receive(Hold)), Effect.andThen(execute))
        )
      ))
      const a = yield* host.use(Run.execute({ id: "a", way: "waits" }, { discard: true }))
      yield* host.settled
      const undoing = yield* begin(host, Undoing)
      const starts = deliveries.splice(0)
      yield* world.tell(undoing, "cancel", cancel)
      for (const ops of starts) yield* store.write(ops)
      // The one that has left is still open.
      assert.include(yield* world.run(undoing), { status: "suspended", reason: "signal" })
      yield* world.tell(a, "cancel", cancel)
      assert.strictEqual((yield* world.run(yield* child)).status, "cancelled")
    }))

  it.effect("S8: a child whose start was not delivered yet begins nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Busy = define("busy")
      const Late = define("late", { success: Schema.String })
      const host = yield* world.start(Layer.merge(
        Late.toLayer(({ id }) => echo(log)(id)),
        Busy.toLayer(() => Effect.andThen(Signal.receive(Go), Late.execute({ id: "late" })))
      ))
      const id = yield* begin(host, Busy)
      yield* host.evict
      yield* host.settled
      // Both are there before the run is taken up: it asks for the child and is stopped in one commit.
      yield* world.backend.write([
        { op: "inbox", row: { run: id, id: "go", kind: "signal", payload: JSON.stringify(go), at: 0 } },
        { op: "inbox", row: { run: id, id: "no", kind: "cancel", payload: JSON.stringify(cancel), at: 0 } }
      ])
      yield* world.look
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.isTrue((yield* world.journal(id)).some((entry) => entry._tag === "ChildStarted"))
      assert.strictEqual((yield* world.run(yield* Late.executionId({ id: "late" }))).status, "cancelled")
      assert.isEmpty(log.entries)
    }))

  it.effect("S8, S11: a child that has just ended keeps its end", () =>
    Effect.gen(function*() {
      const { host, runId, world } = yield* live([["asks", "a", "waits"]], () => Effect.void)
      const a = yield* runId("a")
      const id = yield* child
      // The child's owner has taken the signal before the parent takes the cancel.
      yield* world.backend.write([
        { op: "inbox", row: { run: id, id: "go", kind: "signal", payload: JSON.stringify(go), at: 0 } },
        { op: "inbox", row: { run: a, id: "no", kind: "cancel", payload: JSON.stringify(cancel), at: 0 } }
      ])
      yield* world.look
      assert.strictEqual((yield* world.run(a)).status, "cancelled")
      const exit = yield* exitOf(host, Child, id)
      assert.include(["completed", "cancelled"], (yield* world.run(id)).status)
      yield* host.use(Run.execute({ id: "later", way: "waits" }, { discard: true }))
      yield* host.settled
      const later = yield* exitOf(host, Run, yield* runId("later"))
      assert.strictEqual(Exit.isSuccess(later!), Exit.isSuccess(exit!), "whoever asks later is given the same end")
    }))

  for (const when of ["before", "after"] as const) {
    it.effect(`S4, S8: a process that dies ${when} any write of a cancel changes none of this`, () =>
      Effect.gen(function*() {
        for (
          const acts of [[["asks", "a", "waits"]], [["asks", "a", "waits"], ["asks", "b", "waits"]], [[
            "asks",
            "a",
            "waits in a step"
          ]], [["asks", "a", "waits below"]]] as const
        ) {
          for (let write = 1, killed = true; killed; write++) {
            const { host: first, runId, world } = yield* live(acts, () => Effect.void)
            const a = yield* runId("a")
            first.killAt(write, when, "every")
            yield* world.tell(a, "cancel", cancel)
            killed = first.killed()
            const host = killed ? yield* world.restart(first, layer) : first
            host.killAt(Infinity, when)
            yield* host.settled
            yield* world.look
            assert.strictEqual((yield* world.run(a)).status, "cancelled", `write ${write}`)
            const joined = acts.length > 1
            assert.strictEqual(
              (yield* world.run(yield* child)).status,
              joined ? "suspended" : "cancelled",
              `write ${write} of ${JSON.stringify(acts)}`
            )
            if (joined) {
              yield* world.tell(yield* child, "signal", go)
              assert.deepStrictEqual(
                yield* exitOf(host, Run, yield* runId("b")),
                Exit.succeed("told"),
                `write ${write}`
              )
            }
            yield* host.kill
          }
        }
      }).pipe(Effect.provide(Logger.layer([]))))
  }

  it.effect("S8: operators stop a child, whoever waits for it, and all are told", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.provideMerge(layer, Runs.layer))
      const a = yield* host.use(Run.execute({ id: "a", way: "waits" }, { discard: true }))
      const b = yield* host.use(Run.execute({ id: "b", way: "waits" }, { discard: true }))
      yield* host.settled
      yield* host.use(Effect.provide(
        Runs.use((runs) => Effect.flatMap(child, (id) => runs.cancel(id, { by: "ada", reason: "enough" }))),
        Runs.layer
      ))
      yield* host.settled
      yield* TestClock.adjust(1)
      for (const run of [a, b]) {
        assert.isTrue(Exit.isFailure((yield* exitOf(host, Run, run))!))
      }
    }))
})
