import { defineConfig } from "@fermata/cli/Config"
import { analyzeTicket } from "./src/AnalyzeTicket.ts"
import * as Script from "./src/Script.ts"

export default defineConfig({
  contracts: "contract.json",
  tasks: { "analyze-ticket": analyzeTicket },
  llm: Script.layer
})
