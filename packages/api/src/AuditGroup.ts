/** The routes for the audit: who did what, and whether all of that still stands as it was written. */
import { AuditLine, AuditVerdict } from "@fermata/core/AuditLine"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"

const optional = Schema.optionalKey

/** Lines of the audit, the newest first. */
export const AuditPage = Schema.Struct({ lines: Schema.Array(AuditLine), ...Paging.next })
export interface AuditPage extends Schema.Schema.Type<typeof AuditPage> {}

const list = HttpApiEndpoint.get("list", "/", {
  query: {
    who: optional(Schema.String),
    /** Such as `run.cancel`, or `run.*` for all that begin so. */
    action: optional(Schema.String),
    /** About this run or its questions. */
    run: optional(Schema.String),
    /** ms since the epoch. */
    since: optional(Schema.Finite),
    ...Paging.query
  },
  success: AuditPage
}).annotate(RequiredScope, "admin").annotate(ForTenants, true)

/** Looks through the whole chain. */
const verify = HttpApiEndpoint.get("verify", "/verify", {
  query: {
    /** A hash that the last line is known to have had once: then it shows too where lines were cut off. */
    head: optional(Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/)))
  },
  success: AuditVerdict
}).annotate(RequiredScope, "admin")

/** The routes below `/api/audit`. */
export class AuditGroup extends HttpApiGroup.make("audit").add(list, verify).prefix("/audit") {}
