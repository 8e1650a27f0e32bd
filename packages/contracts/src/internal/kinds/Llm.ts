/** Asks a model, or has an agent do it. `output` is `"text"`, or the shape of the JSON that it must answer with. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as Problem from "../../ContractProblem.ts"
import type { ContractProblem, Path } from "../../ContractProblem.ts"
import { JsonShape } from "../../JsonShape.ts"
import * as StepShape from "../../StepShape.ts"

const decodeShape = Schema.decodeUnknownOption(JsonShape)

/** The kind `llm`: asks a model, or has an agent do it. */
export const llm = StepShape.make({
  kind: "llm",
  schema: {
    fields: {
      model: Schema.optionalKey(Parts.Text),
      system: Schema.optionalKey(Parts.Text),
      agent: Schema.optionalKey(
        Parts.matching(/^[A-Za-z0-9_./:@-]{1,200}$/, "the name of an agent: letters, digits, . _ / : @ and -")
      ),
      prompt: Schema.optionalKey(Parts.Text),
      input: Schema.optionalKey(Parts.Template),
      maxTokens: Schema.optionalKey(Parts.integer(1, 10_000_000, "a whole number of tokens")),
      output: Parts.withDefault(
        Schema.Union([Schema.Literal("text"), JsonShape]).annotate({ expected: "\"text\" or a JSON Schema object" }),
        "text"
      ),
      ...Parts.attempts,
      next: Parts.Next
    },
    words: {
      kind:
        "Asks a model. With `agent` it has that agent do it, as a child of the run; its output is what the agent comes to.",
      model: "Which; the host's default when absent.",
      system: "Instructions that stand before the prompt.",
      agent:
        "The name of the agent. It has a model, instructions, limits and attempts of its own, so that `model`, `system`, `maxTokens`, `retry` and `timeoutMs` are none of this step's then.",
      prompt: "What it is asked.",
      input: "What an agent is given that takes no text, in place of `prompt`.",
      maxTokens: "Most tokens of the answer.",
      output:
        "`\"text\"`, or the shape of the JSON that it must answer with. Default `\"text\"`; that of the agent where there is one.",
      ...Parts.words.attempts,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["model"] }, { path: ["system"] }, { path: ["prompt"] }, { path: ["input"] }],
    problems: (step, path) => step["agent"] === undefined ? withoutAgent(step, path) : withAgent(step, path),
    asks: ({ agent, model }) => {
      if (typeof agent === "string") return { request: { kind: "workflow:call", workflow: agent }, field: "agent" }
      if (typeof model !== "string") return { request: { kind: "llm:invoke" }, field: "kind" }
      // Which model a template yields is known, and asked about, only when the step runs.
      return model.includes("{{") ? undefined : { request: { kind: "llm:invoke", model }, field: "model" }
    },
    output: ({ agent, output = "text" }) =>
      output !== "text"
        ? Option.getOrUndefined(decodeShape(output))
        : agent === undefined
        ? { type: "string" }
        : undefined
  },
  needs: ({ agent }) => agent === undefined ? { model: true } : { calls: [{ workflow: agent }], agents: [agent] },
  graph: { brackets: ["([", "])"], ways: () => [StepShape.next] }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What an agent has of its own. */
const ofAgents = ["model", "system", "maxTokens", "retry", "timeoutMs"]

const withAgent = (step: StepShape.Loose, path: Path): ReadonlyArray<ContractProblem> => [
  ...ofAgents.filter((field) => step[field] !== undefined).map((field) =>
    Problem.make({
      path: [...path, field],
      code: "wrong-value",
      expected: `no "${field}" beside "agent"`,
      message: `an agent has its own "${field}"; leave it out, or leave out "agent"`
    })
  ),
  ...(step["prompt"] === undefined) === (step["input"] === undefined)
    ? [Problem.make({
      path: [...path, "prompt"],
      code: step["prompt"] === undefined ? "missing" : "wrong-value",
      found: step["prompt"] === undefined ? undefined : "both",
      expected: "one of \"prompt\" and \"input\""
    })]
    : []
]

const withoutAgent = (step: StepShape.Loose, path: Path): ReadonlyArray<ContractProblem> => [
  ...step["prompt"] === undefined
    ? [Problem.make({ path: [...path, "prompt"], code: "missing", expected: "a text that is not empty" })]
    : [],
  ...step["input"] === undefined ? [] : [Problem.make({
    path: [...path, "input"],
    code: "wrong-value",
    expected: "no \"input\" without \"agent\"",
    message: "a model is asked with \"prompt\"; \"input\" is for an \"agent\""
  })]
]
