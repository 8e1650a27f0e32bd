/** The routes for contracts: added, checked, listed and drawn. */
import { ContractInvalid, ContractNotFound, ContractProblem, ContractRefused } from "@fermata/core/ContractErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

const optional = Schema.optionalKey

/** A contract in a list. */
export const ContractHead = Schema.Struct({
  id: Schema.String,
  version: Schema.String,
  title: Schema.String,
  description: optional(Schema.String),
  /** SHA-256 in hex of its canonical document. */
  hash: Schema.String,
  /** When it was added, ms since the epoch. */
  at: Schema.Finite,
  /** What starts it. */
  triggers: Schema.Array(Schema.Unknown),
  /** What a completed run comes to, as JSON Schema. */
  outputSchema: optional(Schema.Unknown)
})
export interface ContractHead extends Schema.Schema.Type<typeof ContractHead> {}

/** Every version of every contract, by id, the newest first. */
export const ContractPage = Schema.Struct({ contracts: Schema.Array(ContractHead), ...Paging.next })
export interface ContractPage extends Schema.Schema.Type<typeof ContractPage> {}

/** A contract that is in the store now. */
export const ContractAdded = Schema.Struct({
  id: Schema.String,
  version: Schema.String,
  title: Schema.String,
  hash: Schema.String,
  at: Schema.Finite
})
export interface ContractAdded extends Schema.Schema.Type<typeof ContractAdded> {}

/** The steps of a contract, the ways between them, and both as a Mermaid flowchart. */
export const ContractDrawing = Schema.Struct({
  id: Schema.String,
  version: Schema.String,
  entryStepId: Schema.String,
  steps: Schema.Array(Schema.Struct({ id: Schema.String, kind: Schema.String, name: Schema.String })),
  edges: Schema.Array(
    Schema.Struct({
      from: Schema.String,
      /** Null for the end of the run. */
      to: Schema.NullOr(Schema.String),
      /** When the way is taken; empty for the plain `next`. */
      label: Schema.String
    })
  ),
  mermaid: Schema.String
})
export interface ContractDrawing extends Schema.Schema.Type<typeof ContractDrawing> {}

/** A contract as a JSON document. What it may say is the matter of the check, which names every mistake. */
const Document = Schema.Unknown

/** `newest` for the newest version. */
const Version = { contract: Schema.String, version: Schema.String }

const list = HttpApiEndpoint.get("list", "/", {
  query: Paging.query,
  success: ContractPage
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

const add = HttpApiEndpoint.post("add", "/", {
  payload: Document,
  success: ContractAdded.pipe(HttpApiSchema.status(201)),
  error: [Problem.of(ContractInvalid), Problem.of(ContractRefused)]
}).annotate(RequiredScope, "operate")

const check = HttpApiEndpoint.post("check", "/check", {
  payload: Document,
  success: Schema.Struct({ valid: Schema.Boolean, problems: Schema.Array(ContractProblem) })
}).annotate(RequiredScope, "read").annotate(ForTenants, true).annotate(DoneOnce, "itself")

const get = HttpApiEndpoint.get("get", "/:contract/:version", {
  params: Version,
  success: Schema.Struct({ ...ContractHead.fields, document: Schema.Unknown }),
  error: Problem.of(ContractNotFound)
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

const graph = HttpApiEndpoint.get("graph", "/:contract/:version/graph", {
  params: Version,
  success: ContractDrawing,
  error: Problem.of(ContractNotFound)
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

/** The routes below `/api/contracts`. */
export class ContractsGroup
  extends HttpApiGroup.make("contracts").add(list, add, check, get, graph).prefix("/contracts")
{}
