/**
 * What a body, a step or a clock may call of the run that it belongs to.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { StoredJson } from "@fermata/core/StoredJson"
import type { Giver } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { OutboxRow, RunRow } from "../../Backend.ts"
import type { Signal } from "../../SignalDeclaration.ts"
import type * as Handover from "../Handover.ts"
import type * as Leaving from "../Leaving.ts"
import type {
  ApprovalQuestion,
  ApprovalResult,
  ChildQuestion,
  EventAnswer,
  EventQuestion,
  StepDefinition,
  StepOutcome
} from "./Ask.ts"

/** A revision of a document of the run. */
export interface Document {
  readonly revision: number
  readonly value: StoredJson
}

export interface RunPort {
  readonly row: RunRow
  /** The run as errors name it. */
  readonly giver: Giver
  /** The person who asked for the run, if that is known. */
  readonly by: string | undefined
  /** Its journal has not been delivered yet. */
  readonly replaying: boolean
  /** The workflow has been told to stop. */
  readonly stopping: boolean
  /** Let go of: nothing of it happens here any more. */
  readonly stopped: boolean
  /** A body that was told to stop has come to its end, and the finalizers of the run go on. */
  readonly finalizing: boolean
  /** Whether the store takes the body of a step into its own transaction. */
  readonly canCommitTogether: boolean

  readonly isRecorded: (name: string, key: string | undefined, input: Handover.Input) => boolean
  readonly askStep: (definition: StepDefinition) => Effect.Effect<StepOutcome>
  readonly unreadable: (key: string, problem: string, what?: string) => Effect.Effect<void>
  readonly askPatch: (id: string) => Effect.Effect<boolean>
  readonly askSignal: (name: string) => Effect.Effect<JournalEntry.EntryOf<"SignalReceived">>
  /** Its runs receive this signal. */
  readonly declare: (signal: Signal<Schema.Top>) => void
  readonly askEvent: (question: EventQuestion) => Effect.Effect<EventAnswer>
  readonly askApproval: (question: ApprovalQuestion) => Effect.Effect<ApprovalResult>
  readonly askDeferred: (name: string, park: boolean) => Effect.Effect<JournalEntry.ExitJson | undefined>
  readonly completeDeferred: (name: string, exit: JournalEntry.ExitJson) => void
  readonly startClock: (name: string, millis: number) => Error | undefined
  readonly askChild: (child: ChildQuestion, wait: boolean) => Effect.Effect<JournalEntry.ExitJson | undefined>
  readonly leaveChild: (id: string) => void

  readonly act: (
    key: string,
    what: string,
    body: JournalEntry.EntryBody,
    outbox?: OutboxRow,
    isSame?: (recorded: JournalEntry.JournalEntry) => boolean
  ) => void
  readonly send: (row: OutboxRow) => void
  readonly note: (kind: string, text: string, data: StoredJson | null | undefined, inStep: boolean) => void
  /** The number of the next event that the body emits. */
  readonly nextEmit: () => number
  /** The key of the next request under this counter: the name itself, then `name~2`, `name~3`. */
  readonly number: (counter: string, name: string) => string
  readonly document: (name: string) => Document | undefined
  readonly keepDocument: (name: string, document: Document) => void

  /** Hands a digest over in its turn. */
  readonly awaitDigest: (answer: Promise<unknown>) => void
  readonly inStep: <A>(key: string, wait: Wait, effect: Effect.Effect<A>) => Effect.Effect<A>
  /** Waits for what happens outside of the run, as long as that is in memory. */
  readonly awaitOutside: <A, E>(happens: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly hasLeft: (step: string) => boolean
  readonly leaver: Leaving.Leaver
}

/** Where the current fiber stands: in the body of a run, or in the body of one of its steps. */
export interface Place {
  readonly run: RunPort
  readonly step: string | undefined
  /** The step with its attempt when it is not the first: what nested keys begin with. */
  readonly inside?: string
  /** What the names of steps begin with that a part of the workflow asks for, such as `each[3]/`. */
  readonly within?: string
  /** The body was let go at its timeout: whatever it still asks the run for is refused. */
  letGo?: boolean
}
export const CurrentRun: Context.Reference<Place | undefined> = Context.Reference<Place | undefined>(
  "@fermata/engine/CurrentRun",
  { defaultValue: () => undefined }
)
