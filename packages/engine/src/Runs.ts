/**
 * The operator's verbs: find, look at, follow, and act on runs, answer their
 * questions, and start new ones.
 *
 * Wherever a verb takes a run, it takes its id or the first characters of it.
 * A verb that acts succeeds when what it asks for is recorded; the owner of the
 * run carries it out.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Census, Owner } from "@fermata/core/Owner"
import type { Answer, ApprovalFilter, OpenApproval } from "@fermata/core/Question"
import type { Receipt, Settlement } from "@fermata/core/Receipt"
import * as RunDiff from "@fermata/core/RunDiff"
import {
  AnsweredAlready,
  AnswerRefused,
  ApprovalAmbiguous,
  ApprovalNotOpen,
  ArgumentsEdited,
  type ForkRefused,
  NotAllowed,
  OutputRefused,
  type PayloadRefused,
  RunAmbiguous,
  RunClosed,
  RunNotFound,
  shortestPrefix,
  type SignalUnfit,
  type SignalUnknown,
  type StartRefused,
  StepNotOpen,
  type StepNotRequested,
  type WorkflowNotFound
} from "@fermata/core/RunsErrors"
import type { Forked, ForkOptions, Started, StartOptions } from "@fermata/core/RunStart"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import type { ListFilter, RunSummary } from "@fermata/core/RunSummary"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import { isOfRun } from "@fermata/core/Suspension"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { ValueRefused } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Taking from "./Answers.ts"
import type { OwnerRow, RunRow, StorageFailed } from "./Backend.ts"
import { Engine } from "./Engine.ts"
import { HostClock } from "./HostClock.ts"
import type { Kind, Message } from "./InboxMessage.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as DryReplay from "./internal/DryReplay.ts"
import * as Handover from "./internal/Handover.ts"
import * as RunForks from "./internal/RunForks.ts"
import * as RunSignals from "./internal/RunSignals.ts"
import * as RunStarts from "./internal/RunStarts.ts"
import * as RunWatch from "./internal/RunWatch.ts"
import { signalId } from "./internal/SignalId.ts"
import { checkKey } from "./StartRequest.ts"
import { Store } from "./Store.ts"

/** What became known of a run: its entries since the last time, and the whole as it stands. */
export type Followed = RunWatch.Followed

/** No such run, or none that can be told from others. */
export type FindError = RunNotFound | RunAmbiguous | StorageFailed
/** There is no such run, or it has ended. */
export type ActError = FindError | RunClosed
/** There is no such workflow, it does not take this payload, or nobody may start it so. */
export type StartError = WorkflowNotFound | PayloadRefused | StartRefused | StorageFailed

/** The verbs of an operator: find, list, look, follow, start, signal, answer, cancel, pause, resume, settle, fork and compare. */
export class Runs extends Context.Service<Runs, {
  /** The run of this id, or the one whose id begins with this (at least 4 characters). */
  readonly find: (run: string) => Effect.Effect<RunSummary, FindError>
  /** Runs, the last started first. */
  readonly list: (filter?: ListFilter) => Effect.Effect<ReadonlyArray<RunSummary>, FindError>
  /** The run as its journal and the store tell it. Of a corrupt journal, what comes before the damage. */
  readonly show: (run: string) => Effect.Effect<RunView.RunView, FindError | EntryCorrupt>
  /** The entries of a run from `from` on. */
  readonly journal: (
    run: string,
    from?: number
  ) => Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, FindError | EntryCorrupt>
  /**
   * Everything so far and then what happens, until the run is over; with
   * `untilSuspended`, also until only a person, a signal or an operator makes
   * it go on (through its children too) and nobody has acted yet. Where time does
   * so as well, it is waited for, unless it is further away than `farMs` (ms;
   * infinity by default).
   */
  readonly follow: (
    run: string,
    options?: { readonly untilSuspended?: boolean; readonly farMs?: number }
  ) => Stream.Stream<Followed, FindError | EntryCorrupt>

