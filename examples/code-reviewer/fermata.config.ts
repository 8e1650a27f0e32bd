import { defineConfig } from "@fermata/cli/Config"
import { CodeReviewer, FileReviewer, reviewers } from "./src/Reviewer.ts"
import { script } from "./src/Script.ts"

/** The repository that is reviewed. A run goes on with the same one, so it is to be set where runs are answered too. */
const { codeReviewer, fileReviewer } = reviewers(process.env["REPOSITORY"] ?? "shop")

export default defineConfig({
  agents: [
    { agent: CodeReviewer, layer: codeReviewer },
    { agent: FileReviewer, layer: fileReviewer }
  ],
  scripted: script
})
