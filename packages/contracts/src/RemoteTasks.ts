/**
 * Tasks that another service does: work goes out as `POST /jobs`, and what
 * became of it comes back to the callback URL, which the host serves with
 * `handleCallback`.
 */
import { sha256Hex } from "@fermata/engine/Digest"
import { Events } from "@fermata/engine/Events"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { TaskFailed, type TaskReply, TaskRuntime, UnknownTask } from "./TaskRuntime.ts"

/** How the service is to treat a job. */
export type Mode = "task" | "ticket"

/** The tasks of the agent service and their modes. */
export const defaultTasks: Readonly<Record<string, Mode>> = {
  "code-task": "task",
  "analyze-code": "task",
  "test-run": "task",
  "analyze-ticket": "ticket",
  "knowledge-base": "task"
}

/** Where the service is, and what it takes. */
export interface Options {
  /** Where the service is; jobs go to `jobs` below it. */
  readonly serviceUrl: URL
  /** Where it reports to. */
  readonly callbackUrl: URL
  /** Sent as Bearer token when there is one. */
  readonly apiKey?: Redacted.Redacted
  /** Names of the tasks that the service takes, and their modes. */
  readonly tasks?: Readonly<Record<string, Mode>>
}

/** What the service and whoever serves its callbacks both know, from the environment. */
export const callbackSecret: Config.Config<Redacted.Redacted> = Config.schema(
  Schema.Redacted(Schema.NonEmptyString),
  "CALLBACK_SECRET"
)

/** Settings from the environment. `callbackSecret` is for `handleCallback`. */
export const config: Config.Config<{
  readonly serviceUrl: URL
  readonly callbackUrl: URL
  readonly callbackSecret: Redacted.Redacted
  readonly apiKey: Option.Option<Redacted.Redacted>
}> = Config.all({
  serviceUrl: Config.withDefault(Config.URL("AGENT_SERVICE_URL"), new URL("https://agent.fermata.internal")),
  callbackUrl: Config.withDefault(
    Config.URL("ENGINE_CALLBACK_URL"),
    new URL("https://engine.fermata.internal/callbacks")
  ),
  callbackSecret,
  apiKey: Config.option(Config.schema(Schema.Redacted(Schema.NonEmptyString), "AGENT_API_KEY"))
})

/** Hands tasks to the service. A task that is not listed is refused before anything is sent. */
export const layer = (options: Options): Layer.Layer<TaskRuntime, never, HttpClient.HttpClient> =>
  Layer.effect(TaskRuntime, Effect.map(HttpClient.HttpClient, (client) => make(client, options)))

/** The same, with the settings of the environment. */
export const layerConfig: Layer.Layer<TaskRuntime, Config.ConfigError, HttpClient.HttpClient> = Layer.unwrap(
  Effect.map(
    config,
    ({ apiKey, callbackUrl, serviceUrl }) =>
      layer({ callbackUrl, serviceUrl, ...(Option.isSome(apiKey) ? { apiKey: apiKey.value } : {}) })
  )
)

/** What a callback says about a job. */
export interface Callback {
  readonly success: boolean
  readonly runId: string
  readonly stepId: string
  readonly output: Schema.Json
  readonly error: Schema.Json
}

/** The header that carries the secret. */
export const secretHeader = "x-callback-secret"

/** Longest body of a callback, in bytes. */
export const maxBody = 1024 * 1024

/** Reads the JSON of a callback; nothing when it is malformed. Without `success` it is one exactly when there is no error. */
export const parseCallback = (text: string): Option.Option<Callback> => {
  const body = decodeBody(text)
  if (Exit.isFailure(body)) return Option.none()
  const { error = null, output = null, runId, stepId, success = error === null } = body.value
  return Option.some({ success, runId, stepId, output, error })
}

/**
 * Answers a callback of the service: 401 without the secret, 400 for what it
 * cannot read, and 200 `{ "ok": true }` once what it says is recorded, which
 * completes the step that waits for it. One that comes twice counts once.
 */
