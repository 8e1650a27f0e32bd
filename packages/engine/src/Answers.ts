/**
 * How an answer is taken: the question is read with its answers, the rule says
 * what becomes of it, and the store takes both in one transaction, if the
 * question is still what it was. So a caller who
 * learns that an answer was taken knows what it did, whether a worker runs or not.
 *
 * The end of a deadline is an answer too. It is given by the first who acts after
 * the deadline: the owner of the run, or a person who tries to answer. So it is
 * with an escalation; reminders are the owner's.
 */
import * as Routing from "@fermata/core/ApprovalRouting"
import * as Rule from "@fermata/core/ApprovalRule"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { Given } from "@fermata/core/Question"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Act, AnswerOp, Answers, ApprovalRow, Backend, StorageFailed } from "./Backend.ts"
import { AnswerMessage, type Message } from "./InboxMessage.ts"
import * as Questions from "./internal/Questions.ts"

/** What it takes to take an answer. */
export interface Desk {
  readonly backend: Pick<Backend, "approval" | "approvals" | "inbox">
  /** With an act, an answer that somebody gives. */
  readonly write: (op: AnswerOp, act?: Act) => Effect.Effect<Answers["answer"], StorageFailed>
  readonly journal: (runId: string) => Effect.Effect<ReadonlyArray<JournalEntry>, EntryCorrupt | StorageFailed>
  /** ms since the epoch. */
  readonly now: () => number
}

/** What somebody says. With `identity`, a name and its roles, they are looked at. */
export interface Said extends Omit<Rule.Answer, "at" | "edit"> {
  /** Other arguments, wrapped, since they may be null. */
  readonly edit?: { readonly value: unknown }
  readonly identity?: ReadonlyArray<string>
}

/** How a question stands in the store. */
export interface Standing {
  readonly row: ApprovalRow
  /** With whom it went to. */
  readonly question: Questions.Question
  readonly given: ReadonlyArray<Given>
  /** The answers and whom the question went to, in the order in which it was taken. */
  readonly taken: ReadonlyArray<Questions.Taken>
  readonly standing: Rule.Standing
}

/** What became of an answer that was given. */
export type Outcome =
  | ({ readonly _tag: "Taken" } & Standing)
  /** The same answer was taken before. */
  | ({ readonly _tag: "Known" } & Standing)
  | ({ readonly _tag: "Refused"; readonly reason: Rule.Refusal; readonly problem: string } & Standing)
  /** The run has ended, or there is no such question in the store: it was never asked, was withdrawn, or its run has gone on. */
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Unknown" }

/** Makes the act that somebody's word is, by what becomes of the question. */
export type ActOf = (taken: Standing) => Effect.Effect<Act | undefined>
const noAct: ActOf = () => Effect.undefined

const mostQuestions = 10_000

/** The questions of a run, of a tenant, or of all, with their answers. One that cannot be read is among them, as one that nobody may answer. */
export const standings = (
  desk: Pick<Desk, "backend" | "journal">,
  run: string | null,
  limit = mostQuestions,
  tenant?: string
): Effect.Effect<ReadonlyArray<Standing>, StorageFailed> =>
  Effect.flatMap(
    desk.backend.approvals(run, limit, tenant),
    Effect.forEach((row) =>
      Effect.map(standingOf(desk, row), (known) => {
        if (known !== undefined) return known
        const question = Questions.unreadable(row)
        return { row, question, given: [], taken: [], standing: Rule.standing(question, []) }
      })
    )
  )

