/**
 * Tools that look for files of a workspace and for what stands in them. They work in
 * a thread, so that neither many files nor an expression without an end hold the
 * process up; ripgrep helps where there is one, and changes nothing but the time.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { compile } from "./internal/search/Expression.ts"
import type { Found, Job, Place, Searching } from "./internal/search/Job.ts"
import * as Thread from "./internal/Thread.ts"
import { Workspace, WorkspaceRefused } from "./Workspace.ts"

/** A search that came to nothing, with why. */
export class SearchFailed extends Schema.TaggedError<SearchFailed>()("SearchFailed", {
  pattern: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.pattern}: ${this.problem}`
  }
}

const Folder = Schema.optionalKey(
  Schema.String.annotate({ description: "A folder or a file of the workspace; all of it when absent." })
)
const Failure = Schema.Union([WorkspaceRefused, SearchFailed])
const rules = AgentTool.rules({
  onCrash: "rerun",
  safe: true,
  permission: "read",
  subject: AgentTool.subject("path", "path", ".")
})

/** Lists files by a pattern of their names. */
export const Glob = Tool.make("Glob", {
  description:
    "Lists the files of the workspace whose names fit a pattern, in the order of their names. ** goes through folders, as in **/*.ts or src/**/*.{ts,tsx}; * does not. What .gitignore leaves out is not listed.",
  parameters: Schema.Struct({ pattern: Schema.NonEmptyString, path: Folder }),
  success: Schema.String,
  failure: Failure
}).annotateMerge(rules)

const Lines = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000 })))
const Switch = Schema.optionalKey(Schema.Boolean)

/** Looks for a regular expression in files. */
export const Grep = Tool.make("Grep", {
  description:
    "Looks for a regular expression of JavaScript in the texts of the workspace, line by line. output_mode files_with_matches (as when absent) gives the names of files, content the lines with their numbers (-n, true when absent) and lines around them (-A after, -B before, -C both), count how many lines of each file match. What .gitignore leaves out is not searched.",
  parameters: Schema.Struct({
    pattern: Schema.NonEmptyString,
    path: Folder,
    glob: Schema.optionalKey(
      Schema.NonEmptyString.annotate({ description: "Only files that fit, such as *.ts or src/**." })
    ),
    output_mode: Schema.optionalKey(Schema.Literals(["files_with_matches", "content", "count"])),
    "-i": Switch.annotateKey({ description: "Upper and lower case are the same." }),
    "-n": Switch,
    "-A": Lines,
    "-B": Lines,
    "-C": Lines,
    head_limit: Schema.optionalKey(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5_000 })).annotate({
        description: "Files or lines that are given at most; 250 when absent."
      })
    ),
    multiline: Switch.annotateKey({ description: "A match may go over several lines, and . takes their ends." })
  }),
  success: Schema.String,
  failure: Failure
}).annotateMerge(rules)

/** The tools that look for files. */
export const toolkit = Toolkit.make(Glob, Grep)

/** Carries them out in a workspace. `ripgrep: false` asks none, also where there is one. */
export const layerWith = (
  { ripgrep = true }: { readonly ripgrep?: boolean }
): Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>, never, Workspace> =>
  toolkit.toLayer(
    Effect.gen(function*() {
      const workspace = yield* Workspace
      const place = (path: string | undefined): Effect.Effect<Place, WorkspaceRefused> =>
        Effect.gen(function*() {
          const { name } = yield* workspace.locate(path ?? workspace.root, "read")
          const unreadable = yield* AgentTool.CurrentUnreadable
          return { root: workspace.root, start: name, hidden: workspace.hidden, unreadable }
        })
      return {
        Glob: ({ path, pattern }) =>
          Effect.flatMap(place(path), (at) => search({ ...at, kind: "glob", pattern, most: mostNames }, "no files")),
        Grep: (params) =>
          Effect.gen(function*() {
            const at = yield* place(params.path)
            const job: Searching = {
              ...at,
              kind: "grep",
              pattern: params.pattern,
              glob: params.glob,
              mode: params.output_mode ?? "files_with_matches",
              ignoreCase: params["-i"] ?? false,
              multiline: params.multiline ?? false,
              numbers: params["-n"] ?? true,
              before: params["-B"] ?? params["-C"] ?? 0,
              after: params["-A"] ?? params["-C"] ?? 0,
              most: params.head_limit ?? 250,
              maxBytes: workspace.maxBytes,
              ripgrep
            }
            yield* Effect.try({
              try: () => compile(job.pattern, job),
              catch: (error) => new SearchFailed({ pattern: job.pattern, problem: String(error) })
            })
            return yield* search(job, "no matches")
          })
      }
    })
  )

/** As `layerWith`, with what is there. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>, never, Workspace> = layerWith({})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostNames = 1_000

const thread = new URL("./internal/search/SearchThread.ts", import.meta.url)

const search = (job: Job, none: string): Effect.Effect<string, SearchFailed | WorkspaceRefused> =>
  Thread.run<Job, Found>(thread, "30 seconds", job).pipe(
    Effect.mapError(({ problem }) => new SearchFailed({ pattern: job.pattern, problem })),
    Effect.map(({ lines, notes }) =>
      [...(lines.length === 0 ? [none] : lines), ...notes.map((note) => `(${note})`)].join("\n")
    )
  )
