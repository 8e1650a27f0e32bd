/**
 * The operator's verbs: find, look at, follow, and act on runs, answer their
 * questions, and start new ones.
 *
 * Wherever a verb takes a run, it takes its id or the first characters of it.
 * A verb that acts succeeds when what it asks for is recorded; the owner of the
 * run carries it out. In a tenant (`CurrentTenant`) there are the runs of that
 * tenant alone, whichever verb asks.
 */
import type { KeptArtifact } from "@fermata/core/Artifact"
import { engineWorkflows } from "@fermata/core/BulkAct"
import type { DayRaise, DayRaised } from "@fermata/core/DayRaise"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { KnownWorkflow } from "@fermata/core/KnownWorkflow"
import type { Census, Owner, Reaped, ReapOptions } from "@fermata/core/Owner"
import type { Answer, ApprovalFilter, Delegate, OpenApproval } from "@fermata/core/Question"
import type { Receipt, Settlement } from "@fermata/core/Receipt"
import * as RunDiff from "@fermata/core/RunDiff"
import type {
  AnsweredAlready,
  AnswerRefused,
  ApprovalAmbiguous,
  ApprovalNotOpen,
  ArgumentsEdited,
  ArtifactAmbiguous,
  ArtifactDamaged,
  ArtifactNotFound,
  DayRaiseRefused,
  DelegationRefused,
  ForkRefused,
  NotAllowed,
  NotInDoubt,
  OutputRefused,
  PayloadRefused,
  RaiseRefused,
  RetryRefused,
  RuleAmbiguous,
  RuleNotFound,
  RunClosed,
  SignalReserved,
  SignalUnfit,
  SignalUnknown,
  StartRefused,
  StepNotOpen,
  StepNotRequested,
  WorkflowNotFound
} from "@fermata/core/RunsErrors"
import type { Forked, ForkOptions, Retried, Started, StartOptions } from "@fermata/core/RunStart"
import type { ListFilter, RunSummary } from "@fermata/core/RunSummary"
import type * as RunView from "@fermata/core/RunView"
import * as SpendingSum from "@fermata/core/SpendingSum"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { StandingFilter, StandingRule } from "@fermata/core/StandingRule"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { ValueRefused } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import type { RunWebhook, RunWebhookState } from "@fermata/core/Webhook"
import type { WebhookRefused } from "@fermata/core/WebhookErrors"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { sha256Hex } from "./Digest.ts"
import { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as DayRaises from "./internal/DayRaises.ts"
import * as RunArtifacts from "./internal/RunArtifacts.ts"
import * as RunForks from "./internal/RunForks.ts"
import * as RunLookup from "./internal/RunLookup.ts"
import * as RunMessages from "./internal/RunMessages.ts"
import * as RunQuestions from "./internal/RunQuestions.ts"
import * as RunReaps from "./internal/RunReaps.ts"
import * as RunRetries from "./internal/RunRetries.ts"
import * as RunRules from "./internal/RunRules.ts"
import * as RunStarts from "./internal/RunStarts.ts"
import * as RunSteps from "./internal/RunSteps.ts"
import { known, ownerOf, summary } from "./internal/RunSummaries.ts"
import * as RunWatch from "./internal/RunWatch.ts"
import * as RunWebhooks from "./internal/RunWebhooks.ts"
import * as Telling from "./internal/secrets/Telling.ts"
import { checkKey } from "./StartRequest.ts"
import { Store } from "./Store.ts"

export { ownerOf }

/** What became known of a run: its entries since the last time, and the whole as it stands. */
export type Followed = RunWatch.Followed

/** An artifact of a run, with its bytes. */
export type Content = RunArtifacts.Content

/** By how much a budget is raised, who says so, and why. */
export type Raise = RunMessages.Raise

/** By how much what a workflow may spend on a day is raised, for which day, who says so, and why. */
export type RaiseOfDay = DayRaises.Raise

/** No such run, or none that can be told from others. */
export type FindError = RunLookup.FindError
/** There is no such run, or it has ended. */
export type ActError = RunLookup.ActError
/** There is no such workflow, it does not take this payload, nobody may start it so, or its tenant has as many open runs as it may have. */
export type StartError = WorkflowNotFound | PayloadRefused | StartRefused | Tenant.QuotaReached | StorageFailed

/** The verbs of an operator: find, list, look, read what is kept, follow, start, signal, raise (runs and days), answer, hand on, take rules back, cancel, pause, resume, confirm, retry, settle, fork and compare. */
export class Runs extends Context.Service<Runs, {
  /** The run of this id, or the one whose id begins with this (at least 4 characters). */
  readonly find: (run: string) => Effect.Effect<RunSummary, FindError>
  /** Runs, the last started first; the engine's own only where their workflow is named. */
  readonly list: (filter?: ListFilter) => Effect.Effect<ReadonlyArray<RunSummary>, FindError>
  /** The run as its journal and the store tell it. Of a corrupt journal, what comes before the damage. */
  readonly show: (run: string) => Effect.Effect<RunView.RunView, FindError | EntryCorrupt>
  /** The entries of a run from `from` on, in order, and at most `limit` of them. */
  readonly journal: (
    run: string,
    from?: number,
    limit?: number
  ) => Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, FindError | EntryCorrupt>
  /**
   * The steps of a run in the order of their requests, without their inputs and
   * outputs. Looked at again, only what the journal has got since is read.
   */
  readonly steps: (run: string) => Effect.Effect<ReadonlyArray<RunView.StepView>, FindError | EntryCorrupt>
  /** What the steps of the run keep, in the order of their requests. */
  readonly artifacts: (run: string) => Effect.Effect<ReadonlyArray<KeptArtifact>, FindError | EntryCorrupt>
  /**
   * The bytes of what a step of the run keeps, by its hash, its name, or the
   * beginning of its hash (at least 4 characters). One of another run is none of
   * this one, also where the store has it.
   */
  readonly artifact: (
    run: string,
    artifact: string
  ) => Effect.Effect<
    Content,
    FindError | EntryCorrupt | ArtifactNotFound | ArtifactAmbiguous | ArtifactDamaged
  >
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
  /** From now on an open run tells this webhook, in place of one that it has: one that waits, before it is answered. */
  readonly tell: (
    run: string,
    webhook: RunWebhook,
    options: { readonly by: string }
  ) => Effect.Effect<RunWebhookState, ActError | WebhookRefused>
  /** The webhook of a run, and each attempt to tell it; nothing where it has none. */
  readonly webhook: (run: string) => Effect.Effect<Option.Option<RunWebhookState>, FindError>
  /**
   * Says of a run that is in doubt, since the store was put back from a backup,
   * that nothing of it has happened since but what its journal has: the steps
   * that waited for that begin. `Bulk` says it of many.
   */
  readonly confirm: (run: string, options: { readonly by: string }) => Effect.Effect<Receipt, ActError | NotInDoubt>
  /**
   * Has a run that failed go on from where it failed, as a run of its own: what the
   * failed one has recorded is replayed, and the step that failed is tried anew, under
   * the same idempotency key. A child run of which it failed, or that was stopped with
   * it, is retried too, as a child of the retry. The failed run stays as it is, and has
   * one retry: who asks again is told of that. Refused for a run that has not failed, or
   * that has undone what it did, and where that holds for such a child; then nothing is
   * stored.
   */
  readonly retry: (
    run: string,
    options?: { readonly by?: string }
  ) => Effect.Effect<Retried, FindError | RetryRefused | Tenant.QuotaReached | EntryCorrupt>
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
  ) => Effect.Effect<Receipt, ActError | ValueRefused | SignalUnknown | SignalUnfit | SignalReserved>
  /**
   * Lets the run spend more: millionths of a US dollar, tokens, or both, as whole
   * numbers. Raises add up, whether the run waits for one or not. One that was
   * sent before under this `id` is a duplicate.
   */
  readonly raise: (run: string, raise: Raise) => Effect.Effect<Receipt, ActError | RaiseRefused>
  /**
   * Lets all runs of a workflow together spend more on a UTC day, this one or a
   * later one, where its code has a limit for days (`Step.DayLimit`, as agents
   * have): millionths of a US dollar, tokens, or both.
   * Raises of a day add up and are kept, with who and when. Runs that wait for a
   * larger budget look again.
   */
  readonly raiseDay: (
    workflow: string,
    raise: RaiseOfDay
  ) => Effect.Effect<DayRaised, DayRaiseRefused | WorkflowNotFound | StorageFailed>
  /** The raises of days, in the order in which they came; of the days from the one of `since` to the one of `until` (ms since the epoch). */
  readonly dayRaises: (
    filter?: Omit<SpendingSum.SpendingFilter, "groupBy">
  ) => Effect.Effect<ReadonlyArray<DayRaise>, StorageFailed>
  /**
   * JSON that would end this wait of the run: what a signal may carry, or the
   * output of a step that is to be settled. Nothing where it is not known here.
   */
  readonly sample: (run: string, wait: Wait) => Effect.Effect<Option.Option<unknown>, FindError | EntryCorrupt>

  /** Questions that are open, or answered and not yet gone on from, the oldest first. */
  readonly approvals: (filter?: ApprovalFilter) => Effect.Effect<ReadonlyArray<OpenApproval>, FindError>
  /** A question, named by its id, or by its run when that has one open question only. */
  readonly approval: (
    runOrApproval: string
  ) => Effect.Effect<OpenApproval, FindError | RunClosed | ApprovalNotOpen | ApprovalAmbiguous | AnsweredAlready>
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

  /**
   * Hands a question on to another person or to a group, with the place of who
   * does among those who decide: whoever holds it answers for them, and counts
   * once. It goes back to whom it came from, and who has handed it on takes it
   * back by naming themselves; nobody gets it who may not answer.
   */
  readonly delegate: (
    runOrApproval: string,
    delegate: Delegate
  ) => Effect.Effect<
    OpenApproval,
    | FindError
    | RunClosed
    | ApprovalNotOpen
    | ApprovalAmbiguous
    | AnsweredAlready
    | NotAllowed
    | DelegationRefused
  >

  /** The rules that people have let stand by their answers, the oldest first. */
  readonly rules: (filter?: StandingFilter) => Effect.Effect<ReadonlyArray<StandingRule>, StorageFailed>
  /**
   * Takes back a rule that stands, named by its id or the first characters of it.
   * What has been decided by it stays as it is, and what is asked from now on is
   * asked of people again.
   */
  readonly revoke: (rule: string) => Effect.Effect<StandingRule, RuleNotFound | RuleAmbiguous | StorageFailed>

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
  ) => Effect.Effect<
    Forked,
    FindError | StepNotRequested | ForkRefused | PayloadRefused | Tenant.QuotaReached | EntryCorrupt
  >
  /**
   * The JSON of a large value that some entry has, by its SHA-256 in hex; nothing
   * where the store keeps none of this hash, or not as it was, and in a tenant.
   */
  readonly blob: (hash: string) => Effect.Effect<Option.Option<string>, StorageFailed>
  /** Where two runs part, and what came of their steps. */
  readonly diff: (a: string, b: string) => Effect.Effect<RunDiff.RunDiff, FindError | EntryCorrupt>
  /**
   * What runs have spent, by workflow (an agent is one) and by UTC day, without a
   * look into a journal. It is written in the commits of what it is the sum of. A
   * call counts on the day on which it was reserved, and a run of an older store
   * that had spent before has no days.
   */
  readonly spending: (
    filter?: SpendingSum.SpendingFilter
  ) => Effect.Effect<ReadonlyArray<SpendingSum.SpendingSum>, StorageFailed>
  /** Every version of every workflow that the store knows, or of the one of this name, by name; whether its code is here or not. */
  readonly workflows: (name?: string) => Effect.Effect<ReadonlyArray<KnownWorkflow>, StorageFailed>
  /** Counts of runs, without those of the engine's own that lists do not show either, and of what is on its way; in a tenant of its runs alone. */
  readonly census: Effect.Effect<Census, StorageFailed>
  /**
   * Hands over the runs of processes that are dead and have given no sign of life
   * for `staleMs` (5 min when absent): they go on, or fail after their
   * compensations, as soon as somebody takes them up. A process that lives keeps
   * its runs. Answers which they are.
   */
  readonly reap: (options?: ReapOptions) => Effect.Effect<ReadonlyArray<Reaped>, StorageFailed>
  /** The processes that work on runs, or did and have not been missed yet. */
  readonly owners: Effect.Effect<ReadonlyArray<Owner>, StorageFailed>
}>()("@fermata/engine/Runs") {
  /** The verbs on the store and engine of this process. */
  static readonly layer: Layer.Layer<Runs, never, Engine | Store> = Layer.effect(
    Runs,
    Effect.gen(function*() {
      const store = yield* Store
      const runtime = yield* CurrentRuntime.current
      const engine = yield* Engine
      const { backend } = store

      const lookup = RunLookup.make(store)
      const { open, rowOf } = lookup
      const { confirm, raise, sample, send, settle, signal } = RunMessages.make(runtime, store, lookup)
      const { answer, approval, approvals, delegate } = RunQuestions.make(runtime, lookup)

      const webhooks = RunWebhooks.make(runtime, backend)
      const { dayRaises, raiseDay } = DayRaises.make(runtime, backend)
      const { artifact, artifacts } = RunArtifacts.make(store, lookup)

      const list = Effect.fn("Runs.list")(function*(filter: ListFilter = {}) {
        const rows = yield* backend.runs({
          ...filter,
          ...(yield* CurrentTenant.filter),
          prefix: filter.prefix === undefined || filter.prefix === ""
            ? undefined
            : yield* CurrentTenant.idOf(filter.prefix),
          limit: filter.limit ?? 50,
          without: filter.workflow === undefined ? engineWorkflows : undefined,
          parent: filter.parent === undefined ? undefined : (yield* rowOf(filter.parent)).id,
          root: filter.root === undefined ? undefined : (yield* rowOf(filter.root)).id,
          before: filter.before === undefined ? undefined : (yield* rowOf(filter.before)).id
        })
        return rows.map(summary)
      })

      return Runs.of({
        find: Effect.fn("Runs.find")(function*(run: string) {
          return summary(yield* rowOf(run))
        }),
        list,
        show: lookup.show,
        steps: RunSteps.make(store, lookup),
        journal: Effect.fn("Runs.journal")(function*(run: string, from?: number, limit?: number) {
          const row = yield* rowOf(run)
          return yield* lookup.whole(row, store.journal(row.id, from, limit))
        }),
        follow: (run, options) =>
          Stream.unwrap(
            Effect.map(rowOf(run), (row) =>
              RunWatch.follow(
                runtime,
                store,
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
        tell: Effect.fn("Runs.tell")(function*(run, webhook, { by }) {
          return yield* webhooks.set((yield* open(run)).id, webhook, by)
        }),
        webhook: Effect.fn("Runs.webhook")(function*(run) {
          return yield* RunWebhooks.stateOf(backend, (yield* rowOf(run)).id)
        }),
        confirm,
        settle,
        signal,
        raise,
        raiseDay,
        dayRaises,
        sample,
        artifacts,
        artifact,
        approvals,
        approval,
        answer: (asked, given) => Effect.suspend(() => answer(asked, Telling.json(given))),
        delegate: (asked, handing) => Effect.suspend(() => delegate(asked, Telling.json(handing))),
        ...RunRules.make(runtime),
        start: Effect.fn("Runs.start")(function*(workflow: string, payload: unknown, options: StartOptions = {}) {
          yield* checkKey(workflow, options.key)
          return yield* webhooks.starting(
            options,
            yield* RunStarts.request(runtime, backend, workflow, payload, options),
            engine.start
          )
        }),
        fork: Effect.fn("Runs.fork")(function*(run: string, options: ForkOptions) {
          return yield* RunForks.fork(runtime, store, yield* rowOf(run), Telling.json(options))
        }),
        retry: Effect.fn("Runs.retry")(function*(run: string, { by } = {}) {
          return yield* RunRetries.retry(runtime, store, yield* rowOf(run), by)
        }),
        diff: Effect.fn("Runs.diff")(function*(a: string, b: string) {
          const [left, right] = yield* Effect.forEach(
            [a, b],
            (run) =>
              Effect.flatMap(rowOf(run), (row) =>
                Effect.map(
                  lookup.whole(row, RunWatch.readable(store, row.id, 0)),
                  (entries): RunDiff.Journal => ({ id: row.id, entries })
                ))
          )
          return RunDiff.of(left!, right!)
        }),
        spending: Effect.fn("Runs.spending")(function*({ groupBy, since, until, workflow } = {}) {
          const tenant = yield* CurrentTenant.current
          const rows = yield* backend.spending({
            ...(workflow === undefined ? {} : { workflow: Tenant.qualify(tenant, workflow) }),
            ...(since === undefined ? {} : { since: SpentByDay.dayOf(since) }),
            ...(until === undefined ? {} : { until: SpentByDay.dayOf(until) })
          })
          const own = tenant === undefined ?
            rows :
            rows.flatMap((row) =>
              Tenant.of(row.workflow) === tenant ? [{ ...row, workflow: Tenant.local(row.workflow) }] : []
            )
          return SpendingSum.of(own, groupBy)
        }),
        blob: Effect.fn("Runs.blob")(function*(hash: string) {
          // A value has no tenant, and its hash may be told by anybody.
          if ((yield* CurrentTenant.current) !== undefined) return Option.none()
          const data = yield* backend.blob(hash)
          return data === null || (yield* sha256Hex(data)) !== hash ? Option.none() : Option.some(data)
        }),
        workflows: Effect.fn("Runs.workflows")(function*(name?: string) {
          const rows = yield* backend.definitions
          return rows.filter((row) => name === undefined || row.name === name).map(known)
        }),
        census: Effect.flatMap(CurrentTenant.current, (tenant) =>
          tenant === undefined
            ? backend.census
            : Effect.map(backend.censusOf(tenant), (counts): Census => ({ ...counts, owned: 0, inbox: 0, outbox: 0 }))),
        ...RunReaps.make(runtime, backend)
      })
    })
  )
}
