/** The typed client of a Fermata server. A refusal is the error of the engine that the server met. */
import * as Context from "effect/Context"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Client_ from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { tenantHeader } from "./Access.ts"
import { Api } from "./Api.ts"
import * as AskAgain from "./internal/AskAgain.ts"

/** How often a request is asked again where nobody says otherwise. */
export const defaultRetries = 3

/** Where the server is, and what lets in there. */
export interface ClientOptions {
  /** Such as `http://127.0.0.1:4314`. */
  readonly url: string
  readonly token?: Redacted.Redacted<string>
  /** Asks for what is of this tenant; for a token that is of none. */
  readonly tenant?: string
  /**
   * How often a request is asked again that the server refuses since it has enough
   * to do (429), each time after the time that it names, if that is no more than a
   * minute; 3 when absent. Such a request has done nothing, so a write is asked again
   * like a look. Behind the last it fails with `TooManyRequests`. That a tenant has
   * as many runs as it may have (`QuotaReached`) is told at once.
   */
  readonly retries?: number
}

/** A method for each route, by group: `client.runs.list({ query: {} })`. */
export class Client extends Context.Service<Client, HttpApiClient.ForApi<typeof Api>>()("@fermata/api/Client") {
  /** The client of the server at this address. */
  static readonly layer = (
    { retries = defaultRetries, tenant, token, url }: ClientOptions
  ): Layer.Layer<Client, never, HttpClient.HttpClient> =>
    Layer.effect(
      Client,
      HttpApiClient.make(Api, {
        baseUrl: url,
        transformClient: (client) =>
          AskAgain.times(retries)(Client_.mapRequest(client, (request) => {
            const within = tenant === undefined ? request : HttpClientRequest.setHeader(request, tenantHeader, tenant)
            return token === undefined ? within : HttpClientRequest.bearerToken(within, Redacted.value(token))
          }))
      })
    )
}
