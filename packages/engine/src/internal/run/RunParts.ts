/**
 * The parts of a run in memory, and how they are put together.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { RunRow } from "../../Backend.ts"
import { sameButForId } from "../ForkedText.ts"
import { OutsideWaits } from "../OutsideWaits.ts"
import { RunDigests } from "../RunDigests.ts"
import { RunLimits } from "../RunLimits.ts"
import { type AnyFiber, RunScheduler, type Task } from "../RunScheduler.ts"
import * as RunSpans from "../RunSpans.ts"
import { Acts } from "./Acts.ts"
import { Bodies } from "./Bodies.ts"
import { ChildRequests } from "./ChildRequests.ts"
import * as EndMessages from "./EndMessages.ts"
import { EventRequests } from "./EventRequests.ts"
import { heldBy } from "./Held.ts"
import { Inbox, type Orders } from "./Inbox.ts"
import * as Ledger from "./Ledger.ts"
import { MainFiber } from "./MainFiber.ts"
import * as Pass from "./Pass.ts"
import { Port } from "./Port.ts"
import { QuestionRequests } from "./QuestionRequests.ts"
import { Replayer } from "./Replayer.ts"
import { type Loop, RunCore } from "./RunCore.ts"
import type { ExecutorHost, Registration } from "./RunHost.ts"
import { StepCourse } from "./StepCourse.ts"
import { StepRequests } from "./StepRequests.ts"
import { Waits } from "./Waits.ts"
import { Writing } from "./Writing.ts"

export interface RunParts {
  readonly run: RunCore
  readonly acts: Acts
  readonly waits: Waits
  readonly questions: QuestionRequests
  readonly events: EventRequests
  readonly children: ChildRequests
  readonly course: StepCourse
  readonly steps: StepRequests
  readonly bodies: Bodies
  readonly inbox: Inbox
  readonly main: MainFiber
  readonly writing: Writing
  readonly limits: RunLimits
  /** What the body waits for that the platform makes. */
  readonly digests: RunDigests
  /** What step bodies wait for outside of the run. */
  readonly outsideWaits: OutsideWaits
  readonly scheduler: RunScheduler
  /** The run as its bodies know it. */
  readonly port: Port
}

/** What the parts ask of the one who puts them together. */
export interface Whole extends Loop, Orders {
  /** Another process owns the run now. */
  readonly deposed: () => void
  /** Where a fiber of the body goes on that something has resumed outside of the turn. */
  readonly outside: (fiber: AnyFiber) => (task: Task) => void
}

export const make = (
  host: ExecutorHost,
  registration: Registration,
  row: RunRow,
  payload: object,
  history: ReadonlyArray<JournalEntry.JournalEntry>,
  whole: Whole
): RunParts => {
  const first = history[0]!
  const by = first._tag === "RunRequested" ? first.by ?? first.trigger?.by : undefined
  const ledger = Ledger.load(history)
  const pass = Pass.make(ledger)
  pass.held = heldBy(row, ledger.parkedFailure)
  const replayer = new Replayer(
    pass,
    history,
    ledger.ancestors.size > 0 ? sameButForId(row.id, ledger.ancestors) : undefined
  )
  const run = new RunCore(host, registration, row, first, pass, replayer, history.length, whole)
  const wake = () => whole.wake()
  const acts = new Acts(run)
  const waits = new Waits(run)
  const questions = new QuestionRequests(run, by)
  const events = new EventRequests(run)
  const children = new ChildRequests(run, acts)
  const course = new StepCourse(run)
  const steps = new StepRequests(run, course)
  const main = new MainFiber(run, payload, acts)
  const digests = new RunDigests(host.schedule, wake)
  const outsideWaits = new OutsideWaits(host.fork)
  const asked = { by, caller: RunSpans.handedOn(row.id, first) }
  const port = new Port(run, main, digests, outsideWaits, { steps, waits, questions, events, children, acts }, asked)
  const bodies = new Bodies(run, port)
  const inbox = new Inbox(run, course, events, questions.ownAnswers, whole)
  const writing = new Writing(
    run,
    {
      taken: (ids) => inbox.taken(ids),
      stillHeld: () => children.stillHeld(),
      deposed: () => whole.deposed()
    },
    SpentByDay.of(history),
    EndMessages.of(row.id, first)
  )
  const limits = new RunLimits(registration.limits, host, run.alarms, ledger.activeMs)
  const scheduler = new RunScheduler(host.turns.pace, wake, (fiber) => whole.outside(fiber))
  return {
    run,
    acts,
    waits,
    questions,
    events,
    children,
    course,
    steps,
    bodies,
    inbox,
    main,
    writing,
    limits,
    digests,
    outsideWaits,
    scheduler,
    port
  }
}
