import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schedule, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as Simulator from "../src/Simulator.ts"

const Paid = Signal.make("paid", { schema: Schema.String })

const echo = Step.make("echo", {
  input: { text: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ text }) => Effect.succeed(text.toUpperCase())
})

const sometimes = Step.make("sometimes", {
  success: Schema.Int,
  error: Schema.String,
  onCrash: "rerun-keyed",
  retry: Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 5 })),
  run: (_, { attempt }) =>
    Effect.andThen(Effect.sleep("3 seconds"), attempt < 3 ? Effect.fail("not yet") : Effect.succeed(attempt))
})

const careful = Step.make("careful", { success: Schema.String, onCrash: "ask", run: () => Effect.succeed("done") })

const Child = Workflow.make("child", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
const Everything = Workflow.make("everything", {
  payload: { id: Schema.String },
  success: Schema.Array(Schema.Union([Schema.String, Schema.Int])),
  error: Schema.Union([Schema.String, Approval.Denied]),
  idempotencyKey: ({ id }) => id
})

const layer = Layer.mergeAll(
  Child.toLayer(({ id }) => Effect.andThen(Effect.sleep("1 minute"), echo({ text: `child of ${id}` }))),
  Everything.toLayer(Effect.fnUntraced(function*({ id }) {
    const words = yield* Effect.forEach(["a", "b", "c"], (text) => echo({ text }), { concurrency: 2 })
    const late = yield* sometimes()
    const child = yield* Child.execute({ id })
    const raced = yield* Effect.raceFirst(Signal.receive(Paid), Effect.as(Effect.sleep("30 days"), "nobody"))
    const granted = yield* Approval.ask("go", { prompt: "Go?", approvers: ["admin"], deadline: "10 days" })
    yield* careful()
    yield* Effect.sleep("1 day")
    return [...words, late, child, raced, ...granted.by]
  }))
)

describe("Simulator", () => {
  it.live(
    "N-59, S1 to S14: a program with everything survives a crash at every write, and random lives",
    () =>
      Effect.gen(function*() {
        const lives = process.env["FERMATA_LONG"] === undefined ? 40 : 200
        const options = { payload: { id: "1" }, layer, signals: { paid: "card" }, lives }
        const report = yield* Simulator.explore(Everything, options)
        assert.isAbove(report.crashPoints, 50)
      })
  )

  it.live(
    "S14: where an error was thrown counts neither in the history of a seed nor among the ends of lives",
    () =>
      Effect.gen(function*() {
        let line = 1
        const thrown = (message: string) =>
          Object.assign(new Error(message), { stack: `Error: ${message}\n    at work (src/work.ts:${line++}:1)` })
        const failing = Step.make("failing", {
          onCrash: "rerun",
          error: Schema.String,
          retry: Schedule.recurs(1),
          run: (_, { attempt }) => attempt === 1 ? Effect.fail("not yet") : Effect.die(thrown("a defect"))
        })
        const Broken = Workflow.make("broken", {
          payload: { id: Schema.String },
          success: Schema.Void,
          error: Schema.String,
          idempotencyKey: ({ id }) => id
        })
        const lived = Simulator.explore(Broken, {
          payload: { id: "1" },
          layer: Broken.toLayer(() =>
            Effect.catchDefect(failing(), () => Effect.die(new Error("gave up", { cause: thrown("why") })))
          ),
          lives: 20
        })
        const [one, other] = [yield* lived, yield* lived]
        assert.isAbove(line, 100)
        assert.strictEqual(one.history, other.history)
        assert.isAbove(one.crashPoints, 3)
      })
  )
})
