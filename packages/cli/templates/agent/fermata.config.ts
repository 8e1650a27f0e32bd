/** What this agent can do, the same on every machine. What is true of one machine alone stands in `deploy/host.example.config.ts`. */
import { defineConfig } from "@fermata/cli/Config"
import { Effect } from "effect"

export default defineConfig({
  contracts: "contracts/*.json",
  tasks: {
    heartbeat: () => Effect.succeed({ alive: true })
  }
})
