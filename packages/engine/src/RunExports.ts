/** Runs that go from one store to another, as one JSON document. */
import * as BlobNames from "@fermata/core/BlobNames"
import {
  type ExportedDefinition,
  type ExportedRun,
  ExportRefused,
  format,
  type Imported,
  type ImportRefused,
  most,
  type RunExport
} from "@fermata/core/RunExport"
import type { RunStatus } from "@fermata/core/RunStatus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Answers, DefinitionRow, ImportOp, RunRow, StorageFailed } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { sha256Hex } from "./Digest.ts"
import { Engine } from "./Engine.ts"
import * as Acting from "./internal/Acting.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as RunImports from "./internal/RunImports.ts"
import * as RunLookup from "./internal/RunLookup.ts"
import { Store } from "./Store.ts"

/** Exports of runs, and imports. */
export class RunExports extends Context.Service<RunExports, {
  /**
   * A run with all that was asked for below it, as it is now: journals, large
   * values, artifacts, definitions. Refused for a run below another, and for a
   * tree that is larger than `RunExport.most`.
   */
  readonly export: (run: string) => Effect.Effect<RunExport, RunLookup.FindError | ExportRefused>
  /**
   * Takes such a document in, whole or not at all: its schema, its hashes and its
   * journals are looked through first, and it is refused where the store has a
   * run of one of its ids. What has ended is as it was. A run that is open is
   * paused: it begins no step until somebody resumes it, since the store that it
   * comes from may go on with it.
   */
  readonly import: (
    document: unknown,
    options: { readonly by: string }
  ) => Effect.Effect<Imported, ImportRefused | StorageFailed>
}>()("@fermata/engine/RunExports") {
  /** Of the store and engine of this process. */
  static readonly layer: Layer.Layer<RunExports, never, Engine | Store> = Layer.effect(
    RunExports,
    Effect.gen(function*() {
      const store = yield* Store
      const { backend } = store
      const runtime = yield* CurrentRuntime.current
      const { rowOf, whole } = RunLookup.make(store)

      const linesOf = Effect.fnUntraced(function*(id: string) {
        const lines: Array<string> = []
        while (true) {
          const page = yield* backend.entries(id, lines.length, pageSize)
          for (const line of page) lines.push(line)
          if (page.length < pageSize || lines.length > most.entries) return lines
        }
      })

      const treeOf = Effect.fnUntraced(function*(top: RunRow) {
        const { id: runId } = top
        const refused = (problem: string) => new ExportRefused({ runId, problem })
        const rows = (yield* backend.runs({ root: runId, limit: most.runs + 1 })).toReversed()
        if (rows.length > most.runs) return yield* refused(`it has more than ${most.runs} runs`)
        const blobs: Record<string, string> = {}
        const definitions = new Map<string, ExportedDefinition>()
        const runs: Array<ExportedRun> = []
        let entries = 0
        let characters = 0
        for (const row of rows) {
          const lines = yield* linesOf(row.id)
          entries += lines.length
          for (const line of lines) {
            characters += line.length
            for (const hash of BlobNames.of(line)) {
              if (blobs[hash] !== undefined) continue
              const data = yield* backend.blob(hash)
              if (data === null) return yield* refused(`its blob ${hash} is missing`)
              blobs[hash] = data
              characters += data.length
            }
          }
          if (entries > most.entries || characters > most.characters) {
            return yield* refused(`it has more than ${most.entries} entries, or ${most.characters} characters in all`)
          }
          for (const definition of yield* definitionsOf(row)) definitions.set(definition.hash, exported(definition))
          const parsed = lines.map((line) => JSON.parse(line) as ExportedRun["entries"][number])
          runs.push({ ...fieldsOf(row), entries: parsed, hash: yield* sha256Hex(RunImports.textOf(parsed)) })
        }
        return { format, exportedAt: runtime.host.now(), runs, blobs, definitions: [...definitions.values()] } as const
      })

      /** What the run is pinned to, and the workflow that it is of. */
      const definitionsOf = Effect.fnUntraced(function*({ definition, version, workflow }: RunRow) {
        const named = definition === null
          ? yield* backend.definition(workflow, version)
          : yield* backend.definitionByHash(definition)
        return named === null ? [] : [named]
      })

      return RunExports.of({
        export: Effect.fn("RunExports.export")(function*(run: string) {
          const row = yield* rowOf(run)
          return yield* row.root === row.id
            ? whole(row, treeOf(row))
            : new ExportRefused({
              runId: row.id,
              problem: `it is part of run ${row.root}, and travels with that alone: export ${row.root}`
            })
        }),
        import: Effect.fn("RunExports.import")(function*(document: unknown, { by }: { readonly by: string }) {
          const tenant = yield* CurrentTenant.current
          const { definitions, imported, runs } = yield* RunImports.make(runtime, document, {
            by,
            now: runtime.host.now(),
            tenant
          })
          const act = yield* Acting.of<Answers["import"]>(
            runtime.host.now,
            {
              action: "run.import",
              target: imported.runId,
              by,
              detail: { runs: imported.runs, paused: imported.paused }
            },
            () => imported
          )
          const answer = yield* Acting.write(
            (op: ImportOp) => Effect.map(backend.write([op]), ([answer]) => answer),
            { op: "import", runs, definitions },
            act
          )
          switch (answer.result) {
            case "imported":
              return imported
            case "there":
              return yield* RunImports.refused(`there is a run ${answer.run} already`)
            case "other":
              return yield* RunImports.refused(
                `there is another ${answer.definition.kind} ${answer.definition.name} ${answer.definition.version}`
              )
          }
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pageSize = 1_000

const exported = ({ at: _, ...definition }: DefinitionRow): ExportedDefinition => definition

const fieldsOf = (
  { createdAt, definition, id, kind, labels, parent, status, title, updatedAt, version, workflow }: RunRow
): Omit<ExportedRun, "entries" | "hash"> => ({
  id,
  workflow,
  version,
  kind,
  definition,
  parent,
  status: status as RunStatus,
  ...(title === undefined ? {} : { title }),
  ...(labels === undefined ? {} : { labels }),
  createdAt,
  updatedAt
})
