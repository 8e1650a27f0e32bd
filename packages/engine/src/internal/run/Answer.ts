/**
 * What a request of the code comes to: it is compared with what the journal
 * says and with what this pass has asked. Pure.
 *
 * A request is `recorded` in the journal, or `new`, and then it is written; or
 * it is where code and journal part.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as EntryKinds from "../EntryKinds.ts"
import * as Handover from "../Handover.ts"
import type { ApprovalQuestion, ChildQuestion, StepDefinition } from "./Ask.ts"
import type { Ledger } from "./Ledger.ts"
import type { Pass } from "./Pass.ts"

type Entry = JournalEntry.JournalEntry

/** Where code and journal part. */
export interface Diverged {
  readonly key: string
  readonly detail: string
}

export type Verdict = "recorded" | "new" | Diverged

/** Where the pass is in the recorded journal. */
export interface At {
  /** All that was recorded has been handed over. */
  readonly isOver: boolean
  /** Whether the journal holds, before this place, what the code has yet to ask for or to be told. */
  readonly isBehind: (seq: number) => boolean
  /** Whether the code has come past the place of this entry. */
  readonly isPast: (entry: Entry) => boolean
  /** What the code is still to be told, if anything. Until then it asks for nothing that is not recorded. */
  readonly nextDelivery: Entry | undefined
  /** Whether the code asks for what is recorded. Of what a fork shares, its own id stands for that of the run it was. */
  readonly same: (recorded: unknown, asked: unknown, json?: unknown) => boolean
}

/** A request that the journal does not hold: `what` names it for people. */
export const unrecorded = (at: At, key: string, what: string): "new" | Diverged => {
  const next = at.isOver ? undefined : at.nextDelivery
  return next === undefined ? "new" : {
    key,
    detail: `the code asks for ${what}, which the journal does not hold, while entry ${next.seq} (${next._tag}${
      "key" in next ? ` "${next.key}"` : ""
    }) has not been reached`
  }
}

/**
 * A step: `joined` when this pass has asked for it before, a `conflict` when it
 * has with another input, `over limit` when the run may have no more steps.
 * `same`: its input is the recorded one.
 */
export const step = (
  pass: Pass,
  at: At,
  key: string,
  { name, nested }: Pick<StepDefinition, "name" | "nested">,
  input: StoredJson.StoredJson | null,
  same: boolean,
  maxSteps: number
): Verdict | "joined" | "conflict" | "over limit" => {
  const { ledger } = pass
  if (pass.steps.has(key)) return same ? "joined" : "conflict"
  const record = ledger.steps.get(key)
  if (record === undefined) {
    if (ledger.stepCount >= maxSteps && pass.stop === undefined) return "over limit"
    return nested ? "new" : unrecorded(at, key, `step "${key}"`)
  }
  const { entry } = record
  if (entry.name !== name) {
    return {
      key,
      detail: `entry ${entry.seq} has step "${entry.name}" under the key "${key}", and the code asks for "${name}"`
    }
  }
  return same ? "recorded" : {
    key,
    detail: `entry ${entry.seq} requested step "${key}" with input ${
      StoredJson.show(record.input)
    }, and the code asks with ${StoredJson.show(input)}`
  }
}

export const approval = (
  { approvals, ledger }: Pass,
  at: At,
  key: string,
  { args, prompt }: Pick<ApprovalQuestion, "args" | "prompt">
): Verdict => {
  const entry = ledger.approvals.get(key)?.entry
  if (entry === undefined) return unrecorded(at, key, `approval "${key}"`)
  // Whoever asks what is being asked joins, whatever they ask.
  if (approvals.get(key)?.waiter !== undefined) return "recorded"
  if (!at.same(entry.prompt, prompt)) {
    return { key, detail: `entry ${entry.seq} asked "${entry.prompt}", and the code asks "${prompt}"` }
  }
  return at.same(entry.args, args) ? "recorded" : {
    key,
    detail: `entry ${entry.seq} asked about ${StoredJson.show(entry.args)}, and the code asks about ${
      StoredJson.show(args)
    }`
  }
}

export const child = (
  { children, ledger }: Pass,
  at: At,
  { id, payload, workflow }: Pick<ChildQuestion, "id" | "payload" | "workflow">
): Verdict => {
  const entry = ledger.children.get(id)?.entry
  if (entry === undefined) return unrecorded(at, id, `child run ${id} of workflow "${workflow}"`)
  return children.has(id) || at.same(entry.payload, payload) ? "recorded" : {
    key: id,
    detail: `entry ${entry.seq} started child ${id} with ${
      StoredJson.show(entry.payload)
    }, and the code starts it with ${StoredJson.show(payload)}`
  }
}

/** Something that is done at once, by its key in `EntryRole`. `isSame` tells whether what is recorded is that, where it is not alike. */
export const act = (
  ledger: Ledger,
  at: At,
  key: string,
  what: string,
  body: JournalEntry.EntryBody,
  isSame?: (recorded: Entry) => boolean
): Verdict => {
  const recorded = ledger.acts.get(key)
  if (recorded === undefined) return unrecorded(at, key, what)
  const before = EntryKinds.bodyJson(recorded)
  const after = Handover.plain(body)
  return at.same(before, after) || isSame?.(recorded) === true ? "recorded" : {
    key,
    detail: `entry ${recorded.seq} recorded ${StoredJson.show(before)}, and the code does ${StoredJson.show(after)}`
  }
}

/**
 * Whether the code takes the way of a patch: where the journal says that it
 * has, or, as `new`, where it comes for the first time now. Not where it has
 * gone on without.
 */
export const patch = (ledger: Ledger, at: At, key: string): boolean | "new" => {
  const recorded = ledger.acts.get(key)
  return recorded === undefined ? !at.isBehind(Infinity) && "new" : !at.isBehind(recorded.seq)
}

/** The recorded completion of a deferred by the code itself. */
export const completion = (ledger: Ledger, name: string): JournalEntry.EntryOf<"DeferredCompleted"> | undefined => {
  const entry = ledger.acts.get(EntryRole.acts.deferred(name))
  return entry?._tag === "DeferredCompleted" ? entry : undefined
}
