import { defineConfig } from "@fermata/cli/Config"
import { fileURLToPath } from "node:url"
import { Researcher } from "./src/Researcher.ts"
import { script } from "./src/Script.ts"
import { servers } from "./src/Servers.ts"

export default defineConfig({
  agents: [{ agent: Researcher, layer: Researcher.layer }],
  mcp: servers(fileURLToPath(new URL("memory.jsonl", import.meta.url))),
  scripted: script
})
