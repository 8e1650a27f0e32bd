/** A workflow that sleeps, asks, hangs until it may go on, and starts a run of its own. Its step makes a span, logs, and knows a secret. */
import { defineConfig } from "@fermata/cli/Config"
import { SecretRef } from "@fermata/core/SecretRef"
import * as Approval from "@fermata/engine/Approval"
import * as Secrets from "@fermata/engine/Secrets"
import * as Step from "@fermata/engine/Step"
import * as NodeSecrets from "@fermata/host-node/Secrets"
import { Effect, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"

const book = Step.make("book", {
  input: { key: SecretRef },
  success: Schema.Int,
  error: Secrets.SecretMissing,
  onCrash: "rerun",
  run: ({ key }) =>
    Effect.flatMap(
      Secrets.resolve(key),
      (text) =>
        Effect.logWarning(`books with ${Redacted.value(text)}`, { seats: 2, order: { words: "private words" } }).pipe(
          Effect.as(Redacted.value(text).length),
          Effect.withSpan(`with ${Redacted.value(text)}`, { attributes: { key: Redacted.value(text) } })
        )
    )
})

const hold = Step.make("hold", {
  onCrash: "rerun",
  run: () =>
    Effect.andThen(
      Effect.sync(() => console.log("hold begins")),
      process.env["FIXTURE_GO"] === undefined ? Effect.never : Effect.void
    )
})

const Leg = Workflow.make("Leg", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

const Trip = Workflow.make("Trip", {
  payload: { id: Schema.String },
  error: Schema.Union([Approval.Denied, Secrets.SecretMissing]),
  idempotencyKey: ({ id }) => id
})

const TripLayer = Trip.toLayer(({ id }) =>
  Effect.withSpan(
    Effect.gen(function*() {
      yield* Effect.logWarning("sets out")
      yield* book({ key: { secret: "TRIP_KEY" } })
      yield* Effect.sleep("100 millis")
      yield* Approval.ask("go", { prompt: "private words", approvers: ["tester"] })
      yield* hold()
      yield* Leg.execute({ id })
    }),
    "the whole way"
  )
)

export default defineConfig({
  workflows: [TripLayer, Leg.toLayer(() => Effect.void)],
  secrets: NodeSecrets.layerEnv()
})
