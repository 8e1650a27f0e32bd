/** The routes for runs: found, listed, started and steered. */
import { BulkPreview, BulkRequest, BulkStarted, steeringActions } from "@fermata/core/BulkAct"
import { Census } from "@fermata/core/Owner"
import { Receipt } from "@fermata/core/Receipt"
import { Deleted } from "@fermata/core/Retention"
import { ExportRefused, Imported, ImportRefused, RunExport } from "@fermata/core/RunExport"
import {
  BulkRefused,
  BulkUnconfirmed,
  DeletionRefused,
  ForkRefused,
  NotInDoubt,
  PayloadRefused,
  RaiseRefused,
  RetryRefused,
  RunAmbiguous,
  RunClosed,
  RunNotFound,
  StartRefused,
  StepNotRequested,
  WorkflowNotFound
} from "@fermata/core/RunsErrors"
import { Forked, ForkOptions, Retried, Started, StartOptions } from "@fermata/core/RunStart"
import { runStatuses, suspendReasons } from "@fermata/core/RunStatus"
import { RunSummary } from "@fermata/core/RunSummary"
import { CountsView, Failure, SpentView, TimesView } from "@fermata/core/RunViewSchema"
import { QuotaReached, TenantName } from "@fermata/core/Tenant"
import { EntryCorrupt } from "@fermata/core/Upcast"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import { Large } from "./Large.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

const optional = Schema.optionalKey

/** No such run, or none that can be told from others. */
export const findErrors = [Problem.of(RunNotFound), Problem.of(RunAmbiguous)] as const
/** There is no such run, or it has ended. */
export const actErrors = [...findErrors, Problem.of(RunClosed)] as const
/** The journal cannot be read to its end. */
export const readErrors = [...findErrors, Problem.of(EntryCorrupt)] as const

/** Runs of a list, the last started first. `next` is there where more may follow: give it as `after`. */
export const RunPage = Schema.Struct({
  runs: Schema.Array(RunSummary),
  ...Paging.next
})
export interface RunPage extends Schema.Schema.Type<typeof RunPage> {}

/** A run, and how it stands: what is bounded of its view. Its steps and its journal have routes of their own. */
export const RunDetail = Schema.Struct({
  ...RunSummary.fields,
  /** How it stands, in one sentence for people. */
  sentence: Schema.String,
  by: optional(Schema.String),
  payload: optional(Schema.Unknown),
  output: optional(Schema.Unknown),
  error: optional(Failure),
  times: TimesView,
  counts: CountsView,
  spending: SpentView,
  large: optional(Large)
})
export interface RunDetail extends Schema.Schema.Type<typeof RunDetail> {}

const { by: _by, ...startFields } = StartOptions.fields

/** What is started. Who asks for it the server knows by itself. */
export const StartBody = Schema.Struct({
  workflow: Schema.String,
  /** The input of the run, as its workflow takes it. */
  input: optional(Schema.Unknown),
  ...startFields
})
export interface StartBody extends Schema.Schema.Type<typeof StartBody> {}

const Run = { run: Schema.String }
const texts = Schema.Array(Schema.String)

const list = HttpApiEndpoint.get("list", "/", {
  query: {
    status: optional(Schema.Array(Schema.Literals(runStatuses))),
    reason: optional(Schema.Array(Schema.Literals(suspendReasons))),
    workflow: optional(Schema.String),
    parent: optional(Schema.String),
    root: optional(Schema.String),
    /** `name=value`; several are all wanted. */
    label: optional(texts),
    since: optional(Schema.Finite),
    until: optional(Schema.Finite),
    endedUntil: optional(Schema.Finite),
    /** Only runs at the top of their trees. */
    top: optional(Schema.Literal("true")),
    prefix: optional(Schema.String),
    /** Only runs of this tenant. */
    tenant: optional(TenantName),
    /** Only runs that are in doubt, since their store was put back from a backup. */
    restored: optional(Schema.Literal("true")),
    ...Paging.query
  },
  success: RunPage,
  error: findErrors
}).annotate(RequiredScope, "read")

const counts = HttpApiEndpoint.get("counts", "/counts", { success: Census }).annotate(RequiredScope, "read")

