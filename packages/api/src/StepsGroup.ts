/** The routes for the steps of a run: looked at, and settled where nobody knows what came of one. */
import { Receipt, Settlement } from "@fermata/core/Receipt"
import { OutputRefused, StepNotOpen, StepNotRequested } from "@fermata/core/RunsErrors"
import { StepStatus, StepView } from "@fermata/core/RunViewSchema"
import { EntryCorrupt } from "@fermata/core/Upcast"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { Large } from "./Large.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"
import { actErrors, readErrors } from "./RunsGroup.ts"

const { error: _, input: _input, output: _output, ...briefFields } = StepView.fields

/** A step in a list: without its input and output. */
export const StepBrief = Schema.Struct({
  ...briefFields,
  /** Why it failed, or why its latest attempt did, in one sentence. */
  problem: Schema.optionalKey(Schema.String)
})
export interface StepBrief extends Schema.Schema.Type<typeof StepBrief> {}

/** A step with all that it took and gave. */
export const StepDetail = Schema.Struct({ ...StepView.fields, large: Schema.optionalKey(Large) })
export interface StepDetail extends Schema.Schema.Type<typeof StepDetail> {}

/** Steps in the order in which they were asked for. */
export const StepPage = Schema.Struct({ steps: Schema.Array(StepBrief), ...Paging.next })
export interface StepPage extends Schema.Schema.Type<typeof StepPage> {}

const Run = { run: Schema.String }
const OfStep = { ...Run, key: Schema.String }

const list = HttpApiEndpoint.get("list", "/", {
  params: Run,
  query: {
    status: Schema.optionalKey(Schema.Array(StepStatus)),
    /** Only steps with this text in their key, label or title, in capitals or not. */
    q: Schema.optionalKey(Schema.String),
    ...Paging.query
  },
  success: StepPage,
  error: readErrors
}).annotate(RequiredScope, "read")

const get = HttpApiEndpoint.get("get", "/:key", {
  params: OfStep,
  success: StepDetail,
  error: [...readErrors, Problem.of(StepNotRequested)]
}).annotate(RequiredScope, "read")

const settle = HttpApiEndpoint.post("settle", "/:key/settle", {
  params: OfStep,
  payload: Settlement,
  success: Receipt,
  error: [...actErrors, Problem.of(StepNotOpen), Problem.of(OutputRefused), Problem.of(EntryCorrupt)]
}).annotate(RequiredScope, "operate")

/** The routes below `/api/runs/:run/steps`. */
export class StepsGroup extends HttpApiGroup.make("steps").add(list, get, settle).prefix("/runs/:run/steps")
  .annotate(ForTenants, true)
{}
