/** The scripted model: rules in place of a model, so that the example needs no key and answers the same every time. */
import * as Llm from "@fermata/contracts/Llm"

const answer = (category: "bug" | "feature" | "question", severity: "low" | "normal" | "critical") =>
(
  { prompt }: Llm.LlmRequest
) => ({
  category,
  severity,
  summary: `${/^Ticket \S+: (.*)$/m.exec(prompt)?.[1] ?? "No title"}.`
})

export const layer = Llm.Llm.layerScripted([
  { when: /log ?in|password|outage|data loss/i, reply: answer("bug", "critical") },
  { when: /bug|error|crash|broken/i, reply: answer("bug", "normal") },
  { when: /please add|would be nice|feature/i, reply: answer("feature", "low") },
  { when: /./, reply: answer("question", "normal") }
])
