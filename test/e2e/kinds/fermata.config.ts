/** A project whose contracts use a kind of steps of its own. */
import { defineConfig } from "@fermata/cli/Config"
import * as ContractParts from "@fermata/contracts/ContractParts"
import { recorded, render } from "@fermata/contracts/RecordedStep"
import * as StepKind from "@fermata/contracts/StepKind"
import { Effect } from "effect"

/** Says a text loudly. */
const shout = StepKind.make({
  kind: "shout",
  schema: {
    fields: { text: ContractParts.Text, next: ContractParts.Next },
    words: { kind: "Shouts.", text: "What.", next: "What follows." }
  },
  check: { expressions: () => [{ path: ["text"] }] },
  needs: () => ({ tasks: ["voice"] }),
  graph: { brackets: ["((", "))"], ways: () => [{ label: "", path: ["next"] }] },
  run: (step): StepKind.Execute => {
    const say = recorded({ step, body: (_call, input) => Effect.succeed(String(input).toUpperCase()) })
    return ({ scope }) =>
      Effect.gen(function*() {
        return { output: yield* say(scope, yield* render(step.text, scope)), next: step.next }
      })
  }
})

export default defineConfig({ kinds: [shout], tasks: { voice: () => Effect.void } })
