/**
 * Whom a question goes to beside those who were asked: handed on by one of
 * them, or escalated after a time. Pure, and asked by `ApprovalRule` alone and
 * by those who show questions.
 *
 * Each approver has one place among those who decide. Who hands a question on
 * hands on that place, and whoever holds it then answers for them: the number of
 * those who decide stays as it was, and nobody decides twice. A place goes back
 * to whom it came from, and whoever has handed it on takes it back; it goes
 * round in no other way.
 */
import type { EntryOf } from "./JournalEntry.ts"
import type { Given, Question, Routed } from "./Question.ts"

/** A question, as far as it says whom it goes to. */
export interface Asked
  extends Pick<Question, "approvers" | "quorum" | "requester" | "notBy" | "escalate" | "remind" | "deadline">
{
  /** What has happened to it beside its answers. */
  readonly routed?: ReadonlyArray<Routed>
}

/** Why somebody has no say: `approver`: not among those who may; `requester`: asked for the run; `excluded`: named as who may not; `delegated`: has handed it on. */
export interface Outside {
  readonly reason: "approver" | "requester" | "excluded" | "delegated"
  readonly problem: string
}

/** What happens to an open question as time passes. */
export interface Moment {
  readonly kind: "escalate" | "remind" | "deadline"
  /** ms since the epoch. */
  readonly at: number
}

/** How often one question may be handed on. */
export const mostDelegations = 100

/** Who may answer by now: those who were asked, and those to whom it was escalated. */
export const approversOf = ({ approvers, routed }: Asked): ReadonlyArray<string> =>
  routed === undefined
    ? approvers
    : [...new Set([...approvers, ...routed.flatMap((item) => item.kind === "escalate" ? item.to : [])])]

/** The places that were handed on: by whose each is, everybody who has had it, in order. The last one holds it. */
export const places = ({ routed }: Asked): ReadonlyMap<string, ReadonlyArray<string>> => {
  const all = new Map<string, ReadonlyArray<string>>()
  for (const item of routed ?? []) {
    if (item.kind !== "delegate") continue
    const chain = all.get(item.for) ?? [item.for]
    const index = chain.indexOf(item.to)
    const next = index < 0 ? [...chain, item.to] : chain.slice(0, index + 1)
    if (next.length === 1) all.delete(item.for)
    else all.set(item.for, next)
  }
  return all
}

/** Whose place an answer takes. */
export const placeOfAnswer = ({ by, for: place }: Pick<Given, "by" | "for">): string => place ?? by

/** Those who have yet to say something, when these have: who was handed a place stands for whom it is of. */
export const wanted = (question: Asked, answers: ReadonlyArray<Given>): ReadonlyArray<string> => {
  const approvers = approversOf(question)
  const chains = places(question)
  const said = new Set(answers.flatMap((answer) => [answer.by, placeOfAnswer(answer)]))
  const holder = (place: string) => chains.get(place)?.at(-1) ?? place
  const ofRoles = Array.from(chains.keys()).filter((place) => !approvers.includes(place))
  const names = [...approvers, ...ofRoles].filter((place) => !said.has(place)).map(holder)
  return [...new Set(names)].filter((name) =>
    !said.has(name) && name !== question.requester && question.notBy?.includes(name) !== true
  )
}

/**
 * The place that a person with these names and roles may answer from: their own
 * or, where they have none, one that they hold. `isTaken` tells whether somebody
 * else has answered from a place.
 */
export const placeOf = (
  question: Asked,
  by: string,
  identity: ReadonlyArray<string>,
  isTaken: (place: string) => boolean = () => false
): string | Outside => {
  const approvers = approversOf(question)
  const chains = places(question)
  const own = chains.get(by)
  const isAsked = identity.some((name) => approvers.includes(name))
  const held = Array.from(chains).flatMap(([place, chain]) => identity.includes(chain.at(-1)!) ? [place] : [])
  if (!isAsked && held.length === 0) {
    return own === undefined
      ? {
        reason: "approver",
        problem: approvers.length === 0 ? "nobody may answer" : `only ${approvers.join(", ")} may answer`
      }
      : handedOn(by, own)
  }
  if (question.requester === by) {
    return { reason: "requester", problem: `${by} has asked for the run, and another must decide` }
  }
  const excluded = identity.find((name) => question.notBy?.includes(name))
  if (excluded !== undefined) {
    return { reason: "excluded", problem: `${excluded} may not answer it, and another must decide` }
  }
  if (isAsked && own === undefined) return by
  return held.find((place) => !isTaken(place)) ?? held[0] ?? handedOn(by, own!)
}

