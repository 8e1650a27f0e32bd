/**
 * Server-sent events as they go over the wire: a comment at once, so that the
 * headers leave; a word every 15 s, so that nobody on the way takes the
 * connection for dead; and a last event when the server goes, or when its caller
 * is not let in any more.
 *
 * Nothing is read ahead: the next batch is asked for when the one before has
 * been taken, so that a client that is slow, or stands still, costs one batch.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Place } from "../Streams.ts"

/** One event. Its text is one line of JSON. */
export interface Event {
  readonly id?: string
  readonly name?: string
  readonly data: string
}

/** The lines of an event. */
export const lines = ({ data, id, name }: Event): string =>
  `${id === undefined ? "" : `id: ${id}\n`}${name === undefined ? "" : `event: ${name}\n`}data: ${data}\n\n`

/** What is written of a stream, and how it ends. */
export interface Told {
  readonly events: Stream.Stream<ReadonlyArray<Event>, unknown>
  /** What is said when nothing has been for 15 s; a comment when absent. */
  readonly idle?: () => Event
  readonly place: Place
  /** Headers beside those of every stream. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The response that writes these events until they end, by the clock of whoever asks for it. */
export const response = (told: Told): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(
    Effect.context<never>(),
    (context) =>
      HttpServerResponse.stream(Stream.provideContext(bytes(told), context), {
        contentType: "text/event-stream; charset=utf-8",
        headers: { "cache-control": "no-store, no-transform", "x-accel-buffering": "no", ...told.headers }
      })
  )

/** The bytes of a stream. One step does all of it: thousands are open at once, and each step of each is kept meanwhile. */
const bytes = ({ events, idle, place }: Told): Stream.Stream<Uint8Array> =>
  Stream.transformPull(events, (pull, scope) => {
    // A pull is waited for again after a word in between: one that is given up could have had its batch.
    let asked: Fiber.Fiber<Batch, unknown> | undefined
    let isOver = false
    let isBegun = false
    const next = Effect.gen(function*() {
      if (!isBegun) {
        isBegun = true
        return written(": fermata 1\n\n")
      }
      if (isOver) return yield* Cause.done()
      asked ??= yield* Effect.forkIn(pull, scope)
      const heard = yield* place.heard(asked)
      if (heard === "idle") return written(idle === undefined ? ": \n\n" : lines(idle()))
      if (heard === "closing" || heard === "refused") {
        isOver = true
        return written(lines({ name: heard, data: "{}" }))
      }
      asked = undefined
      if (Exit.isSuccess(heard)) return written(heard.value.flat().map(lines).join(""))
      return Pull.isDoneCause(heard.cause) ? yield* Cause.done() : yield* Effect.die(Cause.squash(heard.cause))
    })
    return Effect.succeed(next)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Batch = readonly [ReadonlyArray<Event>, ...Array<ReadonlyArray<Event>>]

const encoder = new TextEncoder()

const written = (text: string) => [encoder.encode(text)] as const
