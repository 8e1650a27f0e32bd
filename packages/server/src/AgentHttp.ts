/**
 * An agent as a function from a Fetch request to a response, to be mounted
 * wherever there is one. Who may ask is up to an `AgentGate`, and under which
 * address is up to the host.
 */
import type { Agent } from "@fermata/agent/Agent"
import type { AgentFailed } from "@fermata/agent/AgentErrors"
import {
  BadRequest,
  BodyTooLarge,
  KeyReused,
  MethodNotAllowed,
  ServerFailed,
  UnsupportedMediaType
} from "@fermata/api/ApiErrors"
import * as Problem from "@fermata/api/Problem"
import * as JsonText from "@fermata/core/JsonText"
import { isFinal } from "@fermata/core/RunStatus"
import { CurrentActor } from "@fermata/engine/Actor"
import { Runs } from "@fermata/engine/Runs"
import * as Cause from "effect/Cause"
import { WebCrypto } from "effect/crypto/WebCrypto"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { AgentGate } from "./AgentGate.ts"
import * as ProblemResponse from "./internal/ProblemResponse.ts"
import { defaultMaxBody } from "./ServerOptions.ts"

/** What an agent is asked with, and how. */
export interface Options {
  /** An agent that takes text; what it gives has to be JSON. */
  readonly agent: Pick<Agent<string, typeof Schema.String, Schema.Top, never>, "name" | "run" | "start">
  /** The longest body (bytes) that is read; 2 MiB when absent. */
  readonly maxBody?: number
  /** How long a request is held for its run; 55 seconds when absent, which is below what proxies allow. */
  readonly wait?: Duration.Input
}

/**
 * Answers `POST` with the body `{ "prompt": "…" }` by a run of the agent.
 *
 * | the run | is answered |
 * |---|---|
 * | is done | 200: `{ run, output, text, turns, usage, stopped? }` |
 * | waits for a person, or works longer than a request is held | 202: `{ run, status, waits }` |
 * | failed | 502, a problem with the code and the run |
 *
 * A request that cannot be taken is a problem (4xx), and nothing is run. With the
 * header `Idempotency-Key` the same caller has the same run for the same key, so
 * that asking again costs nothing and gives what it came to; with another prompt
 * the key is refused (422). With `Prefer: respond-async` (RFC 7240) the request is
 * not held, and is answered 202 as soon as the run is recorded. A run that is not
 * waited for goes on: `AgentState.of` and `GET /api/runs/:run/state` tell how far it is.
 */
