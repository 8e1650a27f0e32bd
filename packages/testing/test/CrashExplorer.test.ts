import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Effect, Exit, Layer, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import * as CrashExplorer from "../src/CrashExplorer.ts"
import type * as CrashHost from "../src/CrashHost.ts"

const Paid = Signal.make("paid", { schema: Schema.String })

const echo = Step.make("echo", {
  input: { text: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ text }) => Effect.succeed(text.toUpperCase())
})

let flaky = 0
const sometimes = Step.make("sometimes", {
  success: Schema.String,
  error: Schema.String,
  onCrash: "rerun-keyed",
  retry: Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 5 })),
  run: () => Effect.suspend(() => ++flaky % 2 === 0 ? Effect.succeed("ok") : Effect.fail("not yet"))
})

const Child = Workflow.make("child", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
const Everything = Workflow.make("everything", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.String),
  error: Schema.Union([Schema.String, Approval.Denied]),
  idempotencyKey: ({ id }) => id
})

const workflows = Layer.mergeAll(
  Child.toLayer(({ id }) => Effect.andThen(Effect.sleep("1 minute"), echo({ text: `child of ${id}` }))),
  Everything.toLayer(Effect.fnUntraced(function*({ id }) {
    const words = yield* Effect.forEach(["a", "b", "c"], (text) => echo({ text }), { concurrency: 2 })
    const late = yield* sometimes()
    const child = yield* Child.execute({ id })
    const raced = yield* Effect.raceFirst(Signal.receive(Paid), Effect.as(Effect.sleep("30 days"), "nobody"))
    const granted = yield* Approval.ask("go", { prompt: "Go?", approvers: ["admin"], deadline: "10 days" })
    yield* Effect.sleep("1 day")
    return [...words, late, child, raced, ...granted.by]
  }))
)

const drive = (host: CrashHost.Host, world: CrashHost.World) =>
  host.use(Effect.gen(function*() {
    const runId = yield* Everything.execute({ id: "one" }, { discard: true })
    yield* host.settled
    yield* world.tell(runId, "signal", { name: "paid", payload: "card" }, { id: "payment-1" })
    for (let day = 0; day < 12; day++) {
      yield* TestClock.adjust("3 hours")
      yield* host.settled
      const open = yield* world.approvals(runId)
      if (open.length > 0) {
        yield* world.answer(runId, "go", { decision: "approve", by: "admin", id: "answer-1" })
        yield* host.settled
      }
    }
    yield* TestClock.adjust("2 days")
    yield* host.settled
  }))

describe("CrashExplorer", () => {
  it.effect(
    "S1, S4: a program with steps, retries, a child, a race, an approval and timers survives a crash at every write",
    () =>
      Effect.gen(function*() {
        const report = yield* CrashExplorer.explore({ workflows, drive })
        assert.isAbove(report.writes, 12)
        assert.strictEqual(report.crashes, report.writes * 2)
        assert.isAtLeast(report.bodies, 6)
      })
  )

  it.effect("it finds a step that is done again in spite of its record", () =>
    Effect.gen(function*() {
      let world = 0
      const Leaky = Workflow.make("leaky", {
        payload: { id: Schema.String },
        success: Schema.Int,
        idempotencyKey: ({ id }) => id
      })
      const leaky = Leaky.toLayer(() => Effect.map(echo({ text: "x" }), () => ++world))
      const exit = yield* Effect.exit(CrashExplorer.explore({
        workflows: leaky,
        drive: (host) => host.use(Effect.andThen(Leaky.execute({ id: "one" }), host.settled))
      }))
      assert.isTrue(Exit.isFailure(exit))
    }))
})
