/** The route for workflows: which there are, of programs and of documents. */
import { KnownWorkflow } from "@fermata/core/KnownWorkflow"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"

/** Every version of every workflow, by name, as its store knows them. */
export const WorkflowPage = Schema.Struct({ workflows: Schema.Array(KnownWorkflow), ...Paging.next })
export interface WorkflowPage extends Schema.Schema.Type<typeof WorkflowPage> {}

const list = HttpApiEndpoint.get("list", "/", {
  query: { name: Schema.optionalKey(Schema.String), ...Paging.query },
  success: WorkflowPage
}).annotate(RequiredScope, "read")

/** The routes below `/api/workflows`. */
export class WorkflowsGroup extends HttpApiGroup.make("workflows").add(list).prefix("/workflows")
  .annotate(ForTenants, true)
{}