  /** Asks the run to stop: its fibers are interrupted, its compensations run, and the children that it started and nobody else wants are stopped too. */
  readonly cancel: (
    run: string,
    options: { readonly by: string; readonly reason: string }
  ) => Effect.Effect<Receipt, ActError>
  /** Lets no further step start until `resume`. */
  readonly pause: (run: string, options: { readonly by: string }) => Effect.Effect<Receipt, ActError>
  /** Ends a pause, repeats what the run suspended on, or has a run taken up again that diverged, is corrupt, or was stopped by recovery. */
  readonly resume: (run: string, options: { readonly by: string }) => Effect.Effect<Receipt, ActError>
  /**
   * Decides what became of a step whose outcome is unknown, or at which
   * recovery stopped the run. An output is checked here where this process serves the workflow;
   * elsewhere the owner of the run passes over one that does not fit, with a note.
   */
  readonly settle: (
    run: string,
    key: string,
    options: { readonly by: string; readonly action: Settlement }
  ) => Effect.Effect<Receipt, ActError | StepNotOpen | OutputRefused | EntryCorrupt>
  /**
   * Sends a signal. One that was sent before under this `id` is a duplicate;
   * without an `id` each is a new one. Where the run's workflow declares its
   * signals (`Workflows.Signals`, or in its document), one of another name is
   * refused, and in a process that serves it one that its schema does not take.
   */
  readonly signal: (
    run: string,
    name: string,
    payload: unknown,
    options?: { readonly id?: string; readonly by?: string }
  ) => Effect.Effect<Receipt, ActError | ValueRefused | SignalUnknown | SignalUnfit>
  /**
   * JSON that would end this wait of the run: what a signal may carry, or the
   * output of a step that is to be settled. Nothing where it is not known here.
   */
  readonly sample: (run: string, wait: Wait) => Effect.Effect<Option.Option<unknown>, FindError | EntryCorrupt>

  /** Questions that are open, or answered and not yet gone on from, the oldest first. */
  readonly approvals: (filter?: ApprovalFilter) => Effect.Effect<ReadonlyArray<OpenApproval>, FindError>
  /**
   * Answers a question, named by its id, or by its run when that has one open
   * question only. Success means that the answer counts: it has decided, or
   * the question that is given back says what is still wanted.
   */
  readonly answer: (
    runOrApproval: string,
    answer: Answer
  ) => Effect.Effect<
    OpenApproval,
    | FindError
    | RunClosed
    | ApprovalNotOpen
    | ApprovalAmbiguous
    | AnsweredAlready
    | ArgumentsEdited
    | NotAllowed
    | AnswerRefused
  >

