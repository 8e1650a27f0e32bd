import { defineConfig } from "@fermata/cli/Config"
import { Approval, Signal, Step } from "@fermata/engine"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { appendFileSync } from "node:fs"

/** What bodies did, where the database knows nothing of it. */
const line = (text: string) => Effect.sync(() => appendFileSync(process.env["CROWD_LINES"]!, `${text}\n`))

const Job = Workflow.make("job", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const work = Step.make("work", {
  input: { id: Schema.String, part: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  key: ({ part }) => part,
  run: ({ id, part }) => Effect.andThen(line(`${id} work/${part}`), Effect.as(Effect.sleep("5 millis"), part))
})

const Go = Signal.make("go")

export default defineConfig({
  workflows: [
    // Ends by itself, whether anybody signals and answers or not.
    Job.toLayer(Effect.fnUntraced(function*({ id }) {
      for (let part = 1; part <= 30; part++) yield* work({ id, part: String(part) })
      const told = yield* Effect.race(
        Effect.as(Signal.receive(Go), "signal"),
        Effect.as(Effect.sleep("3 seconds"), "time")
      )
      yield* work({ id, part: told })
      yield* Effect.orDie(
        Approval.ask("end", { prompt: "End?", approvers: ["tester"], deadline: "3 seconds", onTimeout: "approve" })
      )
      return yield* work({ id, part: "end" })
    }))
  ],
  contracts: "order.json",
  tasks: { pack: (input) => Effect.as(line(`${JSON.stringify(input)} pack`), { packed: true }) }
})
