/**
 * `ApiCall`: the tool by which a model asks services that an operator has
 * configured (`HttpService`). It is there where there are services, and nowhere
 * else: those of one run alone, or of its agent, or of the process
 * (`HttpService.layer`).
 *
 * What reads (GET, HEAD) is done without asking, may run beside other calls, and
 * is done again after a crash: who configures a service says by its rails what
 * may be read of it. Everything else is asked about, unless a rule of the policy
 * allows it, and after a crash it is made again where the service knows it again
 * by a key, and asked about otherwise. Rules go by `SERVICE METHOD /path`, such as
 * `ApiCall(crm GET /people/*)`.
 *
 * @example
 * ```ts
 * const Clerk = Agent.make("clerk", {
 *   instructions: "You keep the addresses of customers.",
 *   services: HttpService.make({
 *     services: [{ name: "crm", baseUrl: "https://crm.example.com", auth: { type: "bearer", token: { secret: "CRM" } } }]
 *   }),
 *   policy: Policy.rules({ allow: ["ApiCall(crm PATCH /people/*)"], deny: ["ApiCall(crm DELETE *)"] })
 * })
 * ```
 */
import * as HttpRequest from "@fermata/engine/HttpRequest"
import * as HttpService from "@fermata/engine/HttpService"
import type { SecretMissing } from "@fermata/engine/Secrets"
import type { StepContext } from "@fermata/engine/Step"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { CallAgain, type Subject } from "./AgentTool.ts"

/** The name of the tool. */
export const toolName = "ApiCall"

/** A service as the model is told of it. */
export const Listed = Schema.Struct({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  methods: Schema.Array(HttpService.Method),
  /** Regular expressions of the paths that may be asked for; any when absent. */
  paths: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Listed = typeof Listed.Type

/** What rules go by in a call: `SERVICE METHOD /path`, the path decoded and without its query. */
export const subject: Subject = {
  kind: "text",
  of: (params) => {
    if (typeof params !== "object" || params === null || Array.isArray(params)) return undefined
    const { method = "GET", path, service } = params as Schema.JsonObject
    return typeof service === "string" && typeof method === "string" && typeof path === "string"
      ? `${service} ${method} ${HttpRequest.pathOf(path) ?? path}`
      : undefined
  }
}

/**
 * Asks a service in the handler of a tool. Where it says that it has too much to
 * do, and may be asked again, the handler fails with `CallAgain`; where it says so
 * and may not, its answer is the reply.
 */
export const request = (
  services: HttpService.Services,
  asked: HttpRequest.Asked,
  call: Pick<StepContext, "idempotencyKey">
): Effect.Effect<HttpRequest.Reply, CallAgain | HttpRequest.RequestFailed | SecretMissing> =>
  Effect.catchTag(
    HttpRequest.request(services, asked, call),
    "HttpRequestFailed",
    (failed) => afterwards(services, failed)
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const afterwards = (
  services: HttpService.Services,
  failed: HttpRequest.RequestFailed
): Effect.Effect<HttpRequest.Reply, CallAgain | HttpRequest.RequestFailed> => {
  const { message, reply, retryable, retryAfterMs, service } = failed
  if (!retryable) return reply === undefined ? Effect.fail(failed) : Effect.succeed(reply)
  return Effect.fail(
    new CallAgain({
      problem: message,
      retries: HttpService.named(services, service)?.entry.maxRetries ?? HttpService.defaults.maxRetries,
      ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }),
      ...(reply === undefined ? {} : { result: reply })
    })
  )
}
