import { defineConfig } from "@fermata/cli/Config"
import * as Adapter from "@fermata/operations/Adapter"
import * as Dispatch from "@fermata/operations/Dispatch"
import * as Templates from "@fermata/operations/Templates"
import { Effect } from "effect"

const done = { stderr: "", exitCode: 0, timedOut: false }

export default defineConfig({
  machines: Templates.all,
  dispatch: Dispatch.make({
    adapters: {
      goal: Adapter.script({
        onCrash: "rerun",
        exec: ({ stdin }) =>
          Effect.succeed({ ...done, stdout: JSON.stringify({ met: JSON.parse(stdin).task.payload.round === 2 }) })
      }),
      heartbeat: Adapter.script({
        onCrash: "rerun",
        exec: ({ stdin }) =>
          Effect.succeed({ ...done, stdout: JSON.stringify({ given: JSON.parse(stdin).task.payload }) })
      })
    },
    kinds: { "aibtc-checkin": { adapter: "heartbeat" }, "goal-loop": { adapter: "goal" } }
  })
})
