import { defineConfig } from "@fermata/cli/Config"
import { Step } from "@fermata/engine"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { appendFileSync } from "node:fs"

const Count = Workflow.make("count", {
  payload: { id: Schema.String, steps: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

/** How long a body takes, in ms. */
const stepMs = Number(process.env["KILL_STEP_MS"] ?? 2)

/** Counts its body runs outside the database, before it does anything else. */
const step = Step.make("step", {
  input: { id: Schema.String, index: Schema.Int },
  success: Schema.Int,
  onCrash: "rerun",
  run: ({ id, index }) =>
    Effect.andThen(
      Effect.sync(() => appendFileSync(process.env["KILL_LINES"]!, `${id} ${index}\n`)),
      Effect.as(Effect.sleep(stepMs), index)
    )
})

export default defineConfig({
  workflows: [
    Count.toLayer(Effect.fnUntraced(function*({ id, steps }) {
      for (let index = 0; index < steps; index++) yield* step({ id, index })
      return steps
    }))
  ]
})
