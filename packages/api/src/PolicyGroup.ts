/** The routes for the rules that people have let stand by their answers. */
import { RuleAmbiguous, RuleNotFound } from "@fermata/core/RunsErrors"
import { StandingFilter, StandingRule } from "@fermata/core/StandingRule"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** The rules that stand, the oldest first. */
export const RulePage = Schema.Struct({ rules: Schema.Array(StandingRule), ...Paging.next })
export interface RulePage extends Schema.Schema.Type<typeof RulePage> {}

const list = HttpApiEndpoint.get("list", "/rules", {
  query: { ...StandingFilter.fields, ...Paging.query },
  success: RulePage
}).annotate(RequiredScope, "read")

const revoke = HttpApiEndpoint.delete("revoke", "/rules/:rule", {
  /** The id of the rule, or the first characters of it (at least 4). */
  params: { rule: Schema.String },
  success: StandingRule,
  error: [Problem.of(RuleNotFound), Problem.of(RuleAmbiguous)]
}).annotate(RequiredScope, "operate")

/** The routes below `/api/policy`. */
export class PolicyGroup extends HttpApiGroup.make("policy").add(list, revoke).prefix("/policy")
  .annotate(ForTenants, true)
{}
