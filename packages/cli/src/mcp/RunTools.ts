/** The server's own tools: runs and what they ask people, looked at and acted on. */
import type { OpenApproval } from "@fermata/core/Question"
import * as RunSentence from "@fermata/core/RunSentence"
import { runStatuses, suspendReasons } from "@fermata/core/RunStatus"
import type { RunSummary } from "@fermata/core/RunSummary"
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type CommandFailed, failed, refused } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"
import { longestWaitSeconds } from "./Offers.ts"
import * as RunResource from "./RunResource.ts"
import * as Standing from "./Standing.ts"
import { type Caller, type Hints, looks, type Result, type Tool } from "./Tool.ts"
import { asObject, type ObjectShape } from "./ToolShape.ts"
import { noteOf, wait } from "./Waiting.ts"

/** All of them. A call that says no other waits `waitMs`. */
export const of = (host: Host, waitMs: number): ReadonlyArray<Tool> => [
  tool({
    name: "fermata_runs_list",
    title: "List runs",
    description: "The runs of workflows, agents and contracts, the last started first",
    input: Schema.Struct({
      status: Schema.optionalKey(Schema.Array(Schema.Literals(runStatuses))),
      reason: Schema.optionalKey(Schema.Array(Schema.Literals(suspendReasons))).annotateKey({
        description: "Only runs that are suspended for this"
      }),
      workflow: Schema.optionalKey(Schema.String),
      before: Schema.optionalKey(Schema.String).annotateKey({ description: "Only runs started before this one" }),
      limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })))
    }),
    hints: looks,
    call: (filter) =>
      Effect.map(
        host.refine(host.runs.list(filter)),
        (runs): Result => ({ value: { runs: runs.map((run) => listed(host, run)) } })
      )
  }),
  tool({
    name: "fermata_run_show",
    title: "Show a run",
    description: "How a run stands, what became of its steps, and how it goes on",
    input: Schema.Struct({ run: Run }),
    hints: looks,
    call: ({ run }, { by }) =>
      Effect.gen(function*() {
        const view = yield* host.refine(host.runs.show(run))
        const { value, ...rest } = yield* Standing.of(host, view, by)
        const steps = view.steps.slice(-mostSteps).map(stepJson)
        return { ...rest, isError: false, value: { ...value, version: view.version, input: view.payload, steps } }
      })
  }),
  tool({
    name: Standing.toolNames.wait,
    title: "Wait for a run",
    description:
      "Waits until a run is over, until somebody has to act, or until the time is up, and tells what happens meanwhile",
    input: Schema.Struct({ run: Run, waitSeconds: WaitSeconds }),
    output: Standing.shapeOf(),
    hints: looks,
    call: ({ run, waitSeconds }, caller) =>
      Effect.gen(function*() {
        const { entries, id } = yield* host.refine(host.runs.find(run))
        const limit = waitSeconds === undefined ? waitMs : waitSeconds * 1_000
        return yield* Standing.of(host, yield* wait(host, id, caller, { from: entries, waitMs: limit }), caller.by)
      })
  }),
  tool({
    name: "fermata_run_cancel",
    title: "Cancel a run",
    description: "Stops a run: what it does is interrupted, and its compensations run",
    input: Schema.Struct({ run: Run, reason: Schema.String.annotate({ description: "Why, as recorded" }) }),
    hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    call: ({ reason, run }, { by }) => receipt(host, host.runs.cancel(run, { by, reason }))
  }),
  tool({
    name: Standing.toolNames.signal,
    title: "Signal a run",
    description: "Tells a run something that it waits for, or will",
    input: Schema.Struct({
      run: Run,
      name: Schema.String,
      data: Schema.optionalKey(Schema.Unknown).annotateKey({ description: "What the signal carries, as JSON" }),
      id: Schema.optionalKey(Schema.NonEmptyString).annotateKey({
        description: "A signal that was sent before under this id is not taken again"
      })
    }),
    hints: acts,
    call: ({ data, id, name, run }, { by }) =>
      receipt(host, host.runs.signal(run, name, data ?? null, { by, ...(id === undefined ? {} : { id }) }))
  }),
  tool({
    name: "fermata_approvals_list",
    title: "List open questions",
    description: "What runs ask people, the oldest first",
    input: Schema.Struct({
      run: Schema.optionalKey(Run),
      mine: Schema.optionalKey(Schema.Boolean).annotateKey({ description: "Only what may be answered from here" })
    }),
    hints: looks,
    call: ({ mine, run }, { by }) =>
      Effect.map(
        host.refine(host.runs.approvals({
          ...(run === undefined ? {} : { run }),
          ...(mine === true ? { approver: [by] } : {})
        })),
        (open): Result => ({ value: { answersAs: by, questions: open.map(Standing.questionJson) } })
      )
  }),
  tool({
    name: "fermata_approval_show",
    title: "Show a question",
    description: "One question to people: what it is about, who may answer, and what was answered so far",
    input: Schema.Struct({ approval: Approval }),
    hints: looks,
    call: ({ approval }, { by }) =>
      Effect.map(questionNamed(host, approval), (question): Result => ({
        value: { answersAs: by, mayAnswer: Standing.mayAnswer(question, by), ...Standing.questionJson(question) }
      }))
  }),
  tool({
    name: Standing.toolNames.answer,
    title: "Answer a question",
    description: "Says yes or no to what a run asks people. Only those who were asked may answer",
    input: Schema.Struct({
      approval: Approval,
      decision: Schema.Literals(["approve", "deny"]),
      choice: Schema.optionalKey(Schema.String).annotateKey({ description: "One of the choices, with a yes" }),
      edit: Schema.optionalKey(Schema.Unknown).annotateKey({
        description: "The arguments as they should be, where they may be edited"
      }),
      hash: Schema.optionalKey(Schema.String).annotateKey({
        description: "The arguments that were looked at, by their hash"
      }),
      note: Schema.optionalKey(Schema.String)
    }),
    hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    call: ({ approval, note, ...answer }, caller) =>
      Effect.map(
        host.refine(host.runs.answer(approval, { ...answer, by: caller.by, note: noteOf(caller, note) })),
        (question): Result => ({
          value: { ...Standing.questionJson(question), next: [waitFor(question.runId)] },
          links: [linkOf(question.runId)]
        })
      )
  }),
  tool({
    name: "fermata_approval_delegate",
    title: "Hand a question on",
    description:
      "Lets another person or a group answer instead of who is asked here, and count as them. It is taken back by naming oneself",
    input: Schema.Struct({
      approval: Approval,
      to: Schema.NonEmptyString.annotate({ description: "The person or the group" }),
      note: Schema.optionalKey(Schema.String)
    }),
    hints: acts,
    call: ({ approval, note, to }, caller) =>
      Effect.map(
        host.refine(host.runs.delegate(approval, { by: caller.by, to, note: noteOf(caller, note) })),
        (question): Result => ({
          value: Standing.questionJson(question),
          links: [linkOf(question.runId)]
        })
      )
  })
]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostSteps = 100

