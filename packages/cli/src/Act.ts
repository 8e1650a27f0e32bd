/**
 * What somebody does to a run: it is recorded first, and then the run is
 * followed, and worked on here when nobody else does.
 */
import type { Answer, OpenApproval } from "@fermata/core/Question"
import { asides, routes } from "@fermata/core/QuestionText"
import type { Receipt } from "@fermata/core/Receipt"
import type { ArgumentsEdited } from "@fermata/core/RunsErrors"
import { isFinal } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import { CommandFailed, exitCodes } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Globals } from "./Globals.ts"
import type { Operator } from "./Operator.ts"
import { document, exitWith, note } from "./Output.ts"
import { withOperator } from "./Session.ts"

/** Something that is done to a run, and how the run should then stand. */
export interface Act<E> {
  /** The run as typed. */
  readonly run: string
  readonly noWait: boolean
  /** How the run should stand for the command to have succeeded. */
  readonly goal: "completed" | "cancelled" | "paused"
  readonly act: (operator: Operator, globals: Globals) => Effect.Effect<Receipt, E>
  /** What is said once it is recorded. */
  readonly said: (receipt: Receipt) => string
}

/** Acts on a run and follows it. */
export const actAndFollow = <E>(command: string, { act, goal, noWait, run, said }: Act<E>) =>
  withOperator({ command, existing: true }, (operator, globals) =>
    Effect.gen(function*() {
      // Who only acts need not be one who may look.
      const entries = noWait ? 0 : (yield* operator.refine(operator.runs.find(run))).entries
      const receipt = yield* operator.refine(act(operator, globals))
      yield* note(said(receipt))
      if (noWait) return yield* acknowledged(receipt, globals)
      yield* followOn(operator, globals, receipt.runId, entries, goal)
    }))

/** Answers a question and follows its run. */
export const answer = (
  runOrApproval: string,
  { noWait, ...given }: Omit<Answer, "by"> & { readonly noWait: boolean }
) =>
  withOperator({ command: given.decision, existing: true }, (operator, globals) =>
    Effect.gen(function*() {
      const slash = runOrApproval.indexOf("/")
      const run = slash < 0 ? runOrApproval : runOrApproval.slice(0, slash)
      const entries = noWait ? 0 : (yield* operator.refine(operator.runs.find(run))).entries
      const always = yield* ruleOf(operator, runOrApproval, given.always)
      const asked = yield* operator.refine(Effect.catchTag(
        operator.runs.answer(runOrApproval, { ...given, ...always, by: globals.as }),
        "ArgumentsEdited",
        (edited) => Effect.fail(asEdited(edited, given, globals))
      ))
      yield* note(`${given.decision === "approve" ? "approved" : "denied"} by ${globals.as}: ${asked.id}`)
      if (always !== undefined) yield* tellRule(operator, asked, always.always)
      if (asked.status === "open") yield* note(`  ${[asked.progress, ...asides(asked)].join("; ")}`)
      if (noWait) return yield* acknowledged({ runId: asked.runId, result: "accepted" }, globals)
      yield* followOn(operator, globals, asked.runId, entries, "completed")
      yield* followAbove(operator, globals, asked.runId)
    }))

