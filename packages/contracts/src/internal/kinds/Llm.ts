/** Asks a model. `output` is `"text"`, or the shape of the JSON that it must answer with. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import { JsonShape } from "../../JsonShape.ts"
import * as StepShape from "../../StepShape.ts"

const decodeShape = Schema.decodeUnknownOption(JsonShape)

/** The kind `llm`: asks a model. */
export const llm = StepShape.make({
  kind: "llm",
  schema: {
    fields: {
      model: Schema.optionalKey(Parts.Text),
      system: Schema.optionalKey(Parts.Text),
      prompt: Parts.Text,
      maxTokens: Schema.optionalKey(Parts.integer(1, 10_000_000, "a whole number of tokens")),
      output: Parts.withDefault(
        Schema.Union([Schema.Literal("text"), JsonShape]).annotate({ expected: "\"text\" or a JSON Schema object" }),
        "text"
      ),
      ...Parts.attempts,
      next: Parts.Next
    },
    words: {
      kind: "Asks a model.",
      model: "Which; the host's default when absent.",
      system: "Instructions that stand before the prompt.",
      prompt: "What it is asked.",
      maxTokens: "Most tokens of the answer.",
      output: "`\"text\"`, or the shape of the JSON that it must answer with. Default `\"text\"`.",
      ...Parts.words.attempts,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["model"] }, { path: ["system"] }, { path: ["prompt"] }],
    asks: ({ model }) => {
      if (typeof model !== "string") return { request: { kind: "llm:invoke" }, field: "kind" }
      // Which model a template yields is known, and asked about, only when the step runs.
      return model.includes("{{") ? undefined : { request: { kind: "llm:invoke", model }, field: "model" }
    },
    output: ({ output = "text" }) => output === "text" ? { type: "string" } : Option.getOrUndefined(decodeShape(output))
  },
  needs: () => ({ model: true }),
  graph: { brackets: ["([", "])"], ways: () => [StepShape.next] }
})
