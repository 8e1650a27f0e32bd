/** The route for the journal of a run: what it did and was told, entry by entry. */
import { JournalEntry } from "@fermata/core/JournalEntry"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import { readErrors } from "./RunsGroup.ts"

/**
 * Entries in order. `next` is there where the run has more: give it as `from`. A
 * page may be shorter than was asked for, since at most one of its entries has a
 * field above 64 KiB.
 */
export const JournalPage = Schema.Struct({
  entries: Schema.Array(JournalEntry),
  next: Schema.optionalKey(Schema.Int)
})
export interface JournalPage extends Schema.Schema.Type<typeof JournalPage> {}

const page = HttpApiEndpoint.get("page", "/", {
  params: { run: Schema.String },
  query: {
    /** The `seq` of the first entry; 0 when absent. */
    from: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
    limit: Paging.query.limit
  },
  success: JournalPage,
  error: readErrors
}).annotate(RequiredScope, "read")

/** The routes below `/api/runs/:run/journal`. */
export class JournalGroup extends HttpApiGroup.make("journal").add(page).prefix("/runs/:run/journal")
  .annotate(ForTenants, true)
{}
