/** The routes for the rules that say for how long runs are kept. */
import {
  RetentionLimits,
  RetentionNotFound,
  RetentionRefused,
  RetentionRule,
  RetentionScope
} from "@fermata/core/Retention"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Problem from "./Problem.ts"

/** All rules: there is one for a tenant, a workflow and a status. */
export const Rules = Schema.Struct({ rules: Schema.Array(RetentionRule) })
export interface Rules extends Schema.Schema.Type<typeof Rules> {}

const list = HttpApiEndpoint.get("list", "/rules", { success: Rules }).annotate(RequiredScope, "read")

/** Sets a rule in place of the one that there was for just these runs. */
const set = HttpApiEndpoint.put("set", "/rules", {
  payload: RetentionLimits,
  success: RetentionRule,
  error: [Problem.of(RetentionRefused)]
}).annotate(RequiredScope, "admin")

const unset = HttpApiEndpoint.delete("unset", "/rules", {
  query: RetentionScope.fields,
  success: RetentionRule,
  error: [Problem.of(RetentionNotFound), Problem.of(RetentionRefused)]
}).annotate(RequiredScope, "admin")

/** The routes below `/api/retention`. */
export class RetentionGroup extends HttpApiGroup.make("retention").add(list, set, unset).prefix("/retention")
  .annotate(ForTenants, true)
{}
