/** What a simulation lives through. */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { RunView } from "@fermata/core/RunView"
import type { Amount } from "@fermata/core/Spent"
import type { Wait } from "@fermata/core/Wait"
import type * as Answers from "@fermata/engine/Answers"
import type { Backend } from "@fermata/engine/Backend"
import type { EngineOptions } from "@fermata/engine/EngineOptions"
import type { Kind, Message } from "@fermata/engine/InboxMessage"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as CrashHost from "../CrashHost.ts"
import type { Violation } from "./Violation.ts"

/** What somebody outside writes into the inbox of a run that waits; or what an operator lets all runs of its workflow spend more on the day. */
export type Word =
  | { readonly [K in Kind]: { readonly kind: K; readonly message: Message<K> } }[Kind]
  | { readonly kind: "raise-day"; readonly message: Amount & { readonly by: string } }

/** A run as its journal tells it. */
export interface Lived {
  readonly id: string
  readonly workflow: string
  readonly entries: ReadonlyArray<JournalEntry>
  readonly view: RunView
}

/** What the steps of a life touch outside, and what is true of it. */
export interface Outside {
  /** A life begins: what was before is none of it. */
  readonly begins: () => void
  /** A life is over: what of the world outside does not fit the journals. */
  readonly problems: (runs: ReadonlyArray<Lived>) => ReadonlyArray<Violation>
}

/** Draws among so many ways in which a life may go on. */
export type Draw = (ways: number) => number

/** What one of the people who are asked says to a question, as it stands in the store, or to whom they hand it on; undefined for nothing. */
export type Person = (
  asked: Answers.Standing,
  draw: Draw
) => Omit<Answers.Said, "id"> | Omit<Answers.Handing, "id"> | undefined

export interface Subject {
  /** What each process serves. */
  readonly workflows: Layer.Layer<never, unknown, CrashHost.Services>
  /** Starts the runs. Asked for again when the process that was asked has died, so it must join what is there. */
  readonly start: Effect.Effect<unknown, unknown, unknown>
  /** What people outside say to a wait, or nothing. `turn` grows with the journal of the run. */
  readonly answer: (wait: Wait, turn: number) => Word | undefined
  /**
   * There when answers of people are what is examined: they speak at once, as a
   * deadline passes, and while the run is cancelled.
   */
  readonly person: Person | undefined
  readonly outside: Outside | undefined
  /** The payloads of signals that people may also send before a run waits for them, twice, and as its end is written. */
  readonly signals: Readonly<Record<string, unknown>>
  /** `normal`: a loss of power takes the last writes with it. */
  readonly durability: "full" | "normal"
  readonly engine: Partial<EngineOptions>
  /** Stands between the processes and the store, to show that a faulty one is found. */
  readonly double: ((backend: Backend) => Backend) | undefined
  /** Changes what is inside the engine of each process, to show that a faulty one is found. */
  readonly tamper: ((services: Context.Context<CrashHost.Services>) => void) | undefined
}