/** Whether a person with these names and roles may answer, as far as it depends on who that is. */
export const mayAnswer = (question: Asked, by: string, identity: ReadonlyArray<string> = [by]): boolean =>
  typeof placeOf(question, by, identity) === "string"

/**
 * Whose place it is that somebody hands to another, or why they cannot. `isTaken`
 * tells whether it has been answered from a place.
 */
export const handOn = (
  question: Asked,
  { by, identity, to }: { readonly by: string; readonly identity: ReadonlyArray<string>; readonly to: string },
  isTaken: (place: string) => boolean
): { readonly place: string } | Outside | { readonly reason: "delegation"; readonly problem: string } => {
  const no = (problem: string) => ({ reason: "delegation", problem }) as const
  const chains = places(question)
  const back = identity.includes(to)
    ? Array.from(chains).find(([, chain]) => chain.indexOf(to) >= 0 && chain.at(-1) !== to)
    : undefined
  const place = back?.[0] ?? placeOf(question, by, identity)
  if (typeof place !== "string") return place
  if (isTaken(place)) return no(`it has been answered${place === by ? "" : ` for ${place}`} already`)
  if ((question.routed ?? []).filter(({ kind }) => kind === "delegate").length >= mostDelegations) {
    return no(`it has been handed on ${mostDelegations} times, and goes no further`)
  }
  if (back !== undefined) return { place }
  const chain = chains.get(place) ?? [place]
  const index = chain.indexOf(to)
  if (index === chain.length - 1) return no(`${to} has it already`)
  if (index >= 0 && index !== chain.length - 2) {
    return no(`${to} had it before (${chain.join(" → ")}), and it goes back only to ${chain.at(-2)!}`)
  }
  if (index >= 0) return { place }
  if (to === question.requester) return no(`${to} has asked for the run, and another must decide`)
  if (question.notBy?.includes(to) === true) return no(`${to} may not answer it`)
  const holders = Array.from(chains.values(), (other) => other.at(-1))
  if (question.quorum > 1 && (approversOf(question).includes(to) || holders.includes(to))) {
    return no(`${to} may answer it already, and counts once`)
  }
  return { place }
}

/** What happens next to an open question as time passes; nothing where only people end it. */
export const due = (question: Asked, kinds: ReadonlyArray<Moment["kind"]> = momentKinds): Moment | undefined => {
  const { deadline, escalate, remind, routed = [] } = question
  const reminders = routed.filter(({ kind }) => kind === "remind")
  const stage = escalate?.[stagesOf(question)]
  const moments: ReadonlyArray<Moment> = [
    ...(deadline === undefined ? [] : [{ kind: "deadline", at: deadline } as const]),
    ...(stage === undefined ? [] : [{ kind: "escalate", at: stage.at } as const]),
    ...(remind === undefined || reminders.length >= remind.most
      ? []
      : [{ kind: "remind", at: (reminders.at(-1)?.at ?? remind.from - remind.everyMs) + remind.everyMs } as const])
  ].filter(({ kind }) => kinds.includes(kind))
  return moments.reduce<Moment | undefined>(
    (first, moment) => first === undefined || moment.at < first.at ? moment : first,
    undefined
  )
}

/** How often it was escalated. */
export const stagesOf = ({ routed = [] }: Asked): number => routed.filter(({ kind }) => kind === "escalate").length

/** An entry that says whom a question went to beside those who were asked. */
export type RoutingEntry = EntryOf<"ApprovalDelegated" | "ApprovalEscalated" | "ApprovalReminded">

/** What the entry says of its question, without where it stands. */
export const saidOf = <E extends RoutingEntry | EntryOf<"ApprovalAnswered">>(
  { _tag, blobs: _blobs, epoch: _epoch, key: _key, open: _open, seq: _seq, ...said }: E & { readonly open?: unknown }
) => said

/** What the entry says has happened to its question. */
export const routedOf = (entry: RoutingEntry): Routed => ({ kind: kinds[entry._tag], ...saidOf(entry) }) as Routed

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const kinds = { ApprovalDelegated: "delegate", ApprovalEscalated: "escalate", ApprovalReminded: "remind" }

const momentKinds = ["deadline", "escalate", "remind"] as const

const handedOn = (by: string, chain: ReadonlyArray<string>): Outside => ({
  reason: "delegated",
  problem: `${by} has handed it on to ${chain.at(-1)!}, and answers only after taking it back`
})
