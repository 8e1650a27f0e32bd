/**
 * Egress: the one way out of a process, for models, tools and whatever else asks
 * on the network for a run.
 *
 * The name of a host is looked up once, every address of it is judged, and the
 * connection goes to one of these. Every hop of a redirect is judged as the
 * first one is, and what says who asks is not taken along to another origin. A
 * response is bounded in bytes and in time. Where one may go is an
 * `EgressPolicy`, and what a host brings is a `Transport`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EgressPolicy from "./EgressPolicy.ts"
import * as Bounds from "./internal/egress/Bounds.ts"
import * as Message from "./internal/egress/Message.ts"

/**
 * A request that was not sent, at this `hop` (0 is the first): what refuses it,
 * and what would allow it. Asked again it is refused again.
 */
export class EgressRefused extends Schema.TaggedError<EgressRefused>()("EgressRefused", {
  host: Schema.String,
  /** The address that was refused, where one was. */
  address: Schema.optionalKey(Schema.String),
  hop: Schema.Int,
  rule: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    const where = this.host === "" ? "The request" : `The request to ${this.host}`
    return `${where}${this.hop === 0 ? "" : ` (redirect ${this.hop})`} was not sent: ${this.problem}; ${this.remedy}`
  }
}

/** A request that came to nothing. `sent` says that the host may have seen it; `code` is the network's, such as `ECONNREFUSED`. */
export class EgressFailed extends Schema.TaggedError<EgressFailed>()("EgressFailed", {
  host: Schema.String,
  hop: Schema.Int,
  reason: Schema.Literals(["name", "unreachable", "certificate", "timeout", "too large", "broken"]),
  sent: Schema.Boolean,
  problem: Schema.String,
  code: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `The request to ${this.host}${this.hop === 0 ? "" : ` (redirect ${this.hop})`} failed: ${this.problem}`
  }
}

/** What is asked. A body is sent whole; text as UTF-8. */
export interface Request {
  readonly url: string
  /** `GET` when absent. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: Uint8Array | string
  /** `manual` gives a redirect as the response that it is. */
  readonly redirect?: "follow" | "manual"
}

/** What was answered. Its body is decoded; it may be read once, while the scope of the request lasts. */
export interface Response {
  readonly status: number
  /** Names are in lower case. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Of the last hop. */
  readonly url: string
  /** How often it was redirected. */
  readonly hops: number
  readonly body: Stream.Stream<Uint8Array, EgressFailed>
}

/** A way out of a process. */
export interface Egress {
  /** Where it goes. */
  readonly policy: EgressPolicy.EgressPolicy
  /**
   * Sends a request. `policy` stands in for its own, for whoever configures the
   * process: what comes from elsewhere is in the request alone.
   */
  readonly request: (
    request: Request,
    policy?: EgressPolicy.EgressPolicy
  ) => Effect.Effect<Response, EgressRefused | EgressFailed, Scope.Scope>
}

/** What came of one hop, as a transport tells it: not redirected, and with a body that is decoded. */
export interface Answer {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Stream.Stream<Uint8Array, TransportFailed>
}

/** One hop: what to ask at one of these addresses, all of which were judged. */
export interface Hop extends Message.Message {
  readonly url: URL
  /** The name that a certificate is held against. */
  readonly host: string
  readonly port: number
  readonly addresses: ReadonlyArray<string>
}

/** Why a transport came to nothing. */
export interface TransportFailed {
  readonly reason: EgressFailed["reason"]
  /** The host may have seen the request. */
  readonly sent: boolean
  readonly problem: string
  readonly code?: string
}

/** What a host brings. It judges nothing, and goes nowhere but where it is told to. */
export interface Transport {
  /** The addresses of a name, all of them. */
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<string>, TransportFailed>
  /** Asks once, at one of the addresses. The response ends with the scope. */
  readonly send: (hop: Hop) => Effect.Effect<Answer, TransportFailed, Scope.Scope>
}

/** The way out by this transport. What the policy leaves out is as in `EgressPolicy.closed`. */
export const make = (transport: Transport, policy: Partial<EgressPolicy.EgressPolicy> = {}): Egress => {
  const own = EgressPolicy.make(policy)
  return { policy: own, request: (request, policy = own) => follow(transport, policy, request) }
}