/** Hands a question on to somebody else. */
export const delegate = (
  runOrApproval: string,
  { note: word, to }: { readonly to: string; readonly note?: string }
) =>
  withOperator({ command: "approvals delegate", existing: true }, (operator, globals) =>
    Effect.gen(function*() {
      const asked = yield* operator.refine(
        operator.runs.delegate(runOrApproval, { by: globals.as, to, ...(word === undefined ? {} : { note: word }) })
      )
      yield* note(`handed on to ${to} by ${globals.as}: ${asked.id}`)
      for (const line of routes(asked, operator.now())) yield* note(`  ${line}`)
      if (globals.json) yield* document(asked)
    }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The rule that is meant by its number, as the question counts those that it offers. */
const ruleOf = Effect.fnUntraced(function*(operator: Operator, runOrApproval: string, always: string | undefined) {
  if (always === undefined || !/^\d+$/.test(always)) return always === undefined ? undefined : { always }
  const [run = "", ...key] = runOrApproval.split("/")
  const open = (yield* operator.refine(operator.runs.approvals({ run }))).filter(({ status }) => status === "open")
  const question = key.length === 0 ?
    open.length === 1 ? open[0] : undefined :
    open.find(({ id }) => id.endsWith(`/${key.join("/")}`))
  return { always: question?.standing?.rules[Number(always) - 1] ?? always }
})

const tellRule = Effect.fnUntraced(function*(operator: Operator, { standing }: OpenApproval, always: string) {
  const { agent = "", opens = [], rules = [], workspace = "" } = standing ?? {}
  const rule = (yield* operator.refine(operator.runs.rules({ agent, workspace }))).find(({ rule }) => rule === always)
  if (rule === undefined) return
  const opened = opens[rules.indexOf(always)]
  yield* note(
    `  ${rule.rule} stands for agent ${agent}${workspace === "" ? "" : ` in ${workspace}`}${
      opened === undefined ? "" : ` and opens ${opened}`
    }; to take it back: ${Commands.takeBack(rule.id)}`
  )
})

/** Shows what was edited, and the command that answers it as it is now. */
const asEdited = (
  { approval, by, changes, hash }: ArgumentsEdited,
  { choice, decision }: Omit<Answer, "by">,
  { as, usually }: Globals
) => {
  const command = Commands.answerAsEdited(decision, {
    target: approval,
    as: as === usually ? undefined : as,
    choice,
    hash
  })
  return new CommandFailed({
    exitCode: exitCodes.refused,
    code: "ArgumentsEdited",
    message: `${by} has edited the arguments of approval ${approval}`,
    details: [...changes.map((change) => `  ${change}`), `to answer it as it is now: ${command}`],
    fields: { approval, by, changes, hash }
  })
}

const acknowledged = (receipt: Receipt, { json }: Globals): Effect.Effect<void> =>
  json ? document(receipt) : Effect.void

/** Once a run is over that was asked about, its parent is followed too: it may have waited for it. How that stands is told to people alone. */
const followAbove = (operator: Operator, globals: Globals, runId: string): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const { parent, status } = yield* operator.look(operator.runs.find(runId))
    if (parent === undefined || !isFinal(status)) return
    const above = yield* operator.look(operator.runs.find(parent))
    if (isFinal(above.status)) return
    yield* note(`its parent is run ${parent}`)
    const { follow } = yield* Effect.promise(() => import("./Follow.ts"))
    const { tellPeople } = yield* Effect.promise(() => import("./Report.ts"))
    yield* tellPeople(yield* follow(operator, parent, { from: above.entries, work: "if-nobody-does" }), {
      globals,
      joined: true
    })
    yield* followAbove(operator, globals, parent)
  })

const followOn = (operator: Operator, globals: Globals, runId: string, from: number, goal: Act<never>["goal"]) =>
  Effect.gen(function*() {
    const { followAndAsk } = yield* Effect.promise(() => import("./Ask.ts"))
    const { report } = yield* Effect.promise(() => import("./Report.ts"))
    const followed = yield* followAndAsk(operator, globals, runId, {
      from,
      work: "if-nobody-does",
      evenIfUnserved: goal !== "completed"
    })
    yield* report(followed, { globals, joined: true })
    const { paused, reason, refusals, status } = followed.view
    if (refusals.some(({ kind, seq }) => kind === "settle" && seq >= from)) yield* exitWith(exitCodes.refused)
    if (goal === "cancelled") yield* exitWith(status === "cancelled" ? exitCodes.completed : exitCodes.failed)
    if (goal === "paused" && status === "suspended" && reason === "operator" && paused) {
      yield* exitWith(exitCodes.completed)
    }
  })