export const http = ({ agent, maxBody = defaultMaxBody, wait = "55 seconds" }: Options) =>
(
  request: Request
): Effect.Effect<Response, never, AgentGate | Runs | WorkflowEngine> =>
  Effect.gen(function*() {
    if (request.method !== "POST") {
      const { pathname: path } = new URL(request.url)
      return yield* new MethodNotAllowed({ method: request.method, path, allowed: ["POST"] })
    }
    const body = yield* bytesOf(request, maxBody)
    const caller = yield* (yield* AgentGate).admit(request, body)
    const prompt = yield* promptOf(request, body)
    const key = request.headers.get("idempotency-key")
    // No name and key read like those of another caller.
    const id = key === null ? (yield* WebCrypto).randomUUID() : JSON.stringify([caller, key])
    const runs = yield* Runs
    const run = yield* Effect.provideService(agent.start(prompt, { id }), CurrentActor, { who: caller, how: "http" })
    const isHeld = !prefersAsync(request)
    const seen = yield* runs.follow(run).pipe(
      Stream.map(({ view }) => view),
      Stream.filter(({ status, waits }) => isFinal(status) || waits.some(({ reason }) => reason === "approval")),
      Stream.runHead,
      Effect.timeoutOption(isHeld ? wait : 0),
      Effect.map(Option.flatten)
    )
    const stands = Option.isSome(seen) ? seen.value : yield* runs.show(run)
    if (key !== null && inputOf(stands.payload) !== prompt) return yield* new KeyReused({ key })
    if (!isFinal(stands.status)) {
      const applied = isHeld ? {} : { headers: { "preference-applied": "respond-async" } }
      return json(202, { run, status: stands.status, waits: stands.waits }, applied)
    }
    // It is over, so that this gives what is recorded.
    const exit = yield* Effect.exit(agent.run(prompt, { id }))
    if (Exit.isSuccess(exit)) return json(200, { run, ...exit.value })
    const error = Cause.squash(exit.cause) as AgentFailed
    const { code = "ERR_DEFECT", problem = "the run was cancelled" } = error as Partial<AgentFailed>
    return json(502, {
      type: Problem.typeOf("AgentFailed"),
      title: Problem.titleOf("AgentFailed"),
      status: 502,
      detail: `Agent "${agent.name}" failed with ${code}: ${problem}`,
      error: { _tag: "AgentFailed", run, agent: agent.name, code, problem }
    }, { contentType: Problem.contentType })
  }).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
      const error = Cause.squash(cause)
      if (ProblemResponse.isApiError(error)) return Effect.succeed(HttpServerResponse.toWeb(ProblemResponse.of(error)))
      return Effect.gen(function*() {
        const id = (yield* WebCrypto).randomUUID()
        yield* Effect.logError(`request ${id} to agent "${agent.name}" failed`, cause)
        return HttpServerResponse.toWeb(ProblemResponse.of(new ServerFailed({ id })))
      })
    })
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const json = (
  status: number,
  body: object,
  options: { readonly contentType?: string; readonly headers?: Readonly<Record<string, string>> } = {}
): Response => HttpServerResponse.toWeb(HttpServerResponse.jsonUnsafe(body, { status, ...options }))

/** Preferences are separated by commas, and one may have parameters. */
const prefersAsync = ({ headers }: Request): boolean =>
  (headers.get("prefer") ?? "").split(",").some((each) => each.split(";")[0]!.trim().toLowerCase() === "respond-async")

/** What the run of an agent was asked with. */
const inputOf = (payload: unknown): unknown =>
  typeof payload === "object" && payload !== null && "input" in payload ? payload.input : undefined

/** The body, which is read no further than it may be long. */
const bytesOf = (request: Request, most: number) => {
  if (request.body === null) return Effect.succeed(new Uint8Array(0))
  const { body } = request
  return Stream.fromReadableStream<Uint8Array, BadRequest>({
    evaluate: () => body,
    onError: () => new BadRequest({ problem: "The body could not be read", issues: [] })
  }).pipe(
    Stream.runFoldEffect(() => new Uint8Array(0), (read, bytes: Uint8Array) => {
      if (read.length + bytes.length > most) return Effect.fail(new BodyTooLarge({ most }))
      const both = new Uint8Array(read.length + bytes.length)
      both.set(read)
      both.set(bytes, read.length)
      return Effect.succeed(both)
    })
  )
}

const promptOf = ({ headers }: Request, body: Uint8Array): Effect.Effect<string, BadRequest | UnsupportedMediaType> => {
  const type = (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase()
  if (type !== "application/json") {
    return Effect.fail(new UnsupportedMediaType({ contentType: type === "" ? "no name" : type.slice(0, 100) }))
  }
  const parsed = JsonText.parse(new TextDecoder().decode(body))
  if (parsed._tag !== "Json") {
    const [{ column, line, problem }] = parsed._tag === "Mistake" ? [parsed] : parsed.losses
    return Effect.fail(
      new BadRequest({ problem: `The body is no JSON: ${problem} (line ${line}, column ${column})`, issues: [] })
    )
  }
  const { prompt } = (parsed.value ?? {}) as { readonly prompt?: unknown }
  if (typeof prompt === "string" && prompt.trim() !== "") return Effect.succeed(prompt)
  const message = `it must be a text that is not empty, as in {"prompt":"What is new?"}`
  return Effect.fail(
    new BadRequest({ problem: `body.prompt: ${message}`, issues: [{ path: "body.prompt", message }] })
  )
}
