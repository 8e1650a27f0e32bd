/** The routes for agents: which there are, and how far a run of one is, beside what every run has. */
import { AgentState } from "@fermata/core/AgentState"
import { Amount } from "@fermata/core/Amount"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import { readErrors } from "./RunsGroup.ts"

const texts = Schema.Array(Schema.String)

/** An agent, as far as others need to know it. Its runs are those of the workflow of its name, and take `{ id, input }`. */
export const AgentHead = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  models: texts,
  /** The names of its own tools. */
  tools: texts,
  /** The names of the agents that it gives work to. */
  agents: texts,
  /** Whether its input is text. */
  takesText: Schema.Boolean,
  /** What a run may spend that was told nothing else. */
  budget: Schema.optionalKey(Amount),
  /** What all its runs together may spend on a UTC day, without raises. */
  dailyBudget: Schema.optionalKey(Amount)
})
export interface AgentHead extends Schema.Schema.Type<typeof AgentHead> {}

/** The agents of the server, in the order in which it has them. */
export const AgentPage = Schema.Struct({ agents: Schema.Array(AgentHead), ...Paging.next })
export interface AgentPage extends Schema.Schema.Type<typeof AgentPage> {}

const list = HttpApiEndpoint.get("list", "/agents", {
  query: Paging.query,
  success: AgentPage
}).annotate(RequiredScope, "read")

const state = HttpApiEndpoint.get("state", "/runs/:run/state", {
  params: { run: Schema.String },
  success: AgentState,
  error: readErrors
}).annotate(RequiredScope, "read")

/** `/api/agents`, and `/api/runs/:run/state`: how far a run of an agent is. Its stream is in `StreamsGroup`. */
export class AgentsGroup extends HttpApiGroup.make("agents").add(list, state)
  .annotate(ForTenants, true)
{}
