import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata policy ls` */
export const commandPolicyLs = Command.make(
  "ls",
  {
    agent: Arguments.text("agent", "AGENT", "Only rules of this agent"),
    workspace: Arguments.text(
      "workspace",
      "FOLDER",
      "Only rules of this workspace, as the policy of the agent names it"
    )
  },
  ({ agent, workspace }) =>
    withOperator(
      { command: "policy ls", readOnly: true, existing: true, absent: "no rules" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const rules = yield* operator.refine(operator.runs.rules({
            ...(Option.isSome(agent) ? { agent: agent.value } : {}),
            ...(Option.isSome(workspace) ? { workspace: workspace.value } : {})
          }))
          if (json) return yield* Effect.forEach(rules, item, { discard: true })
          if (rules.length === 0) return yield* note("no rules")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          const idLength = Words.shortest([...new Set(rules.map(({ runId }) => runId))])
          yield* lines(table(
            ["ID", "AGENT", "WORKSPACE", "RULE", "BY", "SINCE", "QUESTION"],
            rules.map(({ agent, at, by, id, key, rule, runId, workspace }) => [
              id,
              agent,
              workspace === "" ? "any" : workspace,
              rule,
              by,
              Words.fromNow(at, now),
              `${runId.slice(0, idLength)}/${key}`
            ]),
            undefined,
            { width: width(), shrinks: [2, 6, 1] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the rules that answers have let stand, the oldest first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata policy ls", description: "Who let what stand, for which agent and workspace" },
    { command: "fermata policy ls --agent reviewer --json", description: "Of one agent, as NDJSON" }
  ])
)
