/** The routes for money: what runs have spent, and what they may spend on a day. */
import { DayRaise, DayRaised } from "@fermata/core/DayRaise"
import { DayRaiseRefused, WorkflowNotFound } from "@fermata/core/RunsErrors"
import { SpendingFilter, SpendingSum } from "@fermata/core/SpendingSum"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

const optional = Schema.optionalKey

/** Sums of what was spent. */
export const SpendingPage = Schema.Struct({ sums: Schema.Array(SpendingSum), ...Paging.next })
export interface SpendingPage extends Schema.Schema.Type<typeof SpendingPage> {}

/** Raises of days, in the order in which they came. */
export const RaisePage = Schema.Struct({ raises: Schema.Array(DayRaise), ...Paging.next })
export interface RaisePage extends Schema.Schema.Type<typeof RaisePage> {}

/** By how much what a workflow may spend on a day is raised. */
export const DayRaiseBody = Schema.Struct({
  workflow: Schema.String,
  /** A UTC day, such as `2026-11-30`; today when absent. */
  day: optional(Schema.String),
  /** Millionths of a US dollar. */
  micros: optional(Schema.Int),
  tokens: optional(Schema.Int),
  /** For people. */
  note: optional(Schema.String),
  /** Raises of one id are one raise, whoever sends them. */
  id: optional(Schema.String)
})
export interface DayRaiseBody extends Schema.Schema.Type<typeof DayRaiseBody> {}

const { groupBy: _, ...days } = SpendingFilter.fields

const sums = HttpApiEndpoint.get("sums", "/", {
  query: { ...SpendingFilter.fields, ...Paging.query },
  success: SpendingPage
}).annotate(RequiredScope, "read")

const raises = HttpApiEndpoint.get("raises", "/raises", {
  query: { ...days, ...Paging.query },
  success: RaisePage
}).annotate(RequiredScope, "read")

const raise = HttpApiEndpoint.post("raise", "/raises", {
  payload: DayRaiseBody,
  success: DayRaised,
  error: [Problem.of(DayRaiseRefused), Problem.of(WorkflowNotFound)]
}).annotate(RequiredScope, "operate")

/** The routes below `/api/spending`. */
export class SpendingGroup extends HttpApiGroup.make("spending").add(sums, raises, raise).prefix("/spending")
  .annotate(ForTenants, true)
{}
