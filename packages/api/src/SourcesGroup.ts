/** The routes for sources: declared, paused, tried, and forgotten. What is sent to one comes to `POST /hooks/:source`. */
import {
  SourceDeclaration,
  SourceNotFound,
  SourceRefused,
  SourceSample,
  SourceVerdict,
  SourceView
} from "@fermata/core/Source"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** Sources by name. */
export const SourcePage = Schema.Struct({ sources: Schema.Array(SourceView), ...Paging.next })
export interface SourcePage extends Schema.Schema.Type<typeof SourcePage> {}

const list = HttpApiEndpoint.get("list", "/", {
  query: Paging.query,
  success: SourcePage
}).annotate(RequiredScope, "read")

const Params = { source: Schema.String }
const missing = Problem.of(SourceNotFound)

const get = HttpApiEndpoint.get("get", "/:source", {
  params: Params,
  success: SourceView,
  error: missing
}).annotate(RequiredScope, "read")

/** Declares a source, in place of the one of its name. It lets somebody in without a token, so it takes the scope `admin`. */
const put = HttpApiEndpoint.put("put", "/:source", {
  params: Params,
  payload: SourceDeclaration,
  success: SourceView,
  error: Problem.of(SourceRefused)
}).annotate(RequiredScope, "admin")

const remove = HttpApiEndpoint.delete("remove", "/:source", {
  params: Params,
  success: SourceView,
  error: missing
}).annotate(RequiredScope, "admin")

const pause = HttpApiEndpoint.post("pause", "/:source/pause", {
  params: Params,
  payload: Schema.Struct({
    /** Why. */
    note: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500)))
  }),
  success: SourceView,
  error: missing
}).annotate(RequiredScope, "operate")

const resume = HttpApiEndpoint.post("resume", "/:source/resume", {
  params: Params,
  success: SourceView,
  error: missing
}).annotate(RequiredScope, "operate")

/** What would come of a sample, of which nothing is done. */
const test = HttpApiEndpoint.post("test", "/:source/test", {
  params: Params,
  payload: SourceSample,
  success: SourceVerdict,
  error: missing
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

/** The routes below `/api/sources`. */
export class SourcesGroup
  extends HttpApiGroup.make("sources").add(list, get, put, remove, pause, resume, test).prefix("/sources")
    .annotate(ForTenants, true)
{}
