/** Runs of a document, as a store takes them in. */
import * as BlobNames from "@fermata/core/BlobNames"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunExport from "@fermata/core/RunExport"
import { isFinal } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { BlobRow, DefinitionRow, ImportOp, StorageFailed } from "../Backend.ts"
import { sha256Hex } from "../Digest.ts"
import { encodeEntries, Store } from "../Store.ts"
import * as ArtifactBytes from "./ArtifactBytes.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Questions from "./Questions.ts"
import { unowned } from "./RunForks.ts"

type Entry = JournalEntry.JournalEntry

/** What a document comes to: nothing of it is stored yet. */
export interface Made extends Pick<ImportOp, "definitions" | "runs"> {
  readonly imported: RunExport.Imported
}

/** The texts of the entries of a run, as its hash is made of them. */
export const textOf = (entries: RunExport.ExportedRun["entries"]): string => entries.map(StoredJson.textOf).join("\n")

/** Reads the document, and looks through all of it. */
export const make = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  document: unknown,
  { by, now, tenant }: { readonly by: string; readonly now: number; readonly tenant: string | undefined }
): Effect.fn.Return<Made, RunExport.ImportRefused | StorageFailed> {
  const { blobs, definitions, runs } = yield* Effect.mapError(decode(document), (error) => {
    const [issue] = format(error.issue).issues
    const place = (issue?.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".")
    return refused(`${place === "" ? "the document" : place}: ${issue?.message ?? "it is no export of a run"}`)
  })
  const top = runs[0]!
  const whole = tenant ?? Tenant.of(top.id)
  const ids = new Set<string>()
  for (const run of runs) {
    const problem = problemOf(run, ids, whole)
    if (problem !== undefined) return yield* refused(`run ${run.id} ${problem}`)
    ids.add(run.id)
  }
  for (const { document, hash, kind, name, version } of definitions) {
    if (kind === "program" ? document === null : document !== null && (yield* sha256Hex(document)) === hash) continue
    return yield* refused(`the hash of definition ${name} ${version} does not fit it`)
  }
  // Large values and artifacts come from the document alone.
  const store = Store.make({ ...runtime.backend, blob: (hash) => Effect.succeed(blobs[hash] ?? null) })
  const journals = new Map<string, ReadonlyArray<Entry>>()
  for (const run of runs) {
    if ((yield* sha256Hex(textOf(run.entries))) !== run.hash) {
      return yield* refused(`the hash of run ${run.id} does not fit its entries`)
    }
    const read = store.read(run.id, 0, run.entries.map(StoredJson.textOf))
    journals.set(
      run.id,
      yield* Effect.catchTag(read, "EntryCorrupt", ({ message }: EntryCorrupt) => refused(message))
    )
  }
  const made = yield* Effect.forEach(
    runs,
    (run) => opsOf(runtime, run, journals, { by, now, top: top.id, blobs, definitions })
  )
  const paused = runs.filter(({ status }) => !isFinal(status)).length
  return {
    runs: made,
    definitions: definitions.map((definition): DefinitionRow => Object.assign({ at: now }, definition)),
    imported: { runId: top.id, runs: runs.length, paused }
  }
})

