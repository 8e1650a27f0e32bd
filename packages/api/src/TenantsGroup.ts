/** The routes for tenants: what each has, and what it may have. */
import { Quotas, TenantDeleted, TenantInUse, TenantRefused, TenantView } from "@fermata/core/Tenant"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** Tenants that have runs or quotas, by name. `next` is there where more may follow: give it as `after`. */
export const TenantPage = Schema.Struct({ tenants: Schema.Array(TenantView), ...Paging.next })
export interface TenantPage extends Schema.Schema.Type<typeof TenantPage> {}

const list = HttpApiEndpoint.get("list", "/", {
  query: Paging.query,
  success: TenantPage
}).annotate(RequiredScope, "admin")

const Params = { tenant: Schema.String }

const get = HttpApiEndpoint.get("get", "/:tenant", {
  params: Params,
  success: TenantView,
  error: [Problem.of(TenantRefused)]
}).annotate(RequiredScope, "admin")

/** Sets the quotas in place of those that the tenant had; one that is not named has no limit. */
const limit = HttpApiEndpoint.put("limit", "/:tenant/quotas", {
  params: Params,
  payload: Quotas,
  success: TenantView,
  error: [Problem.of(TenantRefused)]
}).annotate(RequiredScope, "admin")

/** Deletes all that the tenant has, for good; the lines of the audit stay. */
const remove = HttpApiEndpoint.delete("delete", "/:tenant", {
  params: Params,
  success: TenantDeleted,
  error: [Problem.of(TenantRefused), Problem.of(TenantInUse)]
}).annotate(RequiredScope, "admin")

/** The routes below `/api/tenants`. */
export class TenantsGroup extends HttpApiGroup.make("tenants").add(list, get, limit, remove).prefix("/tenants") {}