/** No way out: every request is refused. */
export const none: Egress = {
  policy: EgressPolicy.closed,
  request: () =>
    Effect.fail(
      new EgressRefused({
        host: "",
        hop: 0,
        rule: "no way out" satisfies EgressPolicy.Rule,
        problem: "this process was given no way out",
        remedy: "give its workflows a layer that says which, such as Egress.layer of @fermata/host-node"
      })
    )
}

/** The way out of this process: `none` unless a layer gives one. */
export const CurrentEgress: Context.Reference<Egress> = Context.Reference<Egress>("@fermata/engine/Egress", {
  defaultValue: () => none
})

/** This way out is there. Give it to the layers of the workflows. */
export const layer = (egress: Egress): Layer.Layer<never> => Layer.succeed(CurrentEgress, egress)

/** Hosts in memory, for tests: their addresses, and what they answer. An address that has no answer refuses connections. */
export const layerMemory = (
  hosts: Readonly<Record<string, ReadonlyArray<string>>>,
  answer: (hop: Hop) => Effect.Effect<Answer, TransportFailed>,
  policy: Partial<EgressPolicy.EgressPolicy> = {}
): Layer.Layer<never> =>
  layer(make({
    resolve: (host) =>
      Object.hasOwn(hosts, host)
        ? Effect.succeed(hosts[host]!)
        : Effect.fail({ reason: "name", sent: false, problem: "there is no host of this name", code: "ENOTFOUND" }),
    send: answer
  }, policy))

/** The body of a response as bytes, as many as the policy allows. */
export const bytes = (response: Response): Effect.Effect<Uint8Array, EgressFailed> => Stream.mkUint8Array(response.body)

/** The body of a response as text, in UTF-8. */
export const text = (response: Response): Effect.Effect<string, EgressFailed> =>
  Effect.map(bytes(response), (all) => new TextDecoder().decode(all))

/**
 * The way out as the `fetch` of a client. Bodies are read whole before they are
 * sent. What is refused or fails rejects with a `TypeError` that has
 * `EgressRefused` or `EgressFailed` as its cause. Cookies, caches and modes of
 * browsers are not known to it.
 */
export const fetch =
  (egress: Egress, policy?: EgressPolicy.EgressPolicy): typeof globalThis.fetch => async (input, init) => {
    const asked = new globalThis.Request(input, init)
    const body = asked.body === null ? undefined : new Uint8Array(await asked.arrayBuffer())
    asked.signal.throwIfAborted()
    const scope = Scope.makeUnsafe()
    const close = Scope.close(scope, Exit.void)
    const exit = await Effect.runPromiseExit(
      egress.request({
        url: typeof input === "string" ? input : asked.url,
        method: asked.method,
        headers: [...asked.headers],
        ...(body === undefined ? {} : { body }),
        redirect: asked.redirect === "follow" ? "follow" : "manual"
      }, policy).pipe(Effect.mapError(thrown), Scope.provide(scope)),
      { signal: asked.signal }
    )
    if (Exit.isFailure(exit) || (asked.redirect === "error" && Message.isRedirect(exit.value.status))) {
      await Effect.runPromise(close)
      asked.signal.throwIfAborted()
      throw Exit.isFailure(exit)
        ? Cause.squash(exit.cause)
        : new TypeError("a redirect was answered where none is taken")
    }
    return Bounds.response(exit.value, thrown, close, asked.signal)
  }

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const thrown = (error: EgressRefused | EgressFailed): TypeError => new TypeError(error.message, { cause: error })

/** Where a request is: what is asked next, and how it came there. */
interface At {
  readonly message: Message.Message
  readonly text: string
  readonly from: EgressPolicy.Target | undefined
  readonly hop: number
}

type Failed = EgressRefused | EgressFailed

const follow = (
  transport: Transport,
  policy: EgressPolicy.EgressPolicy,
  request: Request
): Effect.Effect<Response, Failed, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const began = yield* Clock.currentTimeMillis
    const { headers = [], method = "GET", redirect = "follow", url } = request
    const message = Message.of(
      method.toUpperCase(),
      Symbol.iterator in headers ? headers : Object.entries(headers),
      typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body
    )
    if ("rule" in message) return yield* refused(nameOf(url), 0, message)
    let at: At = { message, text: url, from: undefined, hop: 0 }
    while (true) {
      const { answer, hopScope, target } = yield* one(transport, policy, at, scope)
      const location = Message.isRedirect(answer.status) && redirect === "follow"
        ? answer.headers.find(([name]) => name === "location")?.[1]
        : undefined
      if (location === undefined) {
        return {
          status: answer.status,
          headers: answer.headers,
          url: target.url.href,
          hops: at.hop,
          body: bounded(answer, policy, target.host, at.hop, began + policy.timeoutMs)
        }
      }
      yield* Scope.close(hopScope, Exit.void)
      at = yield* next(policy, at, target, answer.status, location)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(Math.min(policy.idleTimeoutMs, policy.timeoutMs)),
      orElse: () =>
        Effect.fail(
          failed(nameOf(request.url), 0, {
            reason: "timeout",
            sent: true,
            problem: `there was no response within ${Math.min(policy.idleTimeoutMs, policy.timeoutMs)} ms`,
            code: "ETIMEDOUT"
          })
        )
    })
  )

