/** What an operator tells a run: a message in its inbox, which its owner carries out. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Receipt, Settlement } from "@fermata/core/Receipt"
import {
  NotInDoubt,
  OutputRefused,
  RaiseRefused,
  RunNotFound,
  SignalReserved,
  StepNotOpen
} from "@fermata/core/RunsErrors"
import { budgetSignal } from "@fermata/core/RunSpending"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as StoredJson from "@fermata/core/StoredJson"
import { isOfRun } from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Answers, InboxOp, RunRow } from "../Backend.ts"
import type { Kind, Message } from "../InboxMessage.ts"
import type { Store } from "../Store.ts"
import * as Acting from "./Acting.ts"
import * as DryReplay from "./DryReplay.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Handover from "./Handover.ts"
import type { ActError, RunLookup } from "./RunLookup.ts"
import * as RunSignals from "./RunSignals.ts"
import { waitsOf } from "./RunStand.ts"
import { isReserved, signalId } from "./SignalId.ts"

/** By how much a budget is raised, who says so, and why. */
export interface Raise extends Spent.Amount {
  readonly by: string
  /** For people. */
  readonly note?: string
  readonly id?: string
}

export const make = (runtime: EngineRuntime, store: Store["Service"], { open, rowOf, show }: RunLookup) => {
  /** What of the message came from outside is stored text in it. */
  const send = Effect.fnUntraced(function*<K extends Order>(
    row: RunRow,
    kind: K,
    message: Message<K>,
    { action = `run.${kind}`, detail, id, unless }: About & {
      readonly id?: string | undefined
      readonly unless?: InboxOp["unless"]
    } = {}
  ) {
    const { text } = StoredJson.compose(message)
    const act = yield* Acting.of<Answers["inbox"]>(
      runtime.host.now,
      { action, target: row.id, by: message.by, ...(detail === undefined ? {} : { detail }) },
      ({ result }) => receipt(row, result)
    )
    const { result } = yield* runtime.messages.send({
      row: { run: row.id, id: id ?? runtime.messages.newId(kind), kind, payload: text, at: runtime.host.now() },
      ...(unless === undefined ? {} : { unless }),
      ...(act === undefined ? {} : { act })
    })
    return yield* acknowledged(row, result)
  })

  const acknowledged = (
    row: RunRow,
    result: "accepted" | "duplicate" | "closed" | "unknown"
  ): Effect.Effect<Receipt, ActError> =>
    result === "accepted" || result === "duplicate"
      ? Effect.succeed(receipt(row, result))
      : Effect.andThen(open(row.id), new RunNotFound({ run: row.id, closest: [] }))

  const confirm = Effect.fn("Runs.confirm")(function*(run: string, { by }: { readonly by: string }) {
    const row = yield* open(run)
    if (row.restored === undefined) return yield* new NotInDoubt({ runId: row.id })
    return yield* send(row, "confirm", { by, ...known(row) })
  })

  const settleable = Effect.fnUntraced(function*(row: RunRow) {
    if (row.status === "suspended") {
      return waitsOf(row)
        .filter((wait) => wait.reason === "outcome-unknown" || (wait.reason === "recovery" && !isOfRun(wait)))
        .map((wait) => wait.key)
    }
    // While other steps keep the run going, those wait that an owner before this one left behind.
    const last = new Map<string, AboutStep>()
    for (const entry of yield* store.journal(row.id)) {
      if (isAboutStep(entry)) last.set(entry.key, entry)
    }
    return Array.from(last.values())
      .filter((entry) =>
        entry._tag === "ProbeFailed" || entry._tag === "StepDoubted" ||
        (entry._tag === "StepRequested" && entry.epoch < row.epoch)
      )
      .map((entry) => entry.key)
  })

  const settle = Effect.fn("Runs.settle")(
    function*(run: string, key: string, options: { readonly by: string; readonly action: Settlement }) {
      const row = yield* open(run)
      const keys = yield* settleable(row)
      if (keys.includes(key)) {
        const detail = { step: key, as: options.action._tag }
        if (options.action._tag !== "complete") {
          return yield* send(row, "settle", { key, ...options, ...known(row) }, { detail })
        }
        const output = StoredJson.of(options.action.output ?? null)
        const problem = Result.isFailure(output)
          ? `it cannot be stored: ${output.failure.reason}`
          : (yield* DryReplay.stepOf(runtime, store, row, key))?.problemOf(output.success.read())
        if (problem !== undefined) return yield* new OutputRefused({ runId: row.id, key, problem })
        // As it was checked, whatever becomes of the operator's own object.
        return yield* send(row, "settle", {
          key,
          by: options.by,
          action: { _tag: "complete", output: Result.getOrThrow(output).read() },
          ...known(row)
        }, { detail })
      }
      const status = RunView.step(yield* show(row.id), key)?.status
      return yield* new StepNotOpen({ runId: row.id, key, open: keys, ...(status === undefined ? {} : { status }) })
    }
  )

  const once = Effect.fnUntraced(function*(row: RunRow, id: string, message: Message<"signal">, what: About) {
    const holds = signalOf(id)
    for (let from = 0; from < row.length; from += pageSize) {
      const rows = yield* store.backend.entries(row.id, from, Math.min(pageSize, row.length - from))
      if (rows.some(holds)) return receipt(row, "duplicate")
    }
    return yield* send(row, "signal", message, { ...what, id, unless: { from: row.length, holds } })
  })

  /** Sends a signal, unless the journal has one of this id: that of the run as it is here, or as it has become since. */
  const signalOnce = (row: RunRow, id: string | undefined, message: Message<"signal">, what: About) =>
    id === undefined ? send(row, "signal", message, what) : once(row, id, message, what)

  const signal = Effect.fn("Runs.signal")(function*(
    run: string,
    name: string,
    payload: unknown,
    { by, id: given }: { readonly id?: string; readonly by?: string } = {}
  ) {
    const row = yield* open(run)
    if (isReserved(name)) return yield* new SignalReserved({ runId: row.id, signal: name })
    yield* RunSignals.check(runtime, row, name, payload ?? null)
    const id = given === undefined ? undefined : signalId(given)
    const stored = yield* Handover.given(`payload of signal "${name}"`, payload ?? null, Handover.giver(row))
    const message = { name, payload: stored, ...(by === undefined ? {} : { by }) }
    return yield* signalOnce(row, id, message, { detail: { signal: name } })
  })

  const raise = Effect.fn("Runs.raise")(function*(run: string, { by, id: given, note, ...amount }: Raise) {
    const row = yield* open(run)
    const problem = Spent.problemOf(amount) ??
      (Spent.isZero(amount) ? "say by how much: by money, by tokens, or by both" : undefined)
    if (problem !== undefined) return yield* new RaiseRefused({ runId: row.id, problem })
    const id = given === undefined ? undefined : signalId(given)
    const raised = Spent.sum(Spent.zero, amount)
    const payload = StoredJson.compose({ ...raised, ...(note === undefined ? {} : { note }) })
    return yield* signalOnce(row, id, { name: budgetSignal, payload, by }, {
      action: "run.raise",
      detail: { ...raised }
    })
  })

  const sample = Effect.fn("Runs.sample")(function*(run: string, wait: Wait) {
    const row = yield* rowOf(run)
    const found = wait.reason === "signal"
      ? (yield* RunSignals.known(runtime, row)).find(({ name }) => name === wait.key)?.sample
      : (yield* DryReplay.stepOf(runtime, store, row, wait.key))?.sample()
    return Option.fromUndefinedOr(found)
  })

  return { send, confirm, settle, signal, raise, sample }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type AboutStep = JournalEntry.EntryOf<"StepRequested" | "StepDoubted" | "StepCompleted" | "StepFailed" | "ProbeFailed">

const isAboutStep = (entry: JournalEntry.JournalEntry): entry is AboutStep =>
  entry._tag === "StepRequested" || entry._tag === "StepDoubted" || entry._tag === "StepCompleted" ||
  entry._tag === "StepFailed" ||
  entry._tag === "ProbeFailed"

/** What the audit says of it beside who told whom. */
type About = Pick<Partial<Acting.What>, "action" | "detail">

/** What an operator may tell a run. */
type Order = Extract<Kind, "cancel" | "pause" | "resume" | "confirm" | "settle" | "signal">

/** The restore that whoever looks at the run knows of. */
const known = ({ restored }: RunRow) => restored === undefined ? {} : { knows: [restored.id] }

const receipt = <R extends string>({ id }: RunRow, result: R) => ({ runId: id, result })

const pageSize = 5_000

/** Whether an entry is the signal of this id; its text is looked at before it is decoded. */
const signalOf = (id: string) => {
  const quoted = StoredJson.quote(id)
  return (text: string): boolean => text.includes(quoted) && isSignal(text, id)
}

const isSignal = (text: string, id: string): boolean => {
  const entry: unknown = JSON.parse(text)
  return typeof entry === "object" && entry !== null && "_tag" in entry && entry._tag === "SignalReceived" &&
    "id" in entry &&
    entry.id === id
}
