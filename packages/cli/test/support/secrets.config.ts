/** A project whose agent asks a server that wants a key, which is a secret. */
import * as Agent from "@fermata/agent/Agent"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import { defineConfig } from "@fermata/cli/Config"
import * as Secrets from "@fermata/host-node/Secrets"

const Router = Agent.make("router", { instructions: "You help.", model: "router/some-model" })

export default defineConfig({
  agents: [{ agent: Router, layer: Router.layer }],
  models: [
    Anthropic.provider({
      prefix: "router",
      baseURL: "http://router.invalid",
      fetch: (_, init) => fetch(`${process.env["ROUTER_URL"]}`, init),
      apiKey: { secret: "OPENROUTER" }
    })
  ],
  secrets: Secrets.layerEnv()
})
