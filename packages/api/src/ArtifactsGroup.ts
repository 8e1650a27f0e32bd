/** The routes for bytes: what the steps of a run keep, and values that are too large for an answer. */
import { KeptArtifact } from "@fermata/core/Artifact"
import { ArtifactAmbiguous, ArtifactDamaged, ArtifactNotFound } from "@fermata/core/RunsErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { BlobNotFound, RangeNotSatisfiable } from "./ApiErrors.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"
import { readErrors } from "./RunsGroup.ts"

const Run = { run: Schema.String }

/** What the steps of a run keep, in the order of their requests. */
export const ArtifactPage = Schema.Struct({ artifacts: Schema.Array(KeptArtifact), ...Paging.next })
export interface ArtifactPage extends Schema.Schema.Type<typeof ArtifactPage> {}

/** The bytes as they are, or the range of them that the header `Range` names. */
const Bytes = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array())

const list = HttpApiEndpoint.get("list", "/runs/:run/artifacts", {
  params: Run,
  query: Paging.query,
  success: ArtifactPage,
  error: readErrors
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

const content = HttpApiEndpoint.get("content", "/runs/:run/artifacts/:artifact", {
  /** The hash of the artifact, its name, or the first characters of its hash (at least 4). */
  params: { ...Run, artifact: Schema.String },
  success: Bytes,
  error: [
    ...readErrors,
    Problem.of(ArtifactNotFound),
    Problem.of(ArtifactAmbiguous),
    Problem.of(ArtifactDamaged),
    Problem.of(RangeNotSatisfiable)
  ]
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

const blob = HttpApiEndpoint.get("blob", "/blobs/:hash", {
  params: { hash: Schema.String },
  success: Bytes,
  error: [Problem.of(BlobNotFound), Problem.of(RangeNotSatisfiable)]
}).annotate(RequiredScope, "read")

/** The routes for bytes, below `/api`. */
export class ArtifactsGroup extends HttpApiGroup.make("artifacts").add(list, content, blob) {}
