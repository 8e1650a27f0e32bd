/**
 * When answers decide a question to people: the one rule for it, pure, used by
 * the store's transaction, by the owner of the run and by the fold alike.
 *
 * An approval counts for exact arguments, named by their hash. An edit is a
 * new proposal: from then on it is what stands to be approved, and what was
 * said of other arguments does not count for it.
 */
import * as Routing from "./ApprovalRouting.ts"
import type { Delegation, Escalation, Given, Question as Asked, Reminder, Routed } from "./Question.ts"
import * as StoredJson from "./StoredJson.ts"

export type { Given } from "./Question.ts"

/** A question, as far as it decides about answers: with whom it went to. */
export interface Question extends Omit<Asked, "prompt" | "schema">, Routing.Asked {}

/** An answer that wants to be taken. */
export interface Answer extends Omit<Given, "edit" | "hash" | "for"> {
  readonly edit?: { readonly value: unknown; readonly hash: string }
  /** The hash, or the first characters of it, of the arguments that the person has looked at. */
  readonly seen?: string
}

/** Where a question stands. */
export interface Standing {
  /** `expired`: its deadline passed, and that is a failure. */
  readonly status: "open" | "granted" | "denied" | "expired"
  /** What stands to be approved, or was. */
  readonly proposal: {
    readonly hash: string | undefined
    readonly args: unknown
    /** Who proposed these arguments by an edit; absent for what the workflow asked about. */
    readonly editedBy?: string
  }
  /** Who has approved that, of several choices the one that is ahead. */
  readonly by: ReadonlyArray<string>
  /** How many more approvals it takes. */
  readonly missing: number
  /** The approvers that have not approved it yet. */
  readonly wanted: ReadonlyArray<string>
  /** The answer that decided. */
  readonly decision: Given | undefined
}

/** What becomes of one answer to a question. */
export type Verdict =
  /** `answer` is what to record, `standing` how the question stands with it. */
  | { readonly _tag: "Accepted"; readonly answer: Given; readonly standing: Standing }
  /** The answer was taken before. */
  | { readonly _tag: "Known" }
  | { readonly _tag: "Refused"; readonly reason: Refusal; readonly problem: string; readonly standing: Standing }

/**
 * `answered`: another answer decided first. `late`: past the deadline. `early`:
 * its time has not come. `approver`, `requester`, `excluded`: not this person. `delegated`: this
 * person has handed it on. `voted`: the same was said before, by this person or for the same one.
 * `superseded`: the arguments are not the ones that the person has looked at. `choice`, `edit`,
 * `always`: it does not fit the question. `delegation`: it cannot be handed on like this.
 */
export type Refusal =
  | "answered"
  | "late"
  | "early"
  | "approver"
  | "requester"
  | "excluded"
  | "delegated"
  | "delegation"
  | "voted"
  | "superseded"
  | "choice"
  | "edit"
  | "always"

/** How the question stands with these answers, in the order in which they were taken. */
export const standing = (question: Question, given: ReadonlyArray<Given>): Standing => {
  const { counted, ...counts } = count(question, given)
  return { ...counts, wanted: counts.status === "open" ? Routing.wanted(question, counted) : [] }
}