const start = HttpApiEndpoint.post("start", "/", {
  payload: StartBody,
  success: [
    Schema.Struct({ ...Started.fields, joined: Schema.Literal(false) }).pipe(HttpApiSchema.status(201)),
    Schema.Struct({ ...Started.fields, joined: Schema.Literal(true) }).pipe(HttpApiSchema.status(200))
  ],
  error: [Problem.of(WorkflowNotFound), Problem.of(PayloadRefused), Problem.of(StartRefused), Problem.of(QuotaReached)]
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

const get = HttpApiEndpoint.get("get", "/:run", {
  params: Run,
  query: {
    /**
     * Answers once the run is over, or only a person, a signal or an operator makes
     * it go on, or this time has passed: seconds as `30s`, at most `60s`.
     */
    wait: optional(Schema.String.check(Schema.isPattern(/^([1-9]|[1-5]\d|60)s$/)))
  },
  success: RunDetail,
  error: readErrors
}).annotate(RequiredScope, "read")

/** The run as lists have it, at the cost of its row, however long its journal is. */
const find = HttpApiEndpoint.get("find", "/:run/summary", {
  params: Run,
  success: RunSummary,
  error: findErrors
}).annotate(RequiredScope, "read")

const cancel = HttpApiEndpoint.post("cancel", "/:run/cancel", {
  params: Run,
  payload: Schema.Struct({ reason: optional(Schema.String) }),
  success: Receipt,
  error: actErrors
}).annotate(RequiredScope, "operate")

const pause = HttpApiEndpoint.post("pause", "/:run/pause", {
  params: Run,
  success: Receipt,
  error: actErrors
}).annotate(RequiredScope, "operate")

const resume = HttpApiEndpoint.post("resume", "/:run/resume", {
  params: Run,
  success: Receipt,
  error: actErrors
}).annotate(RequiredScope, "operate")

/** Says of a run that is in doubt, since its store was put back from a backup, that nothing of it has happened since. */
const confirm = HttpApiEndpoint.post("confirm", "/:run/confirm", {
  params: Run,
  success: Receipt,
  error: [...actErrors, Problem.of(NotInDoubt)]
}).annotate(RequiredScope, "operate")

const raise = HttpApiEndpoint.post("raise", "/:run/raise", {
  params: Run,
  payload: Schema.Struct({
    /** Millionths of a US dollar. */
    micros: optional(Schema.Int),
    tokens: optional(Schema.Int),
    /** For people. */
    note: optional(Schema.String),
    /** Raises of one id are one raise, whoever sends them. */
    id: optional(Schema.String)
  }),
  success: Receipt,
  error: [...actErrors, Problem.of(RaiseRefused)]
}).annotate(RequiredScope, "operate")

const { by: _, ...forkFields } = ForkOptions.fields

const fork = HttpApiEndpoint.post("fork", "/:run/fork", {
  params: Run,
  payload: Schema.Struct(forkFields),
  success: Forked.pipe(HttpApiSchema.status(201)),
  error: [
    ...readErrors,
    Problem.of(StepNotRequested),
    Problem.of(ForkRefused),
    Problem.of(PayloadRefused),
    Problem.of(QuotaReached)
  ]
}).annotate(RequiredScope, "operate")

const retry = HttpApiEndpoint.post("retry", "/:run/retry", {
  params: Run,
  success: [
    Schema.Struct({ ...Retried.fields, joined: Schema.Literal(false) }).pipe(HttpApiSchema.status(201)),
    Schema.Struct({ ...Retried.fields, joined: Schema.Literal(true) }).pipe(HttpApiSchema.status(200))
  ],
  error: [...readErrors, Problem.of(RetryRefused), Problem.of(QuotaReached)]
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

const { filter: bulkFilter, ids: bulkIds, reason: bulkReason } = BulkRequest.fields

const many = {
  /** Which runs, as the list is asked for them; without a status those to which it can be done. */
  filter: bulkFilter,
  ids: bulkIds,
  /** Only say how many runs there are, and which are the first. */
  dryRun: optional(Schema.Boolean),
  /** How many runs there are, as a dry run says; needed for more than 10,000. */
  confirm: optional(Schema.Int)
}
const manyErrors = [
  ...findErrors,
  Problem.of(BulkRefused),
  Problem.of(BulkUnconfirmed),
  Problem.of(PayloadRefused)
] as const

const actions = HttpApiEndpoint.post("actions", "/actions", {
  payload: Schema.Struct({ action: Schema.Literals(steeringActions), reason: bulkReason, ...many }),
  success: [BulkPreview, BulkStarted.pipe(HttpApiSchema.status(202))],
  error: manyErrors
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

/** Deletes a run that has ended, with all that was asked for below it. */
const remove = HttpApiEndpoint.delete("delete", "/:run", {
  params: Run,
  success: Deleted,
  error: [...findErrors, Problem.of(DeletionRefused)]
}).annotate(RequiredScope, "admin")

/** The run with all that was asked for below it, as one document. */
const exported = HttpApiEndpoint.get("export", "/:run/export", {
  params: Run,
  success: RunExport,
  error: [...findErrors, Problem.of(ExportRefused)]
}).annotate(RequiredScope, "read")

/** Takes in such a document, whole or not at all. */
const imported = HttpApiEndpoint.post("import", "/import", {
  payload: Schema.Unknown,
  success: Imported,
  error: [Problem.of(ImportRefused)]
}).annotate(RequiredScope, "admin")

/** Deletes many runs that have ended, by a run of the engine's own. */
const prune = HttpApiEndpoint.post("prune", "/prune", {
  payload: Schema.Struct(many),
  success: [BulkPreview, BulkStarted.pipe(HttpApiSchema.status(202))],
  error: manyErrors
}).annotate(RequiredScope, "admin").annotate(DoneOnce, "itself")

/** The routes below `/api/runs`. */
export class RunsGroup extends HttpApiGroup.make("runs")
  .add(
    list,
    counts,
    start,
    get,
    find,
    cancel,
    pause,
    resume,
    confirm,
    raise,
    fork,
    retry,
    actions,
    remove,
    prune,
    exported,
    imported
  )
  .prefix("/runs")
  .annotate(ForTenants, true)
{}
