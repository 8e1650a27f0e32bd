/**
 * What may happen to a run that is in memory, as data: each happening is
 * journaled and delivered when the workflow has done all that it can.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Amount } from "@fermata/core/Spent"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type { Outcome } from "../../Answers.ts"
import type { InboxRow } from "../../Backend.ts"
import type { EventRow, EventWait } from "../../EventLog.ts"
import type { Scrub } from "../secrets/Scrub.ts"
import type { EventAnswer, EventQuestion } from "./Ask.ts"
import type { Kept } from "./Kept.ts"

/** An order to stop the run. */
export interface StopItem {
  readonly _tag: "Stop"
  readonly id: string
  readonly kind: "cancel" | "limit" | "parent" | "foreign" | "orphan"
  readonly by: string
  readonly reason: string
  /** The inbox row that ordered it: taken when the stop is journaled, not before. */
  readonly row?: InboxRow
}

/** What an attempt has spent, as a field of the entry that ends it. */
export interface Cost {
  readonly spent?: Amount
}

export type ReadyItem =
  | {
    readonly _tag: "Outcome"
    readonly key: string
    readonly exit: JournalEntry.ExitJson
    readonly delay: number | undefined
    readonly cost: Cost
    readonly kept: Kept | undefined
  }
  | {
    readonly _tag: "Probed"
    readonly key: string
    readonly exit: Exit.Exit<Option.Option<unknown>, unknown>
    readonly scrub?: Scrub | undefined
    readonly kept?: Kept | undefined
  }
  | { readonly _tag: "LetGo"; readonly key: string; readonly millis: number }
  | { readonly _tag: "Late"; readonly text: string }
  | { readonly _tag: "Timer"; readonly timer: number }
  | { readonly _tag: "Backoff"; readonly key: string }
  | { readonly _tag: "Deadline"; readonly key: string }
  /** What the store says to a time of a question that has come. */
  | { readonly _tag: "Expired"; readonly key: string; readonly outcome: Outcome }
  /** The store knows that the code does not take the edit in this row. */
  | { readonly _tag: "EditRefused"; readonly row: InboxRow }
  | { readonly _tag: "Inbox"; readonly row: InboxRow }
  | { readonly _tag: "Looked"; readonly look: Look }
  | StopItem
  | { readonly _tag: "GraceOver" }
  | { readonly _tag: "Still" }
  | { readonly _tag: "ActiveLimit" }
  | { readonly _tag: "Foreign" }

/** Whether it may stop the run: what does so does not wait until the body has nothing left to do. */
export const isOrderToStop = (item: ReadyItem): boolean =>
  item._tag === "Stop" || item._tag === "GraceOver" || item._tag === "ActiveLimit" || item._tag === "Foreign" ||
  (item._tag === "Inbox" && item.row.kind === "cancel")

/** A wait that has not ended. */
export interface Waiting {
  readonly question: EventQuestion
  readonly row: EventWait
  readonly resume: (answer: EventAnswer) => void
  /** Up to where it has looked. */
  seen: string | undefined
  /** The store has its row; before its first look, an earlier owner may have made one. */
  hasRow: boolean
  /** It has looked at events of which that row does not know. */
  moved: boolean
  /** An event behind the last that was taken did not fit, or may not have. */
  passed: boolean
  looking: boolean
  /** It looks now, or once what is to be written is in the store. */
  wanted: "no" | "now" | "after commit"
  told: boolean
}

/** What a look came to. */
export interface Look {
  readonly wait: Waiting
  readonly found: EventRow | undefined
  readonly upTo: string
  readonly passed: boolean
  readonly moved: boolean
  readonly isKnown: boolean
  readonly missed: boolean
}