/** The same without who is wanted: `counted` are the answers that approve what stands to be approved. */
export const count = (
  question: Question,
  given: ReadonlyArray<Given>
): Omit<Standing, "wanted"> & { readonly counted: ReadonlyArray<Given> } => {
  const refused = new Set(
    given.flatMap(({ decision, hash }) => decision === "refuse" && hash !== undefined ? [hash] : [])
  )
  // Where no hash tells arguments apart, all approvals are of one thing, and all stand.
  const exact = question.hash !== undefined
  let proposal: Standing["proposal"] = { hash: question.hash, args: question.args }
  const votes = new Map<string | undefined, ReadonlyArray<Given>>()
  const said = (decision: Given["decision"], choice?: string) =>
    (votes.get(proposal.hash) ?? [])
      .filter((vote) => vote.decision === decision && (decision === "deny" || !exact || vote.choice === choice))
      .filter(({ by }, index, all) => all.findIndex((vote) => vote.by === by) === index)
  /** The approvals of the choice that is ahead. */
  const most = () =>
    [undefined, ...question.choices].map((choice) => said("approve", choice)).reduce((most, votes) =>
      votes.length > most.length ? votes : most
    )
  const ends = (status: Standing["status"], decision: Given, by: ReadonlyArray<string>) => ({
    status,
    proposal,
    by,
    missing: 0,
    decision,
    counted: []
  })
  for (const answer of given) {
    if (answer.decision === "refuse") continue
    if (answer.decision === "timeout") {
      if (question.onTimeout !== "approve") {
        return ends(question.onTimeout === "deny" ? "denied" : "expired", answer, [answer.by])
      }
      // What nobody has approved in full falls back to what was asked about.
      const by = proposal.editedBy === undefined ? most().map(({ by }) => by) : []
      proposal = { hash: question.hash, args: question.args }
      return ends("granted", answer, [...by, answer.by])
    }
    if (answer.decision === "approve" && answer.hash !== undefined && refused.has(answer.hash)) continue
    if (answer.decision === "approve" && answer.hash !== undefined && answer.hash !== proposal.hash) {
      const { hash } = answer
      proposal = hash === question.hash
        ? { hash, args: question.args }
        : { hash, args: answer.edit, editedBy: answer.by }
    }
    const before = votes.get(answer.hash) ?? []
    votes.set(answer.hash, [...(exact ? before.filter((vote) => !isOfTheSame(vote, answer)) : before), answer])
    if (answer.decision === "deny") {
      if (question.of === undefined || said("deny").length > question.of - question.quorum) {
        return ends("denied", answer, [answer.by])
      }
    } else {
      const votes = said("approve", answer.choice)
      if (votes.length >= question.quorum) return ends("granted", answer, votes.map(({ by }) => by))
    }
  }
  const counted = most()
  return {
    status: "open",
    proposal,
    by: counted.map(({ by }) => by),
    missing: question.quorum - counted.length,
    decision: undefined,
    counted
  }
}

/**
 * Whether this answer is taken behind those. `identity` are the name and the
 * roles of who gives it; without it, that was looked at before.
 */
export const judge = (
  question: Question,
  given: ReadonlyArray<Given>,
  answer: Answer,
  identity?: ReadonlyArray<string>
): Verdict => {
  if (given.some(({ id }) => id === answer.id)) return { _tag: "Known" }
  const now = standing(question, given)
  const refuse = refusing(now)
  const { always, at, by, choice, decision, edit, id, note, seen } = answer
  let place = by
  const accept = (counts: { readonly hash: string | undefined; readonly edit?: unknown }): Verdict => {
    const taken: Given = {
      id,
      decision,
      by,
      at,
      ...(place === by ? {} : { for: place }),
      ...(choice === undefined ? {} : { choice }),
      ...("edit" in counts ? { edit: counts.edit } : {}),
      ...(counts.hash === undefined ? {} : { hash: counts.hash }),
      ...(note === undefined ? {} : { note }),
      ...(always === undefined ? {} : { always })
    }
    return { _tag: "Accepted", answer: taken, standing: standing(question, [...given, taken]) }
  }

  if (decision === "refuse") {
    const isDecidedOtherwise = now.status !== "open" && (now.status !== "granted" || now.proposal.hash !== seen)
    return isDecidedOtherwise ? refuse("answered", decided(now)) : accept({ hash: seen })
  }
  if (now.status !== "open") return refuse("answered", decided(now))
  const isPast = question.deadline !== undefined && at >= question.deadline
  if (decision === "timeout") {
    return isPast
      ? accept({ hash: undefined })
      : refuse("early", "its deadline has not passed")
  }
  if (isPast) return refuse("late", "its deadline has passed")

  const { proposal } = now
  if (identity !== undefined) {
    const from = Routing.placeOf(
      question,
      by,
      identity,
      (place) =>
        given.some((earlier) =>
          Routing.placeOfAnswer(earlier) === place && earlier.by !== by && earlier.hash === proposal.hash
        )
    )
    if (typeof from !== "string") return refuse(from.reason, from.problem)
    place = from
  }
  const looked = seen === undefined
    ? proposal.editedBy === undefined
    : proposal.hash !== undefined && names(seen, proposal.hash)
  if (!looked) {
    return refuse(
      "superseded",
      proposal.editedBy === undefined
        ? `"${seen}" names other arguments than those that are asked about`
        : `${proposal.editedBy} has edited the arguments since: ${differenceText(question.args, proposal.args)}`
    )
  }
  if (choice !== undefined && !question.choices.includes(choice)) {
    return refuse(
      "choice",
      question.choices.length === 0
        ? "it offers no choices"
        : `"${choice}" is not among its choices: ${question.choices.join(", ")}`
    )
  }
  if (decision === "approve" && choice === undefined && question.choices.length > 0) {
    return refuse("choice", `it wants a choice: one of ${question.choices.join(", ")}`)
  }
  if (edit !== undefined && (!question.editable || decision === "deny")) {
    return refuse("edit", question.editable ? "a no edits nothing" : "its arguments may not be edited")
  }
  const rejected = given.find((earlier) => earlier.decision === "refuse" && earlier.hash === edit?.hash)
  if (edit !== undefined && rejected !== undefined) {
    return refuse(
      "edit",
      `the workflow does not take these arguments${rejected.note === undefined ? "" : `: ${rejected.note}`}`
    )
  }
  if (always !== undefined) {
    const problem = notStanding(question, decision, edit !== undefined || proposal.editedBy !== undefined, always)
    if (problem !== undefined) return refuse("always", problem)
  }

  const hash = edit === undefined ? proposal.hash : edit.hash
  const said = given.findLast((earlier) =>
    isOfTheSame(earlier, { by, for: place }) && earlier.hash === hash &&
    (earlier.decision === "approve" || earlier.decision === "deny")
  )
  const isVeto = decision === "deny" && question.of === undefined
  const isTheSame = said !== undefined && said.decision === decision &&
    (said.choice === choice || question.hash === undefined)
  if (isTheSame || (said !== undefined && question.hash === undefined && !isVeto)) {
    return refuse(
      "voted",
      `${said!.by} has ${said!.decision === "approve" ? "approved" : "denied"} it already${
        said!.by === by ? "" : ` for ${place}`
      }; ${progress(question, now)}`
    )
  }
  if (edit !== undefined && edit.hash !== question.hash) return accept({ hash, edit: edit.value })
  // A yes is recorded with what it approves; a no approves nothing.
  return accept(
    decision === "approve" && hash !== question.hash && proposal.editedBy !== undefined
      ? { hash, edit: proposal.args }
      : { hash }
  )
}