/** One hop: judged, looked up, judged, and asked. What it holds is let go where it comes to nothing. */
const one = Effect.fnUntraced(function*(
  transport: Transport,
  policy: EgressPolicy.EgressPolicy,
  { from, hop, message, text }: At,
  scope: Scope.Scope
) {
  const target = EgressPolicy.target(policy, text, from?.url)
  if ("rule" in target) return yield* refused(nameOf(text, from?.url), hop, target)
  const { host, literal, port, url } = target
  const addresses = literal === undefined
    ? yield* Effect.mapError(transport.resolve(host), (failure) => failed(host, hop, failure))
    : [literal]
  if (addresses.length === 0) {
    return yield* failed(host, hop, { reason: "name", sent: false, problem: "its name has no address" })
  }
  for (const address of addresses) {
    const refusal = EgressPolicy.refusedAddress(policy, target, address)
    if (refusal !== undefined) return yield* refused(host, hop, refusal, address)
  }
  const hopScope = yield* Scope.fork(scope)
  const answer = yield* transport.send({ ...message, url, host, port, addresses }).pipe(
    Scope.provide(hopScope),
    Effect.mapError((failure) => failed(host, hop, failure)),
    Effect.onError((cause) => Scope.close(hopScope, Exit.failCause(cause)))
  )
  return { answer, hopScope, target }
})

/** What is asked after a redirect. Whether one may go there is judged as every hop is. */
const next = (
  policy: EgressPolicy.EgressPolicy,
  { hop, message }: At,
  from: EgressPolicy.Target,
  status: number,
  location: string
): Effect.Effect<At, EgressRefused> => {
  const refuse = (problem: string, remedy: string) => refused(from.host, hop, { rule: "redirect", problem, remedy })
  if (hop >= policy.maxRedirects) {
    return refuse(`it was redirected more than ${policy.maxRedirects} times`, "the policy allows more by maxRedirects")
  }
  const url = URL.canParse(location, from.url.href) ? new URL(location, from.url.href) : undefined
  if (from.url.protocol === "https:" && url?.protocol === "http:") {
    return refuse("it is redirected from https to http", "nothing allows it")
  }
  return Effect.succeed({
    message: Message.redirected(message, status, url?.origin === from.url.origin),
    text: location,
    from,
    hop: hop + 1
  })
}

const bounded = (
  { body, headers }: Answer,
  { idleTimeoutMs, maxResponseBytes }: EgressPolicy.EgressPolicy,
  host: string,
  hop: number,
  wholeBy: number
): Stream.Stream<Uint8Array, EgressFailed> => {
  const length = headers.find(([name]) => name === "content-length")?.[1]
  return Bounds.body(Stream.mapError(body, (failure) => failed(host, hop, failure)), {
    maxBytes: maxResponseBytes,
    announced: length === undefined ? undefined : Number(length),
    idleMs: idleTimeoutMs,
    wholeBy,
    fail: (reason, problem) => failed(host, hop, { reason, sent: true, problem })
  })
}

const refused = (
  host: string,
  hop: number,
  { problem, remedy, rule }: EgressPolicy.Refusal,
  address?: string
): Effect.Effect<never, EgressRefused> =>
  Effect.fail(new EgressRefused({ host, hop, rule, problem, remedy, ...(address === undefined ? {} : { address }) }))

const failed = (host: string, hop: number, { code, problem, reason, sent }: TransportFailed): EgressFailed =>
  new EgressFailed({ host, hop, reason, sent, problem, ...(code === undefined ? {} : { code }) })

/** The host of a URL, for people; a URL may hold what nobody is to see. */
const nameOf = (text: string, base?: URL): string =>
  URL.canParse(text, base?.href) ? new URL(text, base?.href).hostname : ""
