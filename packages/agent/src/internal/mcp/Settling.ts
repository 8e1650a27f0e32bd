/** Calls that did not end with their step, in the body of the run: what their server has asked is answered, and the call goes on in another step. */
import * as Approval from "@fermata/engine/Approval"
import type { Engine } from "@fermata/engine/Engine"
import * as Workflows from "@fermata/engine/Workflows"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as ToolStep from "../ToolStep.ts"
import type * as Asks from "./Asks.ts"
import * as Form from "./Form.ts"

/** Answers what a server asks of a model. */
export type Sample<R> = (tool: string, open: Open<"Asks">) => Effect.Effect<Asks.Reply, never, R>

/** The end of a call that has come to this. */
export const settle = Effect.fnUntraced(function*<R>(
  tool: string,
  first: ToolStep.Outcome,
  sample: Sample<R>,
  goOn: (round: Asks.Round) => Effect.Effect<ToolStep.Outcome, never, R>
): Effect.fn.Return<ToolStep.Outcome, never, Engine | WorkflowInstance | R> {
  const answered: Array<Asks.Answered> = []
  let outcome = first
  for (let rounds = 0; outcome.open !== undefined; rounds++) {
    const { open } = outcome
    if (rounds === mostRounds) return ToolStep.failure(`MCP server "${open.server}" asked ${rounds} times in it`)
    if (open._tag === "Lost") {
      if (!(yield* isMadeAgain(tool, open))) return outcome
      outcome = yield* goOn({ step: open.step, answered: [...answered] })
    } else if (open._tag === "Wants") {
      const problem = yield* unopened(tool, open)
      if (problem !== undefined) return ToolStep.failure(problem)
      outcome = yield* goOn({ step: open.step, answered: [...answered] })
    } else {
      const { id, question, resume, step } = open
      answered.push({
        question,
        reply: yield* (question.kind === "sampling" ? sample(tool, open) : elicited(tool, open))
      })
      const give = { id, ...(resume === undefined ? {} : { resume }) }
      outcome = yield* goOn({ step, answered: [...answered], give })
    }
  }
  return outcome
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** So that a server that never has enough does not take a run with it. */
const mostRounds = 100

type Open<T extends Asks.Open["_tag"]> = Extract<Asks.Open, { readonly _tag: T }>

/** A call that was cut short may have been made: who knows what it does says whether it is made again. */
const isMadeAgain = (tool: string, { approvers, server }: Open<"Lost">) =>
  Effect.map(
    Approval.askJson(`${tool} again`, {
      ...plain,
      approvers,
      prompt: `A call of ${tool} was cut short, and MCP server "${server}" cannot tell what came of it. `
        + "A yes makes it again; with a no, the model is told that it may have been made."
    }),
    ({ _tag }) => _tag === "Approved"
  )

/** Why a page was not opened that a server wants opened before it makes a call; undefined once all were. */
const unopened = Effect.fnUntraced(function*(
  tool: string,
  { approvers, deadlineMs, pages, server }: Open<"Wants">
): Effect.fn.Return<string | undefined, never, Engine | WorkflowInstance> {
  for (const { message, url } of pages) {
    const { args, prompt } = Form.opening(server, tool, message, url)
    const answer = yield* Approval.askJson(`${tool} opens`, {
      ...plain,
      approvers,
      prompt,
      args,
      ...(deadlineMs === undefined ? {} : { deadlineMs })
    })
    if (answer._tag !== "Approved") {
      return `MCP server "${server}" wants ${url} opened before it does that, and ${
        answer._tag === "Denied" && answer.timedOut ? "nobody has said in time that it was" : "people did not open it"
      }`
    }
  }
  return undefined
})

/** What people say to a question of a server: a no declines, and a deadline that passes cancels. */
const elicited = Effect.fnUntraced(function*(
  tool: string,
  { approvers, deadlineMs, question, server }: Open<"Asks">
): Effect.fn.Return<Asks.Reply, never, Engine | WorkflowInstance> {
  const form = Form.of(server, tool, question.params)
  let problem: string | undefined
  while (true) {
    const answer = yield* Approval.askJson(`${tool} asks`, {
      ...plain,
      approvers,
      prompt: problem === undefined ? form.prompt : `${form.prompt}\n\nThe last answer does not fit: ${problem}`,
      args: form.args,
      editable: form.isEditable,
      ...(form.schema === undefined ? {} : { schema: form.schema }),
      ...(deadlineMs === undefined ? {} : { deadlineMs })
    })
    if (answer._tag !== "Approved") {
      return { result: { action: answer._tag === "Denied" && !answer.timedOut ? "decline" : "cancel" } }
    }
    const args = (answer.edit ?? form.args) as Schema.Json
    // What reads schemas is of this build: whether an answer fits is decided once.
    const fit = yield* Workflows.decide(
      "elicitation",
      Schema.NullOr(Schema.String),
      () => Form.problemOf(form, args) ?? null
    )
    if (fit === null) return { result: Form.accepted(form, args) }
    problem = fit
  }
})

const plain = { choices: [], quorum: 1, editable: false, onTimeout: "deny" } as const
