/**
 * What a body, a step or a clock may call of the run that it belongs to.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Amount } from "@fermata/core/Spent"
import type { StoredJson } from "@fermata/core/StoredJson"
import type { Giver } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { OutboxRow, RunRow } from "../../Backend.ts"
import type * as Handover from "../Handover.ts"
import type * as Leaving from "../Leaving.ts"
import type { Confidant } from "../secrets/Scrub.ts"
import type { Signal } from "../SignalDeclaration.ts"
import type {
  ApprovalQuestion,
  ApprovalResult,
  ChildQuestion,
  Decision,
  EventAnswer,
  EventQuestion,
  StepDefinition,
  StepOutcome
} from "./Ask.ts"
import type { Budget, Spending } from "./Purse.ts"

/** A revision of a document of the run. */
export interface Document {
  readonly revision: number
  readonly value: StoredJson
}

/** Steps of a run. */
export interface StepPort {
  /**
   * Whether the journal is known, before the step is asked for, to hold the
   * request with this input. Then its text is not made again. Where this is
   * false, the input is handed over first, and one that is refused takes no number.
   */
  readonly isRecorded: (name: string, key: string | undefined, input: Handover.Input) => boolean
  readonly ask: (definition: StepDefinition) => Effect.Effect<StepOutcome>
  /** A recorded outcome that the code cannot read any more. Live it is a defect of the code, which this leaves to the asker. */
  readonly unreadable: (key: string, problem: string, what?: string) => Effect.Effect<void>
  /** A wait inside the body of a step: while it lasts, the step does not keep the run awake. */
  readonly inStep: <A>(key: string, wait: Wait, effect: Effect.Effect<A>) => Effect.Effect<A>
  /** Whether the run is told to stop, and waits for this step no more. */
  readonly hasLeft: (key: string) => boolean
}

/** What people are told of a budget that is short. */
export interface ShortBudget {
  readonly detail: string
  /** When they need not do anything any more, ms since the epoch. */
  readonly until: number | undefined
  /** The UTC day, from the epoch, whose budget it is; undefined for that of the run. */
  readonly day: number | undefined
}

/** What a run waits for, other than steps, people, events and children. */
export interface WaitPort {
  readonly signal: (name: string) => Effect.Effect<JournalEntry.EntryOf<"SignalReceived">>
  /** The next one that the run was told of and nobody has taken, without waiting. */
  readonly poll: (name: string) => Effect.Effect<JournalEntry.EntryOf<"SignalReceived"> | undefined>
  /** Waits until a budget is raised; what is said of it is for people. */
  readonly budget: (limit: Amount, said: ShortBudget) => Effect.Effect<void>
  /** The next one; nothing where nobody has sent one, and then the body is to end. */
  readonly nextOrEnd: (name: string) => Effect.Effect<JournalEntry.EntryOf<"SignalReceived"> | undefined>
  /** Its runs receive this signal. */
  readonly declare: (signal: Signal<Schema.Top>) => void
  /** The exit of a deferred: at once when it is there, else, when `park`, once it is delivered. */
  readonly deferred: (name: string, park: boolean) => Effect.Effect<JournalEntry.ExitJson | undefined>
  /** The workflow completes one of its own deferreds. */
  readonly complete: (name: string, exit: JournalEntry.ExitJson) => void
  /** A deferred of the run that a durable timer completes, after this many ms. Answers what is wrong, if something is. */
  readonly startClock: (name: string, millis: number) => Error | undefined
}

/** Questions to people. */
export interface QuestionPort {
  readonly ask: (question: ApprovalQuestion) => Effect.Effect<ApprovalResult>
}

/** Events that a run waits for. */
export interface EventPort {
  readonly ask: (question: EventQuestion) => Effect.Effect<EventAnswer>
}

