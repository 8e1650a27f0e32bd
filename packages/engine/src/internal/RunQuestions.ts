/** The questions of runs, as people list and answer them. */
import * as ApprovalRouting from "@fermata/core/ApprovalRouting"
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import { type Answer, type ApprovalFilter, type Delegate, type OpenApproval, placeOf } from "@fermata/core/Question"
import {
  AnsweredAlready,
  AnswerRefused,
  ApprovalAmbiguous,
  ApprovalNotOpen,
  ArgumentsEdited,
  DelegationRefused,
  NotAllowed
} from "@fermata/core/RunsErrors"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Taking from "../Answers.ts"
import type { RunRow } from "../Backend.ts"
import * as CurrentTenant from "../CurrentTenant.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import type { RunLookup } from "./RunLookup.ts"

export const make = (runtime: EngineRuntime, { open, rowOf, show }: RunLookup) => {
  const approvals = Effect.fn("Runs.approvals")(function*(filter: ApprovalFilter = {}) {
    const run = filter.run === undefined ? null : (yield* rowOf(filter.run)).id
    const limit = filter.limit ?? 200
    const { after } = filter
    const narrowed = filter.workflow !== undefined || filter.approver !== undefined || after !== undefined
    const tenant = yield* CurrentTenant.current
    const found = yield* Taking.standings(runtime.desk, run, narrowed ? narrowedLimit : limit, tenant)
    return behind(found.map(approvalOf), after)
      .filter(({ workflow }) => filter.workflow === undefined || workflow === filter.workflow)
      .filter((question) => filter.approver === undefined || isFor(question, filter.approver))
      .slice(0, limit)
  })

  /** Why a question that is not open any more is not: what decided it, by the journal. */
  const notOpen = Effect.fnUntraced(function*(row: RunRow, key: string | undefined, ids: ReadonlyArray<string>) {
    const view = yield* Effect.orElseSucceed(show(row.id), () => RunView.empty(row.id))
    const asked = key === undefined
      ? view.approvals.length === 1 ? view.approvals[0] : undefined
      : RunView.approval(view, key)
    if (asked?.endedAt !== undefined) {
      const decided = ApprovalRule.decided(ApprovalRule.standing(asked, asked.answers))
      return yield* new AnsweredAlready({
        approval: `${row.id}/${asked.key}`,
        decided,
        at: asked.endedAt,
        now: runtime.host.now()
      })
    }
    yield* open(row.id)
    return yield* new ApprovalNotOpen({ runId: row.id, open: ids, ...(key === undefined ? {} : { key }) })
  })

  /** The question that an id means, or the only one of its run. */
  const meant = Effect.fnUntraced(function*(runOrApproval: string) {
    const slash = runOrApproval.indexOf("/")
    const row = yield* rowOf(slash < 0 ? runOrApproval : runOrApproval.slice(0, slash))
    const named = slash < 0 ? undefined : runOrApproval.slice(slash + 1)
    const questions = isFinal(row.status as RunStatus)
      ? []
      : (yield* Taking.standings(runtime.desk, row.id)).map(approvalOf)
    const unanswered = questions.filter(({ status }) => status === "open")
    const ids = unanswered.map(({ id }) => id)
    if (named === undefined && unanswered.length > 1) {
      return yield* new ApprovalAmbiguous({ runId: row.id, open: ids })
    }
    const key = named ?? unanswered[0]?.key ?? (questions.length === 1 ? questions[0]!.key : undefined)
    const question = questions.find((question) => question.key === key)
    return question === undefined ? yield* notOpen(row, named, ids) : { row, key: question.key, ids, question }
  })

  const approval = Effect.fn("Runs.approval")(function*(runOrApproval: string) {
    return (yield* meant(runOrApproval)).question
  })

  const answer = Effect.fn("Runs.answer")(function*(runOrApproval: string, given: Answer) {
    const { ids, key, row } = yield* meant(runOrApproval)
    const { always, by, choice, decision, edit, hash, note, roles } = given
    const id = `${row.id}/${key}`
    const stored = edit === undefined ? undefined : StoredJson.of(edit)
    if (stored !== undefined && Result.isFailure(stored)) {
      return yield* new AnswerRefused({
        approval: id,
        problem: `its edit cannot be stored: ${stored.failure.reason}`
      })
    }
    const act = (taken: Taking.Standing) => {
      const { hash } = taken.standing.proposal
      const detail = {
        decision,
        ...(choice === undefined ? {} : { choice }),
        ...(hash === undefined ? {} : { hash }),
        ...(edit === undefined ? {} : { edited: true }),
        ...(always === undefined ? {} : { always: true })
      }
      return Acting.of(
        runtime.host.now,
        { action: "approval.answer", target: id, by, detail },
        () => approvalOf(taken)
      )
    }
    const outcome = yield* Taking.take(runtime.desk, row.id, key, {
      id: runtime.messages.newId("answer"),
      decision,
      by,
      identity: [by, ...(roles ?? [])],
      ...(choice === undefined ? {} : { choice }),
      ...(stored === undefined ? {} : { edit: { value: stored.success.read() } }),
      ...(hash === undefined ? {} : { seen: hash }),
      ...(note === undefined ? {} : { note }),
      ...(always === undefined ? {} : { always })
    }, act)
    if (outcome._tag === "Closed" || outcome._tag === "Unknown") return yield* notOpen(row, key, ids)
    runtime.rounds.poke()
    if (outcome._tag !== "Refused") return approvalOf(outcome)
    const { problem, question, reason, standing } = outcome
    switch (reason) {
      case "answered":
        return yield* answeredAlready(id, standing)
      case "approver":
      case "requester":
      case "excluded":
      case "delegated":
        return yield* notAllowed(id, by, outcome)
      case "superseded": {
        const { args, editedBy, hash } = standing.proposal
        if (editedBy === undefined || hash === undefined) return yield* new AnswerRefused({ approval: id, problem })
        return yield* new ArgumentsEdited({
          approval: id,
          by: editedBy,
          hash: ApprovalRule.short(hash),
          changes: ApprovalRule.difference(question.args, args)
        })
      }
      default:
        return yield* new AnswerRefused({ approval: id, problem })
    }
  })

  const answeredAlready = (approval: string, standing: ApprovalRule.Standing) =>
    new AnsweredAlready({
      approval,
      decided: ApprovalRule.decided(standing),
      at: standing.decision!.at,
      now: runtime.host.now()
    })

  const delegate = Effect.fn("Runs.delegate")(function*(runOrApproval: string, { by, note, roles, to }: Delegate) {
    const { ids, key, row } = yield* meant(runOrApproval)
    const id = `${row.id}/${key}`
    if (to.trim() === "" || to.length > longestName) {
      const problem = `it goes to a name or a group of 1 to ${longestName} characters`
      return yield* new DelegationRefused({ approval: id, problem })
    }
    const outcome = yield* Taking.delegate(runtime.desk, row.id, key, {
      id: runtime.messages.newId("delegation"),
      by,
      identity: [by, ...(roles ?? [])],
      to,
      ...(note === undefined ? {} : { note })
    }, (taken) =>
      Acting.of(
        runtime.host.now,
        { action: "approval.delegate", target: id, by, detail: { to } },
        () => approvalOf(taken)
      ))
    if (outcome._tag === "Closed" || outcome._tag === "Unknown") return yield* notOpen(row, key, ids)
    runtime.rounds.poke()
    if (outcome._tag !== "Refused") return approvalOf(outcome)
    switch (outcome.reason) {
      case "answered":
        return yield* answeredAlready(id, outcome.standing)
      case "approver":
      case "requester":
      case "excluded":
      case "delegated":
        return yield* notAllowed(id, by, outcome)
      default:
        return yield* new DelegationRefused({ approval: id, problem: outcome.problem })
    }
  })

  return { approvals, approval, answer, delegate }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const narrowedLimit = 10_000
const longestName = 200

/** Whether somebody with one of these names and roles may answer; the first of them is the person, where one is excluded by name. */
const isFor = (question: OpenApproval, names: ReadonlyArray<string>): boolean =>
  ApprovalRouting.mayAnswer(question, names.find((name) => name === question.requester) ?? names[0] ?? "", names)

const notAllowed = (
  approval: string,
  by: string,
  { problem, question, reason }: Extract<Taking.Outcome, { readonly _tag: "Refused" }>
): NotAllowed =>
  new NotAllowed({
    approval,
    by,
    approvers: ApprovalRouting.approversOf(question),
    ...(reason === "approver" ? {} : { problem })
  })

/** Those behind a place. Where its question is answered by now, what was asked in the same moment may come again. */
const behind = (all: ReadonlyArray<OpenApproval>, after: string | undefined): ReadonlyArray<OpenApproval> => {
  if (after === undefined) return all
  const index = all.findIndex((approval) => placeOf(approval) === after)
  return index >= 0 ? all.slice(index + 1) : all.filter(({ requestedAt }) => requestedAt >= Number.parseInt(after, 10))
}

const approvalOf = ({ given, question, row, standing }: Taking.Standing): OpenApproval => {
  const { deadline, hash: _hash, routed, schema: _schema, ...asked } = question
  const { proposal, status, wanted } = standing
  return {
    id: `${row.run}/${row.key}`,
    runId: row.run,
    key: row.key,
    workflow: row.workflow,
    ...asked,
    ...(proposal.hash === undefined ? {} : { hash: proposal.hash }),
    ...(proposal.editedBy === undefined
      ? {}
      : {
        edit: {
          args: proposal.args,
          by: proposal.editedBy,
          changes: ApprovalRule.difference(question.args, proposal.args)
        }
      }),
    requestedAt: row.requestedAt,
    ...(deadline === undefined ? {} : { deadline }),
    status,
    answers: given.filter(({ decision }) => decision !== "refuse"),
    ...(routed === undefined ? {} : { routed }),
    progress: status === "open" ? ApprovalRule.progress(question, standing) : ApprovalRule.decided(standing),
    wanted
  }
}