  /** Starts a run of a registered workflow with this payload as JSON, or joins the run that it stands for. */
  readonly start: (workflow: string, payload: unknown, options?: StartOptions) => Effect.Effect<Started, StartError>
  /**
   * Starts a new run that shares the history of this one before its request of
   * a step, and goes on by itself from there. The original, which may stand in
   * any way, is left as it is.
   */
  readonly fork: (
    run: string,
    options: ForkOptions
  ) => Effect.Effect<Forked, FindError | StepNotRequested | ForkRefused | PayloadRefused | EntryCorrupt>
  /** Where two runs part, and what came of their steps. */
  readonly diff: (a: string, b: string) => Effect.Effect<RunDiff.RunDiff, FindError | EntryCorrupt>
  /** Counts of runs and of what is on its way. */
  readonly census: Effect.Effect<Census, StorageFailed>
  /** The processes that work on runs, or did and have not been missed yet. */
  readonly owners: Effect.Effect<ReadonlyArray<Owner>, StorageFailed>
}>()("@fermata/engine/Runs") {
  /** The verbs on the store and engine of this process. */
  static readonly layer: Layer.Layer<Runs, never, Engine | Store | HostClock> = Layer.effect(
    Runs,
    Effect.gen(function*() {
      const store = yield* Store
      const runtime = yield* CurrentRuntime.current
      const engine = yield* Engine
      const hostClock = yield* HostClock
      const { backend } = store

      // Looks up

      const rowOf = Effect.fnUntraced(function*(run: string): Effect.fn.Return<RunRow, FindError> {
        const exact = yield* backend.run(run)
        if (exact !== null) return exact
        if (run.length < shortestPrefix) {
          const some = yield* backend.runIds(run, candidateLimit)
          return yield* some.length === 0
            ? new RunNotFound({ run, closest: [] })
            : new RunAmbiguous({ run, candidates: [] })
        }
        const ids = yield* backend.runIds(run, candidateLimit)
        const row = ids.length === 1 ? yield* backend.run(ids[0]!) : null
        if (row !== null) return row
        if (ids.length > 1) return yield* new RunAmbiguous({ run, candidates: ids })
        return yield* new RunNotFound({ run, closest: yield* closest(run) })
      })

      const closest = Effect.fnUntraced(function*(run: string) {
        for (let length = Math.min(run.length - 1, 32); length > 0; length = Math.floor(length / 2)) {
          const ids = yield* backend.runIds(run.slice(0, length), closestLimit)
          if (ids.length > 0) return ids
        }
        return []
      })

      const open = Effect.fnUntraced(function*(run: string): Effect.fn.Return<RunRow, ActError> {
        const row = yield* rowOf(run)
        const status = row.status as RunStatus
        if (isFinal(status)) return yield* new RunClosed({ runId: row.id, status })
        return row
      })

      const list = Effect.fn("Runs.list")(function*(filter: ListFilter = {}) {
        const rows = yield* backend.runs({
          ...filter,
          limit: filter.limit ?? 50,
          parent: filter.parent === undefined ? undefined : (yield* rowOf(filter.parent)).id,
          root: filter.root === undefined ? undefined : (yield* rowOf(filter.root)).id,
          before: filter.before === undefined ? undefined : (yield* rowOf(filter.before)).id
        })
        return rows.map(summary)
      })

      const show = Effect.fn("Runs.show")(function*(run: string) {
        let row = yield* rowOf(run)
        let view = RunView.empty(row.id)
        // The run may go on between the two looks; a few times, then its journal alone must do.
        for (let looks = 0; looks < 5; looks++) {
          view = RunView.foldAll(view, yield* RunWatch.readable(store, row.id, view.counts.entries))
          row = (yield* backend.run(row.id)) ?? row
          if (row.length === view.counts.entries) break
        }
        return RunWatch.standing(view, row)
      })

      // Acts

      /** What of the message came from outside is stored text in it. */
      const send = Effect.fnUntraced(function*<K extends Kind>(row: RunRow, kind: K, message: Message<K>, id?: string) {
        const { text } = StoredJson.compose(message)
        const { result } = yield* runtime.messages.send({
          row: { run: row.id, id: id ?? runtime.messages.newId(kind), kind, payload: text, at: runtime.host.now() }
        })
        return yield* acknowledged(row, result)
      })

      const acknowledged = (
        row: RunRow,
        result: "accepted" | "duplicate" | "closed" | "unknown"
      ): Effect.Effect<Receipt, ActError> =>
        result === "accepted" || result === "duplicate"
          ? Effect.succeed({ runId: row.id, result })
          : Effect.andThen(open(row.id), new RunNotFound({ run: row.id, closest: [] }))

      const settleable = Effect.fnUntraced(function*(row: RunRow) {
        if (row.status === "suspended") {
          return RunWatch.waitsOf(row)
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
            entry._tag === "ProbeFailed" || (entry._tag === "StepRequested" && entry.epoch < row.epoch)
          )
          .map((entry) => entry.key)
      })

      const settle = Effect.fn("Runs.settle")(
        function*(run: string, key: string, options: { readonly by: string; readonly action: Settlement }) {
          const row = yield* open(run)
          const keys = yield* settleable(row)
          if (keys.includes(key)) {
            if (options.action._tag !== "complete") return yield* send(row, "settle", { key, ...options })
            const output = StoredJson.of(options.action.output ?? null)
            const problem = Result.isFailure(output)
              ? `it cannot be stored: ${output.failure.reason}`
              : (yield* DryReplay.stepOf(runtime, store, row, key))?.problemOf(output.success.read())
            if (problem !== undefined) return yield* new OutputRefused({ runId: row.id, key, problem })
            // As it was checked, whatever becomes of the operator's own object.
            return yield* send(row, "settle", {
              key,
              by: options.by,
              action: { _tag: "complete", output: Result.getOrThrow(output).read() }
            })
          }
          const status = RunView.step(yield* show(row.id), key)?.status
          return yield* new StepNotOpen({ runId: row.id, key, open: keys, ...(status === undefined ? {} : { status }) })
        }
      )

      /** Whether the journal holds the signal; the text is looked at before an entry is decoded. */
      const received = Effect.fnUntraced(function*(row: RunRow, id: string) {
        const text = StoredJson.quote(id)
        for (let from = 0; from < row.length; from += pageSize) {
          const rows = yield* backend.entries(row.id, from, pageSize)
          if (rows.some((entry) => entry.includes(text) && isSignal(entry, id))) return true
        }
        return false
      })

      const signal = Effect.fn("Runs.signal")(function*(
        run: string,
        name: string,
        payload: unknown,
        { by, id: given }: { readonly id?: string; readonly by?: string } = {}
      ) {
        const row = yield* open(run)
        yield* RunSignals.check(runtime, row, name, payload ?? null)
        const id = given === undefined ? undefined : signalId(given)
        const stored = yield* Handover.given(`payload of signal "${name}"`, payload ?? null, Handover.giver(row))
        const message = { name, payload: stored, ...(by === undefined ? {} : { by }) }
        if (id !== undefined && (yield* received(row, id))) return { runId: row.id, result: "duplicate" } as const
        return yield* send(row, "signal", message, id)
      })

      const sample = Effect.fn("Runs.sample")(function*(run: string, wait: Wait) {
        const row = yield* rowOf(run)
        const found = wait.reason === "signal"
          ? (yield* RunSignals.known(runtime, row)).find(({ name }) => name === wait.key)?.sample
          : (yield* DryReplay.stepOf(runtime, store, row, wait.key))?.sample()
        return Option.fromUndefinedOr(found)
      })

      // Questions

      const approvals = Effect.fn("Runs.approvals")(function*(filter: ApprovalFilter = {}) {
        const run = filter.run === undefined ? null : (yield* rowOf(filter.run)).id
        const limit = filter.limit ?? 200
        const narrowed = filter.workflow !== undefined || filter.approver !== undefined
        const found = yield* Taking.standings(runtime.desk, run, narrowed ? narrowedLimit : limit)
        return found
          .map(approvalOf)
          .filter(({ workflow }) => filter.workflow === undefined || workflow === filter.workflow)
          .filter(({ approvers }) =>
            filter.approver === undefined || filter.approver.some((name) => approvers.includes(name))
          )
          .slice(0, limit)
      })

      /** Why a question that is not open any more is not: what decided it, by the journal. */
      const notOpen = Effect.fnUntraced(function*(row: RunRow, key: string | undefined, ids: ReadonlyArray<string>) {
        const view = yield* Effect.orElseSucceed(show(row.id), () => RunView.empty(row.id))
        const asked = key === undefined
          ? view.approvals.length === 1 ? view.approvals[0] : undefined
          : RunView.approval(view, key)
        if (asked?.endedAt !== undefined) {
          const decided = ApprovalRule.decided(ApprovalRule.standing(asked, asked.answers))
          return yield* new AnsweredAlready({
            approval: `${row.id}/${asked.key}`,
            decided,
            at: asked.endedAt,
            now: runtime.host.now()
          })
        }
        yield* open(row.id)
        return yield* new ApprovalNotOpen({ runId: row.id, open: ids, ...(key === undefined ? {} : { key }) })
      })

      const answer = Effect.fn("Runs.answer")(function*(runOrApproval: string, given: Answer) {
        const slash = runOrApproval.indexOf("/")
        const row = yield* rowOf(slash < 0 ? runOrApproval : runOrApproval.slice(0, slash))
        const named = slash < 0 ? undefined : runOrApproval.slice(slash + 1)
        const questions = isFinal(row.status as RunStatus)
          ? []
          : (yield* Taking.standings(runtime.desk, row.id)).map(approvalOf)
        const unanswered = questions.filter(({ status }) => status === "open")
        const ids = unanswered.map(({ id }) => id)
        if (named === undefined && unanswered.length > 1) {
          return yield* new ApprovalAmbiguous({ runId: row.id, open: ids })
        }
        const key = named ?? unanswered[0]?.key ?? (questions.length === 1 ? questions[0]!.key : undefined)
        if (key === undefined || !questions.some((question) => question.key === key)) {
          return yield* notOpen(row, named, ids)
        }

        const { by, choice, decision, edit, hash, note, roles } = given
        const id = `${row.id}/${key}`
        const stored = edit === undefined ? undefined : StoredJson.of(edit)
        if (stored !== undefined && Result.isFailure(stored)) {
          return yield* new AnswerRefused({
            approval: id,
            problem: `its edit cannot be stored: ${stored.failure.reason}`
          })
        }
        const outcome = yield* Taking.take(runtime.desk, row.id, key, {
          id: runtime.messages.newId("answer"),
          decision,
          by,
          identity: [by, ...(roles ?? [])],
          ...(choice === undefined ? {} : { choice }),
          ...(stored === undefined ? {} : { edit: { value: stored.success.read() } }),
          ...(hash === undefined ? {} : { seen: hash }),
          ...(note === undefined ? {} : { note })
        })
        if (outcome._tag === "Closed" || outcome._tag === "Unknown") return yield* notOpen(row, key, ids)
        runtime.rounds.poke()
        if (outcome._tag !== "Refused") return approvalOf(outcome)
        const { problem, question, reason, standing } = outcome
        switch (reason) {
          case "answered":
            return yield* new AnsweredAlready({
              approval: id,
              decided: ApprovalRule.decided(standing),
              at: standing.decision!.at,
              now: runtime.host.now()
            })
          case "approver":
            return yield* new NotAllowed({ approval: id, by, approvers: question.approvers })
          case "superseded": {
            const { args, editedBy, hash } = standing.proposal
            if (editedBy === undefined || hash === undefined) return yield* new AnswerRefused({ approval: id, problem })
            return yield* new ArgumentsEdited({
              approval: id,
              by: editedBy,
              hash: ApprovalRule.short(hash),
              changes: ApprovalRule.difference(question.args, args)
            })
          }
          default:
            return yield* new AnswerRefused({ approval: id, problem })
        }
      })

      return Runs.of({
        find: Effect.fn("Runs.find")(function*(run: string) {
          return summary(yield* rowOf(run))
        }),
        list,
        show,
        journal: Effect.fn("Runs.journal")(function*(run: string, from?: number) {
          return yield* store.journal((yield* rowOf(run)).id, from)
        }),
        follow: (run, options) =>
          Stream.unwrap(
            Effect.map(rowOf(run), (row) =>
              RunWatch.follow(
                runtime,
                store,
                hostClock,
                row,
                options?.untilSuspended === true ? { farMs: options.farMs ?? Number.POSITIVE_INFINITY } : undefined
              ))
          ),
        cancel: Effect.fn("Runs.cancel")(function*(run, { by, reason }) {
          return yield* send(yield* open(run), "cancel", { kind: "cancel", by, reason })
        }),
        pause: Effect.fn("Runs.pause")(function*(run, { by }) {
          return yield* send(yield* open(run), "pause", { by })
        }),
        resume: Effect.fn("Runs.resume")(function*(run, { by }) {
          return yield* send(yield* open(run), "resume", { by })
        }),
        settle,
        signal,
        sample,
        approvals,
        answer,
        start: Effect.fn("Runs.start")(function*(workflow: string, payload: unknown, options: StartOptions = {}) {
          yield* checkKey(workflow, options.key)
          const definition = yield* RunStarts.definitionOf(backend, workflow, options.version)
          const request = definition.kind === "program"
            ? yield* RunStarts.programRequest(runtime, definition, payload, options)
            : yield* RunStarts.documentRequest(runtime, definition, payload, options)
          return yield* engine.start(request)
        }),
        fork: Effect.fn("Runs.fork")(function*(run: string, options: ForkOptions) {
          return yield* RunForks.fork(runtime, store, yield* rowOf(run), options)
        }),
        diff: Effect.fn("Runs.diff")(function*(a: string, b: string) {
          const [left, right] = yield* Effect.forEach(
            [a, b],
            (run) =>
              Effect.flatMap(
                rowOf(run),
                ({ id }) => Effect.map(RunWatch.readable(store, id, 0), (entries): RunDiff.Journal => ({ id, entries }))
              )
          )
          return RunDiff.of(left!, right!)
        }),
        census: backend.census,
        owners: Effect.suspend(() => {
          const now = hostClock.now()
          return Effect.map(backend.owners, (rows) => rows.map((row) => ownerOf(row, now)))
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type AboutStep = JournalEntry.EntryOf<"StepRequested" | "StepCompleted" | "StepFailed" | "ProbeFailed">

const isAboutStep = (entry: JournalEntry.JournalEntry): entry is AboutStep =>
  entry._tag === "StepRequested" || entry._tag === "StepCompleted" || entry._tag === "StepFailed" ||
  entry._tag === "ProbeFailed"

const candidateLimit = 20
const closestLimit = 5
const narrowedLimit = 10_000
const pageSize = 5_000
const summary = (row: RunRow): RunSummary => ({
  id: row.id,
  workflow: row.workflow,
  version: row.version,
  kind: row.kind,
  ...RunWatch.standOf(row),
  root: row.root,
  ...(row.parent === null ? {} : { parent: row.parent }),
  ...(row.owner === null ? {} : { owner: row.owner }),
  ...(row.dueAt === null ? {} : { dueAt: row.dueAt }),
  entries: row.length,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt
})

const isSignal = (text: string, id: string): boolean => {
  const entry: unknown = JSON.parse(text)
  return typeof entry === "object" && entry !== null && "_tag" in entry && entry._tag === "SignalReceived" &&
    "id" in entry &&
    entry.id === id
}

const decodeServes = Schema.decodeUnknownOption(
  Schema.StructWithRest(Schema.Struct({ programs: Schema.Array(Schema.String) }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])
)
const decodeInfo = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const approvalOf = ({ given, question, row, standing }: Taking.Standing): OpenApproval => {
  const { deadline, hash: _hash, schema: _schema, ...asked } = question
  const { proposal, status, wanted } = standing
  return {
    id: `${row.run}/${row.key}`,
    runId: row.run,
    key: row.key,
    workflow: row.workflow,
    ...asked,
    ...(proposal.hash === undefined ? {} : { hash: proposal.hash }),
    ...(proposal.editedBy === undefined
      ? {}
      : {
        edit: {
          args: proposal.args,
          by: proposal.editedBy,
          changes: ApprovalRule.difference(question.args, proposal.args)
        }
      }),
    requestedAt: row.requestedAt,
    ...(deadline === undefined ? {} : { deadline }),
    status,
    answers: given.filter(({ decision }) => decision !== "refuse"),
    progress: status === "open" ? ApprovalRule.progress(question, standing) : ApprovalRule.decided(standing),
    wanted
  }
}

/** A process as others see it; `now` is in ms since the epoch, by the host's clock. */
export const ownerOf = (row: OwnerRow, now: number): Owner => {
  const { serves, ...info } = Option.getOrElse(decodeInfo(row.info), (): Record<string, unknown> => ({}))
  return {
    id: row.id,
    alive: row.expiresAt >= now,
    expiresAt: row.expiresAt,
    worker: row.worker,
    info,
    serves: Option.match(decodeServes(serves), {
      onNone: () => ({ programs: [], offers: {} }),
      onSome: ({ programs, ...offers }) => ({ programs, offers })
    })
  }
}