const acts: Hints = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true }

const Run = Schema.String.annotate({
  description: "The id of a run, or the first characters of it (at least 4)"
})
const Approval = Schema.String.annotate({
  description: "The id of a question, or of a run that has one open question"
})
const WaitSeconds = Schema.optionalKey(
  Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestWaitSeconds }))
)

/** A tool whose arguments are like this. */
const tool = <A>(
  made: Omit<Tool, "input" | "call"> & {
    readonly input: Schema.Codec<A, unknown>
    readonly call: (args: A, caller: Caller) => Effect.Effect<Result, CommandFailed>
  }
): Tool => {
  const decode = Schema.decodeUnknownEffect(made.input, { onExcessProperty: "error" })
  return {
    ...made,
    input: shapeOf(made.input),
    call: (args, caller) =>
      Effect.flatMap(
        Effect.mapError(decode(args), ({ message }) =>
          refused("InvalidValue", `The arguments of ${made.name} do not fit: ${message.replaceAll(/\s+/g, " ")}`)),
        (read) =>
          made.call(read, caller)
      )
  }
}

const shapeOf = (schema: Schema.Top): ObjectShape => {
  const shape = asObject(Schema.toJsonSchemaDocument(schema))
  if (shape === undefined) throw new Error("the arguments of a tool are no object")
  return shape
}

const listed = (host: Host, run: RunSummary): object => {
  const { id, reason, status, version, workflow } = run
  return {
    runId: id,
    workflow,
    version,
    status,
    ...(reason === undefined ? {} : { reason }),
    says: RunSentence.of(run, host.now()),
    resource: RunResource.uriOf(id)
  }
}

const stepJson = ({ attempts, error, key, status, title }: RunView.StepView): object =>
  Object.assign(
    { key, status },
    title === undefined ? {} : { title },
    attempts > 1 ? { attempts } : {},
    error === undefined ? {} : { error: error.message }
  )

const linkOf = (runId: string) => ({
  uri: RunResource.uriOf(runId),
  name: `run ${runId}`,
  mimeType: "application/json"
})

const waitFor = (run: string): object => ({ tool: Standing.toolNames.wait, arguments: { run } })

const receipt = <E>(
  host: Host,
  act: Effect.Effect<{ readonly runId: string; readonly result: string }, E>
): Effect.Effect<Result, CommandFailed> =>
  Effect.map(host.refine(act), ({ result, runId }) => ({
    value: { runId, result, next: [waitFor(runId)], resource: RunResource.uriOf(runId) },
    links: [linkOf(runId)]
  }))

const questionNamed = (host: Host, approval: string): Effect.Effect<OpenApproval, CommandFailed> =>
  Effect.gen(function*() {
    const slash = approval.indexOf("/")
    const open = yield* host.refine(host.runs.approvals({ run: slash < 0 ? approval : approval.slice(0, slash) }))
    const named = slash < 0 ? open : open.filter(({ key }) => key === approval.slice(slash + 1))
    const [question, ...more] = named
    if (question === undefined) {
      return yield* refused("ApprovalNotOpen", `There is no open question ${approval}`)
    }
    if (more.length > 0) {
      return yield* failed(
        "ApprovalAmbiguous",
        `Run ${approval} has several open questions: ${named.map(({ id }) => id).join(", ")}`
      )
    }
    return question
  })
