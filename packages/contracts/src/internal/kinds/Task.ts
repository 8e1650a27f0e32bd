/** Runs a named task on a worker and waits for it. A task whose worker died is asked about, unless `onCrash` says otherwise. */
import { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** The kind `task`: hands work to the task runtime. */
export const task = StepShape.make({
  kind: "task",
  schema: {
    fields: {
      task: Parts.matching(
        /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$/,
        "the name of a task: letters, digits, . _ / : and -"
      ),
      input: Parts.withDefault(Parts.Template, null),
      labels: Parts.withDefault(Parts.list(Parts.Text, 0, 32, "labels"), []),
      onCrash: Parts.withDefault(DocumentCrashRule, "ask"),
      ...Parts.attempts,
      next: Parts.Next
    },
    words: {
      kind: "Runs a named task and waits for it.",
      task: "The name of the task, as the configuration or a worker has it.",
      input: "What the task is given. Default `null`.",
      labels: "Capabilities that the worker must have.",
      onCrash: "What happens when the process dies in the middle. Default `ask`.",
      ...Parts.words.attempts,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["input"] }],
    asks: ({ task }) => typeof task === "string" ? { request: { kind: "task:run", task }, field: "task" } : undefined
  },
  needs: ({ task }) => ({ tasks: [task], completion: true }),
  graph: { brackets: ["[", "]"], ways: () => [StepShape.next] }
})
