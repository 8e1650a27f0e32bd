/** What bounds a response: its bytes, the silence between them, and the time until the last one. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Bounds of one body. `fail` makes the failure. */
export interface Bounds<E> {
  readonly maxBytes: number
  /** What the response says of its length, where that is the length of its body. */
  readonly announced: number | undefined
  readonly idleMs: number
  /** When it has to be whole, in ms of the epoch. */
  readonly wholeBy: number
  readonly fail: (reason: "too large" | "timeout", problem: string) => E
}

/** The body, which fails where it goes beyond its bounds. What is beyond them is not read. */
export const body = <E>(
  parts: Stream.Stream<Uint8Array, E>,
  { announced, fail, idleMs, maxBytes, wholeBy }: Bounds<E>
): Stream.Stream<Uint8Array, E> => {
  const tooLarge = () => fail("too large", `its response has more than ${maxBytes} bytes, and is read no further`)
  if (announced !== undefined && announced > maxBytes) return Stream.fail(tooLarge())
  return Stream.suspend(() => {
    let read = 0
    return Stream.mapEffect(inTime(parts, idleMs, wholeBy, fail), (part) => {
      read += part.length
      return read > maxBytes ? Effect.fail(tooLarge()) : Effect.succeed(part)
    })
  })
}

/** The parts, each of which comes in time, as does the last one. */
const inTime = <E>(
  parts: Stream.Stream<Uint8Array, E>,
  idleMs: number,
  wholeBy: number,
  fail: Bounds<E>["fail"]
): Stream.Stream<Uint8Array, E> =>
  Stream.transformPull(parts, (pull) =>
    Effect.succeed(Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const left = wholeBy - now
      return Effect.timeoutOrElse(pull, {
        duration: Duration.millis(Math.max(0, Math.min(idleMs, left))),
        orElse: () =>
          Effect.fail(
            left <= idleMs
              ? fail("timeout", "its response was not whole in the time that it has")
              : fail("timeout", `its response was silent for ${idleMs} ms`)
          )
      })
    })))

/** A response as browsers have it. `close` is run once nobody reads it any more. */
export const response = <E>(
  { body, headers, hops, status, url }: {
    readonly status: number
    readonly headers: ReadonlyArray<readonly [string, string]>
    readonly url: string
    readonly hops: number
    readonly body: Stream.Stream<Uint8Array, E>
  },
  thrown: (error: E) => Error,
  close: Effect.Effect<void>,
  signal: AbortSignal
): Response => {
  const isEmpty = status === 204 || status === 205 || status === 304
  if (isEmpty) Effect.runFork(close)
  const made = new Response(
    isEmpty
      ? null
      : Stream.toReadableStream(Stream.ensuring(Stream.mapError(aborted(body, signal), thrownOr(thrown)), close)),
    { status, headers: headers.map(([name, value]): [string, string] => [name, value]) }
  )
  Object.defineProperties(made, { url: { value: url }, redirected: { value: hops > 0 } })
  return made
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

class Aborted {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** The body until the signal is given, which is its failure then. */
const aborted = <E>(body: Stream.Stream<Uint8Array, E>, signal: AbortSignal): Stream.Stream<Uint8Array, E | Aborted> =>
  Stream.interruptWhen(
    body,
    Effect.callback<never, Aborted>((resume) => {
      const abort = () => resume(Effect.fail(new Aborted(signal.reason)))
      if (signal.aborted) return abort()
      signal.addEventListener("abort", abort, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", abort))
    })
  )

const thrownOr = <E>(thrown: (error: E) => Error) => (error: E | Aborted): unknown =>
  error instanceof Aborted ? error.reason : thrown(error)
