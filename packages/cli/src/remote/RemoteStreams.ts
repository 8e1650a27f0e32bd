/**
 * The streams of a server, that go on where they were: when the server is
 * started again, or the connection breaks, the next one begins behind what was
 * heard last.
 */
import { JournalEntry } from "@fermata/core/JournalEntry"
import * as Position from "@fermata/core/Position"
import { RunNotFound } from "@fermata/core/RunsErrors"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import { StorageFailed } from "@fermata/core/StorageFailed"
import { EntryCorrupt } from "@fermata/core/Upcast"
import type { Wait } from "@fermata/core/Wait"
import type { Chunk } from "@fermata/engine/Chunks"
import type { Followed } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { failed } from "../CommandFailed.ts"
import type { Calls } from "./Calls.ts"
import * as Patience from "./Patience.ts"
import * as ServerFailure from "./ServerFailure.ts"

/** How a run is followed, as `Runs.follow` has it. */
export interface Options {
  readonly untilSuspended?: boolean
  readonly farMs?: number
}

/** Everything of a run so far, and then what happens, as `Runs.follow` tells it. */
export const follow = (
  calls: Calls,
  run: string,
  { farMs, untilSuspended = false }: Options = {}
): Stream.Stream<Followed, EntryCorrupt> => {
  let view = RunView.empty(run)
  const open = Effect.suspend(() =>
    calls.client.streams.run({
      params: { run },
      query: {
        ...(view.counts.entries === 0 ? {} : { after: String(view.counts.entries - 1) }),
        ...(untilSuspended ? { until: "rest" as const } : {}),
        ...(untilSuspended && farMs !== undefined && Number.isFinite(farMs) ? { far: farMs } : {})
      },
      sseOptions
    })
  ) as Connection<RunEvent>
  return lasting(calls, open, (events, finish) => {
    const entries: Array<JournalEntry> = []
    let stands: { readonly status: RunStatus; readonly waits: ReadonlyArray<Wait> } | undefined
    for (const { data, event } of events) {
      switch (event) {
        case "message":
          entries.push(decodeEntry(data))
          break
        case "status":
          stands = data
          break
        case "reset":
          view = RunView.empty(run)
          entries.length = 0
          stands = undefined
          break
        case "corrupt":
          return Effect.fail(new EntryCorrupt({ runId: run, ...data }))
        case "end":
          finish()
          break
        default:
          break
      }
    }
    if (entries.length === 0 && stands === undefined) return Effect.succeed([])
    view = RunView.foldAll(view, entries)
    if (stands !== undefined && !isFinal(view.status)) view = RunView.withStatus(view, stands.status, stands.waits)
    return Effect.succeed([{ entries, view }])
  })
}

/** What the steps of a run say while they work. Ends with the run. */
export const said = (
  calls: Calls,
  run: string,
  after?: Position.Position | Position.Cursor
): Stream.Stream<Chunk> => {
  let place = after === undefined ? undefined : "seq" in after ? Position.print(after) : Position.printCursor(after)
  const open = Effect.suspend(() =>
    calls.client.streams.tokens({ params: { run }, query: place === undefined ? {} : { after: place }, sseOptions })
  ) as Connection<SaidEvent>
  return lasting(calls, open, (events, finish) => {
    const chunks: Array<Chunk> = []
    for (const { data, event, id } of events) {
      if (event === "end") finish()
      if (event !== "message") continue
      place = id ?? place
      const { chunk, cut, entry: seq, value } = data
      chunks.push({ position: { seq, chunk }, value, ...(cut === undefined ? {} : { cut }) })
    }
    return Effect.succeed(chunks)
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** An entry may be as large as its journal takes it. */
const sseOptions = { maxEventSize: 256 * 1024 * 1024 }

type RunEvent =
  | { readonly event: "message"; readonly data: unknown }
  | {
    readonly event: "status"
    readonly data: { readonly status: RunStatus; readonly waits: ReadonlyArray<Wait> }
  }
  | { readonly event: "corrupt"; readonly data: { readonly seq: number; readonly problem: string } }
  | { readonly event: "end" | "reset" | "closing"; readonly data: unknown }

type SaidEvent =
  | {
    readonly event: "message"
    readonly id?: string
    readonly data: {
      readonly entry: number
      readonly chunk: number
      readonly value: Schema.Json
      readonly cut?: Chunk["cut"]
    }
  }
  | { readonly event: "end" | "closing"; readonly id?: string; readonly data: unknown }

type Connection<Event> = Effect.Effect<Stream.Stream<Event, unknown>, unknown>

const decodeEntry = Schema.decodeUnknownSync(JournalEntry)

/** Connection after connection, until `take` has finished. Whatever `take` fails with ends it. */
const lasting = <Event, A, E>(
  { place }: Calls,
  open: Connection<Event>,
  take: (events: ReadonlyArray<Event>, finish: () => void) => Effect.Effect<ReadonlyArray<A>, E>
): Stream.Stream<A, E> => {
  let isOver = false
  const finish = () => {
    isOver = true
  }
  const { heard, pause } = Patience.make(place)
  const lost = (error: unknown): Effect.Effect<void> =>
    Effect.gen(function*() {
      if (ServerFailure.isBetween(error) && !ServerFailure.isLost(error)) {
        return yield* Effect.flatMap(ServerFailure.of(place, error), Effect.die)
      }
      // As where another database stands behind the server now.
      if (error instanceof RunNotFound || error instanceof StorageFailed) return yield* Effect.die(error)
      if (yield* pause) return
      return yield* ServerFailure.isBetween(error)
        ? Effect.flatMap(ServerFailure.of(place, error), Effect.die)
        : Effect.die(failed(ServerFailure.unreachableCode, `The server at ${place.url} broke off again and again`))
    })
  const connection = Stream.unwrap(open).pipe(
    Stream.chunks,
    Stream.tap(() => heard),
    Stream.map((events) => ({ events })),
    // An end without a word of the run's is that of the server.
    (told) => Stream.concat(told, Stream.suspend(() => isOver ? Stream.empty : Stream.make({ error: undefined }))),
    Stream.catch((error) => Stream.make({ error }))
  )
  return Stream.unfold(undefined, () => Effect.succeed(isOver ? undefined : [connection, undefined] as const)).pipe(
    Stream.flatten(),
    Stream.mapEffect((told) =>
      "events" in told ? take(told.events, finish) : isOver ? Effect.succeed([]) : Effect.as(lost(told.error), [])
    ),
    Stream.flattenIterable
  ) as Stream.Stream<A, E>
}
