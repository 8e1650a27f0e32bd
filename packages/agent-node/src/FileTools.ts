/**
 * Tools on the files of a workspace. What they change is planned first: people see
 * the difference before they answer, it is made to the file that was looked at or
 * not at all, and after a crash it is found and not made again.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Change from "./internal/Change.ts"
import * as Notebook from "./internal/Notebook.ts"
import * as Reading from "./internal/Reading.ts"
import * as Replacement from "./internal/Replacement.ts"
import * as Text from "./internal/Text.ts"
import { digestOf, Workspace, WorkspaceRefused } from "./Workspace.ts"

const FilePath = Schema.String.annotate({ description: "From the root of the workspace on, or absolute." })
const LineNumber = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Reads a text with the numbers of its lines, the text of a PDF, or shows a picture. */
export const Read = Tool.make("Read", {
  description:
    "Reads a file of the workspace. A text is given with the numbers of its lines: 2,000 lines unless limit says otherwise, from line offset on. Of a PDF the text of its pages is given: the first 20, or those of pages. A picture (PNG, JPEG, GIF, WebP) is shown.",
  parameters: Schema.Struct({
    file_path: FilePath,
    offset: Schema.optionalKey(LineNumber),
    limit: Schema.optionalKey(LineNumber),
    pages: Schema.optionalKey(
      Schema.String.check(Schema.isPattern(Reading.pagesPattern)).annotate({
        description: "Pages of a PDF, such as 3 or 21-40."
      })
    )
  }),
  success: Schema.String,
  failure: WorkspaceRefused
}).annotateMerge(AgentTool.rules({
  onCrash: "rerun",
  safe: true,
  permission: "read",
  subject: AgentTool.subject("path", "file_path")
}))

const writing: Change.Making<{ readonly file_path: string; readonly content: string }> = ({ content, file_path }) =>
  Effect.gen(function*() {
    const { find, locate } = yield* Workspace
    const there = yield* find(file_path)
    // Whoever is asked, and the journal, are shown what is replaced.
    if (there !== undefined) yield* locate(file_path, "read")
    const before = there === undefined ? undefined : Text.read(there.bytes)
    return {
      path: file_path,
      there,
      after: Text.write(before === undefined ? content : Text.inPlaceOf(before, content))
    }
  })

/** Writes a whole file. */
export const Write = Change.tool(
  Tool.make("Write", {
    description:
      "Writes a whole file of the workspace, in the place of what is there, with the kind of line breaks that was there.",
    parameters: Schema.Struct({ file_path: FilePath, content: Schema.String }),
    success: Schema.String,
    failure: WorkspaceRefused
  }).annotateMerge(Change.rules("file_path")),
  writing
)

const editing: Change.Making<{
  readonly file_path: string
  readonly old_string: string
  readonly new_string: string
  readonly replace_all?: boolean
}> = ({ file_path, new_string, old_string, replace_all = false }) =>
  Effect.gen(function*() {
    const { maxBytes, read } = yield* Workspace
    const there = yield* read(file_path)
    const text = yield* textOf(file_path, there.bytes)
    const after = Replacement.of(text, old_string, new_string, replace_all, maxBytes)
    if ("problem" in after) return yield* new WorkspaceRefused({ path: file_path, problem: after.problem })
    return { path: file_path, there, after: Text.write(after.text) }
  })

/** Replaces a part of a file. */
export const Edit = Change.tool(
  Tool.make("Edit", {
    description:
      "Replaces old_string in a text file of the workspace by new_string. It must be there exactly once, unless replace_all is true.",
    parameters: Schema.Struct({
      file_path: FilePath,
      old_string: Schema.String,
      new_string: Schema.String,
      replace_all: Schema.optionalKey(Schema.Boolean)
    }),
    success: Schema.String,
    failure: WorkspaceRefused
  }).annotateMerge(Change.rules("file_path")),
  editing
)

const editingNotebook: Change.Making<{
  readonly notebook_path: string
  readonly cell_id?: string
  readonly new_source?: string
  readonly cell_type?: "code" | "markdown"
  readonly edit_mode?: "replace" | "insert" | "delete"
}> = ({ cell_id, cell_type, edit_mode = "replace", new_source, notebook_path }) =>
  Effect.gen(function*() {
    const refused = (problem: string) => new WorkspaceRefused({ path: notebook_path, problem })
    if (new_source === undefined && edit_mode !== "delete") {
      return yield* refused(`needs new_source to ${edit_mode} a cell`)
    }
    const there = yield* (yield* Workspace).read(notebook_path)
    const after = Notebook.edited(yield* textOf(notebook_path, there.bytes), {
      mode: edit_mode,
      cell: cell_id,
      type: cell_type,
      source: new_source ?? "",
      // The same for a plan and what is made of it.
      id: digestOf(Text.write(`${there.digest} ${cell_id} ${new_source}`)).slice(0, 8)
    })
    if ("problem" in after) return yield* refused(after.problem)
    return { path: notebook_path, there, after: Text.write(after.text) }
  })

/** Puts a cell into a notebook, replaces one, or takes one out. */
export const NotebookEdit = Change.tool(
  Tool.make("NotebookEdit", {
    description:
      "Changes a cell of a Jupyter notebook of the workspace: replaces its source (as when edit_mode is absent), inserts a new one behind it (first without cell_id), or deletes it. Outputs of a cell with a new source are dropped.",
    parameters: Schema.Struct({
      notebook_path: FilePath,
      cell_id: Schema.optionalKey(Schema.String.annotate({ description: "The id of a cell, or its place from 0 on." })),
      new_source: Schema.optionalKey(Schema.String),
      cell_type: Schema.optionalKey(Schema.Literals(["code", "markdown"])),
      edit_mode: Schema.optionalKey(Schema.Literals(["replace", "insert", "delete"]))
    }),
    success: Schema.String,
    failure: WorkspaceRefused
  }).annotateMerge(Change.rules("notebook_path")),
  editingNotebook
)

/** The tools on files. */
export const toolkit = Toolkit.make(Read, Write, Edit, NotebookEdit)

/** Carries them out in a workspace. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>, never, Workspace> = toolkit.toLayer(
  Effect.gen(function*() {
    const workspace = yield* Workspace
    const inside = Effect.provideService(Workspace, workspace)
    return {
      Read: ({ file_path, ...part }) =>
        Effect.flatMap(workspace.read(file_path), (content) => Reading.read(file_path, content, part)),
      Write: (params) => inside(Change.carryOut(writing)(params)),
      Edit: (params) => inside(Change.carryOut(editing)(params)),
      NotebookEdit: (params) => inside(Change.carryOut(editingNotebook)(params))
    }
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const textOf = (path: string, bytes: Uint8Array): Effect.Effect<string, WorkspaceRefused> =>
  Effect.suspend(() => {
    const text = Text.read(bytes)
    return text === undefined
      ? Effect.fail(new WorkspaceRefused({ path, problem: "is no text in UTF-8" }))
      : Effect.succeed(text)
  })
