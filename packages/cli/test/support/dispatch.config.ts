import { defineConfig } from "@fermata/cli/Config"
import * as Adapter from "@fermata/operations/Adapter"
import * as Dispatch from "@fermata/operations/Dispatch"
import { Effect } from "effect"

const done = { stderr: "", exitCode: 0, timedOut: false }

export default defineConfig({
  dispatch: Dispatch.make({
    adapters: {
      heartbeat: Adapter.script({
        onCrash: "rerun",
        exec: ({ stdin }) =>
          Effect.succeed({ ...done, stdout: JSON.stringify({ given: JSON.parse(stdin).task.payload }) })
      })
    },
    kinds: { "aibtc-checkin": { adapter: "heartbeat" } }
  })
})