/**
 * Whether somebody may hand the question on, and what is recorded then. Who does
 * has not answered yet as it stands; the other can answer, and has not had it before.
 */
export const delegate = (
  question: Question,
  given: ReadonlyArray<Given>,
  { at, by, id, identity, note, to }: Omit<Delegation, "kind" | "for"> & { readonly identity: ReadonlyArray<string> }
): RoutingVerdict => {
  if (question.routed?.some((item) => item.id === id) === true) return { _tag: "Known" }
  const now = standing(question, given)
  const refuse = refusing(now)
  const over = overBy(question, now, at)
  if (over !== undefined) return over
  const handed = Routing.handOn(
    question,
    { by, identity, to },
    (place) =>
      given.some((answer) =>
        answer.decision !== "refuse" && answer.hash === now.proposal.hash && Routing.placeOfAnswer(answer) === place
      )
  )
  if ("reason" in handed) return refuse(handed.reason, handed.problem)
  return routedWith(question, given, {
    kind: "delegate",
    id,
    at,
    by,
    for: handed.place,
    to,
    ...(note === undefined ? {} : { note })
  })
}

/** What becomes of an open question as this time passes, beside its deadline: it is escalated, or those who are asked are reminded. */
export const elapse = (
  question: Question,
  given: ReadonlyArray<Given>,
  { at, key }: { readonly at: number; readonly key: string }
): RoutingVerdict => {
  const now = standing(question, given)
  const refuse = refusing(now)
  const over = overBy(question, now, at)
  if (over !== undefined) return over
  const due = Routing.due(question, ["escalate", "remind"])
  if (due === undefined || at < due.at) return refuse("early", "nothing is due")
  const count = 1 + (question.routed ?? []).filter(({ kind }) => kind === due.kind).length
  const item: Escalation | Reminder = due.kind === "escalate"
    ? { kind: "escalate", id: `escalation:${key}:${count}`, at, stage: count, to: question.escalate![count - 1]!.to }
    : { kind: "remind", id: `reminder:${key}:${count}`, at, count, to: now.wanted }
  return routedWith(question, given, item)
}

/** What becomes of a question that is to go to others. */
export type RoutingVerdict =
  | { readonly _tag: "Accepted"; readonly routed: Routed; readonly standing: Standing }
  | Extract<Verdict, { readonly _tag: "Known" | "Refused" }>

