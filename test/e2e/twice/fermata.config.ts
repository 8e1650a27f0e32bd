/** Two programs of one name and version, as they come about when one is copied. */
import { defineConfig } from "@fermata/cli/Config"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"

const copy = (said: string) =>
  Workflow.make("twice", { payload: { id: Schema.String }, success: Schema.String, idempotencyKey: ({ id }) => id })
    .toLayer(() => Effect.succeed(said))

export default defineConfig({ workflows: [copy("one"), copy("the other")] })
