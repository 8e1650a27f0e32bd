/** The routes for runs of agents, beside those that every run has. */
import { AgentState } from "@fermata/core/AgentState"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { RequiredScope } from "./Access.ts"
import { readErrors } from "./RunsGroup.ts"

const state = HttpApiEndpoint.get("state", "/runs/:run/state", {
  params: { run: Schema.String },
  success: AgentState,
  error: readErrors
}).annotate(RequiredScope, "read")

/** `/api/runs/:run/state`: how far a run of an agent is. Its stream is in `StreamsGroup`. */
export class AgentsGroup extends HttpApiGroup.make("agents").add(state) {}