/** How far an open question is: `1 of 2, still wanted: one of bob, cy`. */
export const progress = ({ quorum }: Question, { by, missing, wanted }: Standing): string => {
  const who = wanted.length <= missing
    ? wanted.join(", ")
    : `${missing === 1 ? "one" : missing} of ${wanted.join(", ")}`
  return `${by.length} of ${quorum}, still wanted: ${who === "" ? "nobody is left" : who}`
}

/** Who decided and how: `approved by ann`. */
export const decided = ({ by, decision, status }: Standing): string => {
  const who = `${by.join(", ")}${decision?.for === undefined || by.length !== 1 ? "" : ` for ${decision.for}`}`
  if (decision?.decision === "timeout") {
    return `${status === "expired" ? "expired" : status === "granted" ? "approved" : "denied"} at its deadline`
  }
  return `${status === "granted" ? "approved" : "denied"} by ${who}`
}

/** Whether a text stands for a hash: all of it, or at least its first eight characters. */
export const names = (text: string, hash: string): boolean => text.length >= shortest && hash.startsWith(text)

/** A hash as people see it and may type it. */
export const short = (hash: string): string => hash.slice(0, 12)

/** The text whose SHA-256 is the hash of arguments: JSON with its keys in order, so that equal values have one hash. */
export const hashed = (args: unknown): string => StoredJson.textOf(sorted(args ?? null))

/** What differs between two JSON values: `cents: 5100 → 9999999`, one text for each place. */
export const difference = (before: unknown, after: unknown): ReadonlyArray<string> => {
  const found: Array<string> = []
  compare(before, after, "", found)
  return found
}

/** The differences in one line of bounded length. */
export const differenceText = (before: unknown, after: unknown): string => {
  const all = difference(before, after)
  const shown = all.slice(0, mostShown)
  return all.length === 0
    ? "nothing"
    : `${shown.join(", ")}${all.length > shown.length ? ` and ${all.length - shown.length} more` : ""}`
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Why a rule cannot be let stand by an answer. */
const notStanding = (
  { quorum, standing }: Question,
  decision: Answer["decision"],
  isEdited: boolean,
  rule: string
): string | undefined => {
  const offered = standing?.rules ?? []
  if (decision !== "approve") return "a no lets no rule stand"
  if (offered.length === 0 || quorum !== 1) return "it offers no rule that could stand"
  if (isEdited) return "a rule is about the arguments that were asked about, and these are edited"
  return offered.includes(rule) ? undefined : `"${rule}" is not among the rules that it offers: ${offered.join(", ")}`
}

type Refused = Extract<Verdict, { readonly _tag: "Refused" }>

/** Says no to a question that stands like this. */
const refusing = (standing: Standing) => (reason: Refusal, problem: string): Refused => ({
  _tag: "Refused",
  reason,
  problem,
  standing
})

/** Why a question goes to nobody else any more. */
const overBy = ({ deadline }: Question, now: Standing, at: number): Refused | undefined => {
  if (now.status !== "open") return refusing(now)("answered", decided(now))
  return deadline !== undefined && at >= deadline ? refusing(now)("late", "its deadline has passed") : undefined
}

const routedWith = (question: Question, given: ReadonlyArray<Given>, routed: Routed): RoutingVerdict => ({
  _tag: "Accepted",
  routed,
  standing: standing({ ...question, routed: [...question.routed ?? [], routed] }, given)
})

/** Whether two answers are of one person, or take one place. */
const isOfTheSame = (one: Pick<Given, "by" | "for">, other: Pick<Given, "by" | "for">): boolean =>
  one.by === other.by || Routing.placeOfAnswer(one) === Routing.placeOfAnswer(other)

const shortest = 8
const mostShown = 10
const longestValue = 60

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : isObject(value)
    ? Object.fromEntries(
      Object.keys(value).sort().flatMap((key) => value[key] === undefined ? [] : [[key, sorted(value[key])]])
    )
    : value

const compare = (before: unknown, after: unknown, path: string, found: Array<string>): void => {
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(
        Object.hasOwn(before, key) ? before[key] : undefined,
        Object.hasOwn(after, key) ? after[key] : undefined,
        Array.isArray(before) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`,
        found
      )
    }
    return
  }
  if (before === after) return
  found.push(`${path === "" ? "" : `${path}: `}${brief(before)} → ${brief(after)}`)
}

const brief = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = StoredJson.textOf(value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text
}
