/** The HTTP surface of Fermata as one value: served by `@fermata/server`, called by `Client`, described by OpenAPI. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import { Access } from "./Access.ts"
import { RunsGroup } from "./RunsGroup.ts"
import { StreamsGroup } from "./StreamsGroup.ts"
import { SystemGroup } from "./SystemGroup.ts"

/** Every group of routes, below `/api`. */
export class Api extends HttpApi.make("fermata")
  .add(RunsGroup)
  .add(StreamsGroup)
  .add(SystemGroup)
  .middleware(Access)
  .prefix("/api")
  .annotateMerge(OpenApi.annotations({
    title: "Fermata",
    description: "Durable runs of workflows and agents: start them, look at them, answer and steer them."
  }))
{}
