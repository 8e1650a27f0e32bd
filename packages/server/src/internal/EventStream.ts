/**
 * Server-sent events as they go over the wire: a comment at once, so that the
 * headers leave; a word every 15 s, so that nobody on the way takes the
 * connection for dead; and a last event when the server goes.
 *
 * Nothing is read ahead: the next batch is asked for when the one before has
 * been taken, so that a client that is slow, or stands still, costs one batch.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** How often (ms) something is said on a stream on which nothing happens. */
export const keepAliveMs = 15_000

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
  /** Opens when the server goes. */
  readonly closing: Effect.Effect<void>
  /** Headers beside those of every stream. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The response that writes these events until they end, by the clock of whoever asks for it. */
export const response = (told: Told): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(
    Effect.context<never>(),
    (context) =>
      HttpServerResponse.stream(Stream.provideContext(Stream.encodeText(text(told)), context), {
        contentType: "text/event-stream; charset=utf-8",
        headers: { "cache-control": "no-store, no-transform", "x-accel-buffering": "no", ...told.headers }
      })
  )

/** The text of a stream. */
export const text = ({ closing, events, idle }: Told): Stream.Stream<string> =>
  Stream.concat(
    Stream.make(": fermata 1\n\n"),
    Stream.transformPull(events, (pull, scope) => {
      // A pull is waited for again after a word in between: one that is given up could have had its batch.
      let asked: Fiber.Fiber<Effect.Success<ReturnType<typeof Effect.exit<Batch, unknown, never>>>> | undefined
      let isOver = false
      return Effect.succeed(Effect.gen(function*() {
        if (isOver) return yield* Cause.done()
        asked ??= yield* Effect.forkIn(Effect.exit(pull), scope)
        const heard = yield* Effect.raceAllFirst([
          Fiber.join(asked),
          Effect.as(Effect.sleep(keepAliveMs), "idle" as const),
          Effect.as(closing, "closing" as const)
        ])
        if (heard === "idle") return [idle === undefined ? ": \n\n" : lines(idle())] as const
        if (heard === "closing") {
          isOver = true
          return [lines({ name: "closing", data: "{}" })] as const
        }
        asked = undefined
        if (Exit.isSuccess(heard)) return [heard.value.flat().map(lines).join("")] as const
        return Pull.isDoneCause(heard.cause) ? yield* Cause.done() : yield* Effect.die(Cause.squash(heard.cause))
      }))
    })
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Batch = readonly [ReadonlyArray<Event>, ...Array<ReadonlyArray<Event>>]