/** Runs that a run asks for. */
export interface ChildPort {
  /** Starts a child, or joins it; with `wait`, answers with its exit. */
  readonly ask: (child: ChildQuestion, wait: boolean) => Effect.Effect<JournalEntry.ExitJson | undefined>
  /** The run is told to stop, and no longer waits for this child. It is left to those who still want it. */
  readonly leave: (id: string) => void
  /** The run that the code means by this id: in a retry, the one that goes on for it. */
  readonly runOf: (id: string) => string
}

/** What a run does at once. */
export interface ActPort {
  /** Records what the workflow did: a state change, an emitted event; and sends what goes with it. `isSame` tells whether what is recorded is that. */
  readonly record: (
    key: string,
    what: string,
    body: JournalEntry.EntryBody,
    outbox?: ReadonlyArray<OutboxRow>,
    isSame?: (recorded: JournalEntry.JournalEntry) => boolean
  ) => void
  /** Sends a row to another run's inbox with the next commit. Repeated on replay, so its id must be the same then. */
  readonly send: (row: OutboxRow) => void
  /**
   * A note of the code, for people. Nothing comes of it. The body makes it again
   * at every replay, where it is passed over if the journal has it, or goes on
   * behind this place without it; a step makes it as often as it is tried.
   */
  readonly note: (kind: string, text: string, data: StoredJson | null | undefined, inStep: boolean) => void
  /** Whether the run takes the way of a patch. */
  readonly patch: (id: string) => Effect.Effect<boolean>
  /** What the code has decided under the next key of this name; where the journal does not say, `make` is asked. Where it has gone on without, the code has parted from it, unless the decision was `added` to the code. */
  readonly decide: (
    name: string,
    make: (key: string) => Exit.Exit<Handover.Handed>,
    added: boolean
  ) => Effect.Effect<Decision>
  /** The number of the next event that the body emits. */
  readonly nextEmit: () => number
  /** The key of the next request under this counter: the name itself, then `name~2`, `name~3`. */
  readonly number: (counter: string, name: string) => string
  /** What the run has spent by what its code was told. */
  readonly spending: () => Spending
  /** What it may spend, by what its code was told. */
  readonly budget: () => Budget
  /** How many raises the code knows of. */
  readonly raises: () => number
  readonly document: (name: string) => Document | undefined
  readonly keepDocument: (name: string, document: Document) => void
}

export interface RunPort {
  readonly row: RunRow
  /** The run as errors name it. */
  readonly giver: Giver
  /** The person who asked for the run, if that is known. */
  readonly by: string | undefined
  /** The `traceparent` that runs are asked for with in its body; see `RunSpans.handedOn`. */
  readonly caller: string | undefined
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
  /** As it leaves the runs that it has asked for. */
  readonly leaver: Leaving.Leaver
  readonly steps: StepPort
  readonly waits: WaitPort
  readonly questions: QuestionPort
  readonly events: EventPort
  readonly children: ChildPort
  readonly acts: ActPort
  /** Hands a digest over in its turn. */
  readonly awaitDigest: (answer: Promise<unknown>) => void
  /** Waits for what happens outside of the run, as long as that is in memory. */
  readonly awaitOutside: <A, E>(happens: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** Where the current fiber stands: in the body of a run, or in the body of one of its steps. */
export interface Place {
  readonly run: RunPort
  readonly step: string | undefined
  /** The step with its attempt when it is not the first: what nested keys begin with. */
  readonly inside?: string
  /** What the names of steps begin with that a part of the workflow asks for, such as `each[3]/`. */
  readonly within?: string
  /** Who is told secrets: the attempt of a step. Absent in the body of a workflow. */
  readonly confidant?: Confidant
  /** The body was let go at its timeout: whatever it still asks the run for is refused. */
  letGo?: boolean
}
export const CurrentRun: Context.Reference<Place | undefined> = Context.Reference<Place | undefined>(
  "@fermata/engine/CurrentRun",
  { defaultValue: () => undefined }
)
