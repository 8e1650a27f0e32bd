/** A run whose bodies wait and go on, and that operators pause and resume amidst everything. */
import type { Wait } from "@fermata/core/Wait"
import * as Approval from "@fermata/engine/Approval"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import type * as Simulator from "@fermata/testing/Simulator"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"

const Paid = Signal.make("paid", { schema: Schema.String })

const Errand = Workflow.make("errand", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
export const Paused = Workflow.make("paused", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const quick = Step.make("quick", { onCrash: "rerun", run: () => Effect.yieldNow })
const careful = Step.make("careful", { onCrash: "ask", run: () => Effect.sleep("1 minute") })
const waiting = Step.make("waiting", {
  onCrash: "rerun-keyed",
  run: (_, { idempotencyKey }) =>
    Effect.andThen(Effect.orDie(Errand.execute({ id: idempotencyKey })), Effect.sleep("1 minute"))
})

export const layer = Layer.merge(
  Errand.toLayer(() => Effect.as(Effect.sleep("1 day"), "done")),
  Paused.toLayer(Effect.fnUntraced(function*() {
    yield* quick()
    yield* Effect.all([
      Effect.andThen(waiting(), quick()),
      Effect.andThen(Effect.sleep("1 hour"), Effect.andThen(quick(), careful())),
      Effect.andThen(Signal.receive(Paid), Effect.andThen(quick(), careful())),
      Effect.andThen(Approval.ask("go", { prompt: "Go?", approvers: ["admin"] }), quick())
    ], { concurrency: "unbounded" })
    return "end"
  }, Effect.orDie))
)

/** Operators pause the run now and then while it is young, and resume it now and then; a signal may come in between. */
export const answer = ({ key, reason }: Wait, turn: number): Simulator.Word | undefined => {
  const isPaused = reason === "operator" && key === "pause"
  if (isPaused && turn < 60 && turn % 3 === 0) return { kind: "signal", message: { name: "paid", payload: "card" } }
  if (isPaused && turn < 60 && turn % 3 === 1) return undefined
  if (!isPaused && turn < 40 && turn % 2 === 0) return { kind: "pause", message: { by: "ada" } }
  return undefined
}

/** As `answer`, until somebody cancels the run while it is paused. */
export const answerAndCancel = (wait: Wait, turn: number): Simulator.Word | undefined =>
  wait.reason === "operator" && wait.key === "pause" && turn > 20 && turn % 7 === 0
    ? { kind: "cancel", message: { kind: "cancel", by: "ada", reason: "enough" } }
    : answer(wait, turn)
