/** A step that says 1,000 deltas while it works, beside the same step that says nothing. */
import { Chunks } from "@fermata/engine/Chunks"
import * as Step from "@fermata/engine/Step"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { join } from "node:path"
import type { Case } from "./cases.ts"
import { figure, time } from "./measure.ts"
import { remove } from "./subject.ts"

/** Deltas come in bursts of ten, as tokens do, with a pause (ms) between. */
const burst = 10
const pauseMs = 4

const speak = Step.make("speak", {
  input: { count: Schema.Int, aloud: Schema.Boolean, pauseMs: Schema.Int },
  success: Schema.Int,
  onCrash: "rerun",
  run: Effect.fnUntraced(function*({ aloud, count, pauseMs }, { entry }) {
    const { executionId } = yield* WorkflowEngine.WorkflowInstance
    const { write } = yield* (yield* Chunks).writer(executionId, entry)
    for (let n = 0; n < count; n++) {
      const delta = { type: "text-delta", id: "0", delta: `word ${n}` }
      if (aloud) yield* write(delta)
      if (n % burst === 0) yield* pauseMs === 0 ? Effect.yieldNow : Effect.sleep(pauseMs)
    }
    return count
  })
})

const Speech = Workflow.make("speech", {
  payload: { id: Schema.String, count: Schema.Int, aloud: Schema.Boolean, pauseMs: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

export const chunks: Case = async ({ folder, rounds, scale }) => {
  const db = join(folder, "chunks.db")
  remove(db)
  const runtime = ManagedRuntime.make(
    Speech.toLayer(({ id: _, ...how }) => speak(how)).pipe(Layer.provideMerge(NodeHost.layer({ db })))
  )
  const count = Math.ceil(1_000 * scale)
  let runs = 0
  const say = (aloud: boolean, pauseMs: number) =>
    time(() => runtime.runPromise(Speech.execute({ id: `${runs++}`, count, aloud, pauseMs })))
  await say(true, 0)
  const paced: Array<number> = []
  const cost: Array<number> = []
  let silentMs = 0
  let aloudMs = 0
  for (let round = 0; round < rounds; round++) {
    silentMs = await say(false, pauseMs)
    aloudMs = await say(true, pauseMs)
    paced.push(aloudMs / silentMs)
    // Without pauses, what it costs to say one is left.
    cost.push((await say(true, 0) - await say(false, 0)) * 1_000 / count)
  }
  await runtime.dispose()
  return [
    figure(`a step that says ${count} deltas`, "the same in silence", "x in silence", paced, {
      kind: "at most",
      value: 1.2
    }, {
      "silent ms": silentMs,
      "aloud ms": aloudMs,
      "µs a delta": cost.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
    })
  ]
}