export const handleCallback = Effect.fn("RemoteTasks.handleCallback")(function*(
  request: Request,
  options: { readonly secret: Redacted.Redacted }
): Effect.fn.Return<Response, never, Events> {
  if (request.method !== "POST") return refuse(405, "a callback is a POST", { allow: "POST" })
  const said = request.headers.get(secretHeader)
  if (said === null || !(yield* sameSecret(said, Redacted.value(options.secret)))) {
    return refuse(401, `the header ${secretHeader} is missing or wrong`)
  }
  const body = yield* readBody(request)
  if (Option.isNone(body)) return refuse(413, `the body cannot be read, or is longer than ${maxBody} bytes`)
  const callback = parseCallback(body.value)
  if (Option.isNone(callback)) return refuse(400, "the body is not { runId, stepId, success, output, error }")
  const { error, output, runId, stepId, success } = callback.value
  const events = yield* Events
  return yield* events.emit(`engine.step.${success ? "completed" : "failed"}`, { runId, stepId, output, error }, {
    id: `callback:${runId}:${stepId}`,
    correlationId: runId,
    source: "callback"
  }).pipe(Effect.matchEffect({
    onSuccess: () => Effect.succeed(Response.json({ ok: true })),
    onFailure: (failure) =>
      failure._tag === "EventRefused"
        ? Effect.succeed(refuse(400, failure.message))
        : Effect.as(
          Effect.logError("a callback could not be recorded", failure),
          refuse(503, "it could not be recorded; send it again")
        )
  }))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const make = (client: HttpClient.HttpClient, options: Options): TaskRuntime["Service"] => {
  const { apiKey, callbackUrl, serviceUrl, tasks = defaultTasks } = options
  const known = Object.keys(tasks)
  const jobs = new URL("jobs", serviceUrl.href.endsWith("/") ? serviceUrl : `${serviceUrl.href}/`)
  return TaskRuntime.of({
    tasks: known,
    submit: Effect.fn("RemoteTasks.submit")(function*(
      { idempotencyKey, input, labels, runId, stepId, task }
    ): Effect.fn.Return<TaskReply, UnknownTask | TaskFailed, Scope.Scope> {
      if (!Object.hasOwn(tasks, task)) return yield* new UnknownTask({ task, known })
      const request = HttpClientRequest.post(jobs).pipe(
        HttpClientRequest.setHeader("idempotency-key", idempotencyKey),
        HttpClientRequest.bodyJsonUnsafe({
          runId,
          stepId,
          task,
          mode: tasks[task],
          input,
          callbackUrl: callbackUrl.href,
          idempotencyKey,
          ...(labels.length === 0 ? {} : { labels })
        }),
        apiKey === undefined ? (request) => request : HttpClientRequest.bearerToken(apiKey)
      )
      const response = yield* Effect.mapError(
        HttpClient.withScope(client).execute(request),
        (error) => unsent(task, error.message, true)
      )
      const { status } = response
      if (status >= 200 && status < 300) return { _tag: "Submitted" }
      return yield* unsent(task, `the service answered ${status}`, status === 408 || status === 429 || status >= 500)
    }, Effect.scoped)
  })
}

const unsent = (task: string, problem: string, retryable: boolean) =>
  new TaskFailed({ task, problem: `it could not be handed over: ${problem}`, retryable })

const Text = Schema.String.check(Schema.isBetweenLength(1, 500))

const decodeBody = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Struct({
  runId: Text,
  stepId: Text,
  success: Schema.optionalKey(Schema.Boolean),
  output: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.Json)
})))

/** Compares digests, so that neither content nor length shows in the time it takes. */
const sameSecret = (said: string, secret: string): Effect.Effect<boolean> =>
  Effect.map(Effect.all([sha256Hex(said), sha256Hex(secret)]), ([a, b]) => {
    let difference = 0
    for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index)
    return difference === 0
  })

/** Reads no more than it may, whatever the length header says. */
const readBody = (request: Request): Effect.Effect<Option.Option<string>> =>
  Effect.orElseSucceed(
    Effect.tryPromise(async () => {
      const decoder = new TextDecoder()
      let text = ""
      let bytes = 0
      for await (const chunk of request.body ?? []) {
        bytes += chunk.byteLength
        if (bytes > maxBody) return Option.none()
        text += decoder.decode(chunk, { stream: true })
      }
      return Option.some(text + decoder.decode())
    }),
    () => Option.none()
  )

const refuse = (status: number, error: string, headers: Record<string, string> = {}): Response =>
  Response.json({ ok: false, error }, { status, headers })