/** Takes an answer, or says why not. `actOf` makes the act that it is, by what becomes of the question. */
export const take = Effect.fnUntraced(
  function*(
    desk: Desk,
    run: string,
    key: string,
    said: Said,
    actOf: ActOf = noAct
  ): Effect.fn.Return<Outcome, StorageFailed> {
    const { edit, identity, ...rest } = said
    while (true) {
      const row = yield* desk.backend.approval(run, key)
      if (row === null) return { _tag: "Unknown" }
      const known = yield* standingOf(desk, row)
      if (known === undefined) return { _tag: "Unknown" }
      const { given, question } = known
      const { deadline } = question
      const at = desk.now()
      const isOfPeople = said.decision === "approve" || said.decision === "deny"
      if (isOfPeople && isBehind(known, at)) {
        const passed = yield* pass(desk, run, key)
        if (passed._tag === "Closed" || passed._tag === "Unknown") return passed
        continue
      }
      const fits = edit === undefined || !question.editable || known.standing.status !== "open"
        ? undefined
        : yield* Questions.problemOf(question.schema, edit.value)
      const verdict = Rule.judge(
        question,
        given,
        {
          ...rest,
          at,
          ...(edit === undefined ? {} : { edit: { value: edit.value, hash: yield* Questions.hashOf(edit.value) } })
        },
        identity
      )
      if (verdict._tag === "Known") return { _tag: "Known", ...known }
      if (verdict._tag === "Refused") return { ...known, ...verdict }
      if (fits !== undefined) {
        return { ...known, _tag: "Refused", reason: "edit", problem: `the edited arguments do not fit: ${fits}` }
      }
      const taken = [...known.taken, verdict.answer]
      const standing = yield* standingWith(row, question, verdict.answer)
      const now: Standing = {
        row,
        question,
        given: [...given, verdict.answer],
        taken,
        standing: verdict.standing
      }
      const answer = yield* desk.write({
        op: "answer",
        run,
        key,
        version: row.version,
        answers: StoredJson.textOf(taken),
        status: verdict.standing.status,
        row: said.decision === "refuse"
          ? null
          : { id: said.id, kind: "answer", payload: StoredJson.textOf(messageOf(key, verdict.answer)) },
        now: desk.now,
        before: isOfPeople ? deadline ?? null : null,
        from: said.decision === "timeout" ? deadline ?? null : null,
        ...(standing === undefined ? {} : { standing })
      }, yield* actOf(now))
      const outcome = outcomeOf(answer, now, known)
      if (outcome !== undefined) return outcome
    }
  }
)

/** A person who hands a question on, with their name and roles. */
export interface Handing extends Omit<Parameters<typeof Rule.delegate>[2], "at"> {}

/** Hands a question on to somebody else, or says why not. */
export const delegate = (
  desk: Desk,
  run: string,
  key: string,
  handing: Handing,
  actOf: ActOf = noAct
): Effect.Effect<Outcome, StorageFailed> =>
  route(desk, run, key, ({ given, question }, at) => Rule.delegate(question, given, { ...handing, at }), actOf)

/**
 * Records what is due of a question now: that it is escalated, that people are
 * reminded, or the answer of its deadline. Refused as `early` where nothing is.
 */
export const pass = (desk: Desk, run: string, key: string): Effect.Effect<Outcome, StorageFailed> =>
  Effect.flatMap(desk.backend.approval(run, key), (row) => {
    const known = row === null ? undefined : Option.getOrUndefined(Questions.readRow(row))
    return known === undefined || isOver(known.question, desk.now()) || Routing.due(known.question)?.kind === "deadline"
      ? take(desk, run, key, { id: `deadline:${key}`, decision: "timeout", by: "deadline" })
      : route(desk, run, key, ({ given, question }, at) => Rule.elapse(question, given, { at, key }))
  })

/** Says that the workflow does not take edited arguments: the question is open again. */
export const refuse = (
  desk: Desk,
  run: string,
  key: string,
  hash: string,
  problem: string
): Effect.Effect<Outcome, StorageFailed> =>
  take(desk, run, key, { id: `refused:${hash}`, decision: "refuse", by: "workflow", seen: hash, note: problem })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isOver = ({ deadline }: Questions.Question, at: number): boolean => deadline !== undefined && at >= deadline

/** Whether it is time for what comes before a word of people: an escalation, or the deadline. */
const isBehind = ({ question, standing }: Standing, at: number): boolean => {
  const due = standing.status === "open" ? Routing.due(question, ["deadline", "escalate"]) : undefined
  return due !== undefined && at >= due.at
}

