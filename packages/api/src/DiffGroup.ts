/** The route that compares two runs. */
import { JournalEntry } from "@fermata/core/JournalEntry"
import { StepStatus } from "@fermata/core/RunViewSchema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import { readErrors } from "./RunsGroup.ts"

const optional = Schema.optionalKey

/** How a step stands in one of the runs. */
export const StepSide = Schema.Struct({
  status: StepStatus,
  output: optional(Schema.Unknown),
  error: optional(Schema.String)
})
export interface StepSide extends Schema.Schema.Type<typeof StepSide> {}

/** Where two runs part, and steps of the two in the order in which they were first asked for. */
export const DiffPage = Schema.Struct({
  a: Schema.String,
  b: Schema.String,
  /** The first entries that differ; one is absent where that run has no more. Absent when the runs are the same. */
  parting: optional(Schema.Struct({ a: optional(JournalEntry), b: optional(JournalEntry) })),
  steps: Schema.Array(Schema.Struct({
    key: Schema.String,
    verdict: Schema.Literals(["same", "different", "only-a", "only-b"]),
    a: optional(StepSide),
    b: optional(StepSide)
  })),
  ...Paging.next
})
export interface DiffPage extends Schema.Schema.Type<typeof DiffPage> {}

const page = HttpApiEndpoint.get("page", "/", {
  params: { run: Schema.String, other: Schema.String },
  query: Paging.query,
  success: DiffPage,
  error: readErrors
}).annotate(RequiredScope, "read")

/** The routes below `/api/runs/:run/diff/:other`. */
export class DiffGroup extends HttpApiGroup.make("diff").add(page).prefix("/runs/:run/diff/:other")
  .annotate(ForTenants, true)
{}
