import { describe, it } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { readFileSync } from "node:fs"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import { assertOutput, begin, layer, pass } from "./support/Agency.ts"

/** The contracts that stand in the README, by their ids. */
const examples = new Map(
  Array.from(
    readFileSync(new URL("../README.md", import.meta.url), "utf8").matchAll(/```json\n([^]*?)```/g),
    ([, text = ""]) => JSON.parse(text) as { readonly id: string }
  ).map((contract) => [contract.id, contract])
)

describe("the README", () => {
  it.effect("has a contract with steps inside steps that runs as it says", () => {
    const charged = (input: Schema.Json): Effect.Effect<Schema.Json, TaskFailed> => {
      const { cents, order } = input as { readonly cents: number; readonly order: string }
      return cents > 100
        ? Effect.fail(new TaskFailed({ task: "charge", problem: "too much", retryable: false }))
        : Effect.succeed(`receipt of ${order}`)
    }
    return Effect.gen(function*() {
      const orders = [{ id: "a", cents: 10 }, { id: "b", cents: 1000 }, { id: "c", cents: 20 }]
      const runId = yield* begin(examples.get("ship-orders")!, { input: { orders } })
      yield* pass("8 hours")
      yield* assertOutput(runId, { charged: ["receipt of a", "receipt of c"], failed: 1 })
    }).pipe(Effect.provide(layer({
      tasks: TaskRuntime.layerHandlers({ charge: charged, refund: () => Effect.void, mail: () => Effect.void })
    })))
  })
})
