import { defineConfig } from "@fermata/cli/Config"
import { Layer } from "effect"
import { Repository } from "./src/Repository.ts"
import { CodeReviewer, codeReviewer, FileReviewer, fileReviewer } from "./src/Reviewer.ts"
import { script } from "./src/Script.ts"

const repository = Repository.layerMemory()

export default defineConfig({
  agents: [
    { agent: CodeReviewer, layer: Layer.provide(codeReviewer, repository) },
    { agent: FileReviewer, layer: Layer.provide(fileReviewer, repository) }
  ],
  scripted: script
})