/** Records that a question goes to somebody; with `actOf` by the word of somebody, which time may come before. */
const route = Effect.fnUntraced(
  function*(
    desk: Desk,
    run: string,
    key: string,
    judge: (standing: Standing, at: number) => Rule.RoutingVerdict,
    actOf?: ActOf
  ): Effect.fn.Return<Outcome, StorageFailed> {
    while (true) {
      const row = yield* desk.backend.approval(run, key)
      const known = row === null ? undefined : yield* standingOf(desk, row)
      if (row === null || known === undefined) return { _tag: "Unknown" }
      const at = desk.now()
      if (actOf !== undefined && isBehind(known, at)) {
        const passed = yield* pass(desk, run, key)
        if (passed._tag === "Closed" || passed._tag === "Unknown") return passed
        continue
      }
      const verdict = judge(known, at)
      if (verdict._tag === "Known") return { _tag: "Known", ...known }
      if (verdict._tag === "Refused") return { ...known, ...verdict }
      const { routed, standing } = verdict
      const taken = [...known.taken, routed]
      const now: Standing = {
        row,
        question: { ...known.question, routed: [...known.question.routed ?? [], routed] },
        given: known.given,
        taken,
        standing
      }
      const answer = yield* desk.write({
        op: "answer",
        run,
        key,
        version: row.version,
        answers: StoredJson.textOf(taken),
        status: "open",
        row: { id: routed.id, kind: "routing", payload: StoredJson.textOf({ key, routed }) },
        now: desk.now,
        before: known.question.deadline ?? null,
        from: null
      }, yield* (actOf ?? noAct)(now))
      const outcome = outcomeOf(answer, now, known)
      if (outcome !== undefined) return outcome
    }
  }
)

/** The rule that an answer lets stand. */
const standingWith = (
  { key, run }: ApprovalRow,
  { standing }: Questions.Question,
  { always, by }: Given
): Effect.Effect<AnswerOp["standing"]> => {
  if (always === undefined || standing === undefined) return Effect.undefined
  const { workspace } = standing
  const agent = Tenant.qualify(Tenant.of(run), standing.agent)
  return Effect.map(Questions.hashOf([agent, workspace, always]), (hash) => ({
    id: hash.slice(0, 12),
    agent,
    workspace,
    rule: always,
    by,
    runId: run,
    key
  }))
}

const decodeMessage = Schema.decodeUnknownExit(Schema.fromJsonString(AnswerMessage))

const standingOf = Effect.fnUntraced(
  function*(
    desk: Pick<Desk, "backend" | "journal">,
    row: ApprovalRow
  ): Effect.fn.Return<Standing | undefined, StorageFailed> {
    const read = Option.getOrUndefined(Questions.readRow(row))
    if (read === undefined) return undefined
    const { question } = read
    const given = read.given ?? (yield* olderAnswers(desk, row))
    return { row, question, given, taken: read.taken ?? given, standing: Rule.standing(question, given) }
  }
)

/** The answers to a question of an older build: they are in the journal, and in the inbox behind it. */
const olderAnswers = Effect.fnUntraced(
  function*(
    { backend, journal }: Pick<Desk, "backend" | "journal">,
    row: ApprovalRow
  ): Effect.fn.Return<ReadonlyArray<Given>, StorageFailed> {
    const entries = yield* Effect.catchTag(journal(row.run), "EntryCorrupt", () => Effect.succeed([]))
    const recorded = RunView.approval(RunView.of(row.run, entries), row.key)?.answers ?? []
    const waiting = (yield* backend.inbox(row.run)).flatMap(({ at, id, kind, payload }): ReadonlyArray<Given> => {
      const message = kind === "answer" ? decodeMessage(payload) : undefined
      if (message === undefined || Exit.isFailure(message) || message.value.key !== row.key) return []
      const { key: _, ...answer } = message.value
      return [{ id, at, ...answer }]
    })
    return [...recorded, ...waiting]
  }
)

const messageOf = (key: string, { at: _at, decision, id: _id, ...answer }: Given): Message<"answer"> => ({
  key,
  decision: decision as Message<"answer">["decision"],
  ...answer
})

/** What became of the write; nothing where another came first, or the deadline did: it is judged again then, by how the question stands now. */
const outcomeOf = ({ result }: Answers["answer"], now: Standing, known: Standing): Outcome | undefined => {
  switch (result) {
    case "accepted":
      return { _tag: "Taken", ...now }
    case "duplicate":
      return { _tag: "Known", ...known }
    case "closed":
      return { _tag: "Closed" }
    case "unknown":
      return { _tag: "Unknown" }
    default:
      return undefined
  }
}