/** Nothing of the document can be taken. */
export const refused = (problem: string) => new RunExport.ImportRefused({ problem })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decode = Schema.decodeUnknownEffect(RunExport.RunExport, { onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What of a run does not fit those before it. */
const problemOf = (
  { entries, id, parent }: RunExport.ExportedRun,
  before: ReadonlySet<string>,
  tenant: string | undefined
): string | undefined =>
  before.has(id)
    ? "is there twice"
    : before.size === 0 && parent !== null
    ? `is the first, and says that ${parent} is above it`
    : before.size > 0 && (parent === null || !before.has(parent))
    ? "is behind no run that is above it"
    : Tenant.of(id) !== tenant
    ? tenant === undefined ? "is of a tenant, and the first run is of none" : `is not of tenant ${tenant}`
    : entries[0]!["_tag"] !== "RunRequested"
    ? "does not begin with RunRequested"
    : undefined

interface All {
  readonly by: string
  readonly now: number
  readonly top: string
  readonly blobs: Readonly<Record<string, string>>
  readonly definitions: ReadonlyArray<RunExport.ExportedDefinition>
}

const opsOf = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  run: RunExport.ExportedRun,
  journals: ReadonlyMap<string, ReadonlyArray<Entry>>,
  { blobs, by, definitions, now, top }: All
): Effect.fn.Return<ImportOp["runs"][number], RunExport.ImportRefused> {
  const { createdAt, definition, id, kind, labels, parent, status, title, updatedAt, version, workflow } = run
  const recorded = journals.get(id)!
  const view = RunView.of(id, recorded)
  const isOver = isFinal(status)
  if (isOver ? view.status !== status : isFinal(view.status)) {
    return yield* refused(`run ${id} is said to be ${status}, and its journal says ${view.status}`)
  }
  const pause: ReadonlyArray<Entry> = isOver ? [] : [
    { _tag: "PauseRequested", seq: recorded.length, at: now, epoch: 0, id: `import:${now}`, by },
    { _tag: "RunSuspended", seq: recorded.length + 1, at: now, epoch: 0, waits: [paused] }
  ]
  const entries = isOver ? recorded.map(({ blobs: _, ...entry }): Entry => entry) : [...recorded.map(unowned), ...pause]
  const encoded = encodeEntries(entries)
  const stored = Effect.isEffect(encoded) ? yield* encoded : encoded
  const kept = new Map<string, BlobRow>(stored.blobs.map((blob) => [blob.hash, blob]))
  for (const hash of run.entries.flatMap((entry) => BlobNames.of(StoredJson.textOf(entry)))) {
    const data = blobs[hash]
    if (data === undefined) return yield* refused(`run ${id} names blob ${hash}, which is not in the document`)
    if ((yield* ArtifactBytes.read(data, hash)) === undefined) {
      return yield* refused(`the hash of blob ${hash} does not fit it`)
    }
    kept.set(hash, { hash, data })
  }
  const own = definitions.find(({ hash }) => hash === definition)
  if (definition !== null && own === undefined) {
    return yield* refused(`run ${id} is pinned to document ${definition}, which is not in it`)
  }
  if (!isOver && kind !== "program" && runtime.extensions.documents.get(kind) === undefined) {
    return yield* refused(`run ${id} is of a ${kind}, and this process does not serve ${kind}s`)
  }
  const subscriptions = isOver || own === undefined
    ? []
    : runtime.extensions.documents.describe(own)?.subscriptions ?? []
  const row = { id, workflow, version, kind, definition, root: top, parent, status, createdAt }
  const open = isOver ? [] : recorded.filter((entry) => entry._tag === "ApprovalRequested")
    .filter((entry) => RunView.approval(view, entry.key)?.status === "open")
  return {
    start: {
      op: "start",
      run: {
        ...row,
        status: "queued",
        owner: null,
        dueAt: null,
        ...(title === undefined ? {} : { title }),
        ...(labels === undefined ? {} : { labels })
      },
      rows: stored.rows,
      blobs: [...kept.values()],
      subscriptions: subscriptions.map(({ event, paths = [] }) => ({
        run: id,
        event: Tenant.qualify(Tenant.of(id), event),
        paths
      })),
      listener: parent !== null && waitsFor(journals.get(parent)!, id) ? parent : null
    },
    rest: {
      op: "commit",
      run: id,
      epoch: 0,
      expected: stored.rows.length,
      rows: [],
      blobs: [],
      at: isOver ? updatedAt : now,
      consumed: [],
      outbox: [],
      approvalsOpened: open.map((entry) => {
        const { answers, routed = [] } = RunView.approval(view, entry.key)!
        return Questions.rowOf(row, entry, [...routed, ...answers])
      }),
      approvalsClosed: [],
      ...(isOver
        ? {
          status: { status, reason: null, waits: null },
          ended: { payload: endOf(recorded.at(-1)!) }
        }
        : {
          status: { status: "suspended", reason: "operator", waits: StoredJson.textOf([paused]) },
          release: { dueAt: null }
        })
    }
  }
})

const paused: Wait = { reason: "operator", key: "pause", detail: "paused by an operator" }

/** Whether the run above has yet to be told of its end. */
const waitsFor = (journal: ReadonlyArray<Entry>, child: string): boolean =>
  journal.some((entry) => entry._tag === "ChildStarted" && entry.linked && entry.child === child) &&
  !journal.some((entry) => entry._tag === "ChildFinished" && entry.child === child)

/** What those are told who wait for a run that ended so. */
const endOf = (last: Entry): string =>
  StoredJson.compose({
    exit: last._tag === "RunCompleted"
      ? { _tag: "Success", ...(last.output === undefined ? {} : { value: last.output }) }
      : { _tag: "Failure", cause: last._tag === "RunFailed" || last._tag === "RunCancelled" ? last.cause : null }
  }).text
