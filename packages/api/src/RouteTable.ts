/** Every route of the API as data: what a server tells whoever misses one, and what tests go through. */
import * as Context from "effect/Context"
import * as HttpApi from "effect/http-api/HttpApi"
import { RequiredScope, type Requirement } from "./Access.ts"
import { Api } from "./Api.ts"
import { DoneOnce, type OnceBy } from "./Idempotency.ts"

/** One route. `path` has its parameters as `:name`. */
export interface Route {
  /** `group.endpoint`, such as `runs.list`. */
  readonly name: string
  readonly method: string
  readonly path: string
  readonly scope: Requirement | undefined
  /** By what a write is done once. */
  readonly once: OnceBy
  /** The status of its answer, where that is no refusal; the first where there are several. */
  readonly status: number
}

const reflected = (): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group, mergedAnnotations, successes }) => {
      routes.push({
        name: `${group.identifier}.${endpoint.identifier}`,
        method: endpoint.method,
        path: endpoint.path,
        scope: Context.get(mergedAnnotations, RequiredScope),
        once: Context.get(mergedAnnotations, DoneOnce),
        status: successes.keys().next().value ?? 200
      })
    }
  })
  return routes
}

/** In the order of the API. */
export const routes: ReadonlyArray<Route> = reflected()

/** The methods that some route takes at this path, which is without its query. */
export const methodsAt = (path: string): ReadonlyArray<string> => [
  ...new Set(matchers.filter(({ matches }) => matches.test(path)).map(({ method }) => method))
]

/** The path of the route that a request comes to, with its parameters as `:name`; undefined where there is none. */
export const routeAt = (method: string, path: string): string | undefined =>
  matchers.find((route) => route.method === method && route.matches.test(path))?.path

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const matchers = routes.map(({ method, path }) => ({
  method,
  path,
  matches: new RegExp(`^${path.replace(/\/$/, "").replaceAll(/:[^/]+/g, "[^/]+")}/?$`)
}))
