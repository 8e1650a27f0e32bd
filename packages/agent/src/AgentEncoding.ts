/**
 * The stream of an agent as server-sent events in one of three forms, each with
 * the place at which its reader goes on: our own events, chunks of the AI SDK,
 * or events of AG-UI.
 */
import type { PositionMalformed } from "@fermata/core/Position"
import * as StoredJson from "@fermata/core/StoredJson"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { StorageFailed } from "@fermata/engine/Backend"
import type { Chunks } from "@fermata/engine/Chunks"
import type { FindError, Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentEvent } from "./AgentEvent.ts"
import * as AgentStream from "./AgentStream.ts"
import * as AgUiStream from "./AgUiStream.ts"
import * as AiSdkStream from "./AiSdkStream.ts"
import * as StreamPlace from "./StreamPlace.ts"

/** The forms: our own events, the UI message stream of the AI SDK, AG-UI. */
export const formats = ["events", "ai-sdk", "ag-ui"] as const
/** One of the forms. */
export type Format = (typeof formats)[number]

/** A server-sent event: `data` is one line, `id` the place behind it. */
export interface Sent {
  readonly id?: string
  readonly name?: string
  readonly data: string
}

/** What is told of a run. */
export interface Options {
  readonly format: Format
  /** Behind this place, which `StreamPlace.parse` has read; from the beginning when absent. */
  readonly from?: StreamPlace.StreamPlace
  /** The runs of subagents too; true when absent. The AI SDK has no words for them. */
  readonly children?: boolean
}

type Failure = FindError | EntryCorrupt | StorageFailed | PositionMalformed

/** What happens in a run, as it is written. The id is that of the run. Ends when all of it is over. */
export const of = (
  run: string,
  { children = true, format, from = {} }: Options
): Stream.Stream<ReadonlyArray<Sent>, Failure, Runs | Chunks> => {
  const encoder = encoders[format](run, from, children)
  const events = AgentStream.of(run, { from: encoder.from, children: children && format !== "ai-sdk" })
  return Stream.make(encoder.first).pipe(
    Stream.filter(isSome),
    Stream.concat(Stream.filter(Stream.map(events, encoder.next), isSome)),
    Stream.concat(Stream.unwrap(Effect.sync(() => Stream.make(encoder.last()))))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isSome = (sent: ReadonlyArray<Sent>): boolean => sent.length > 0

/** Writes the events of one stream, which remembers where its reader stands. */
interface Encoder {
  /** The places to read from. */
  readonly from: Readonly<Record<string, string>>
  readonly first: ReadonlyArray<Sent>
  readonly next: (event: AgentEvent) => ReadonlyArray<Sent>
  readonly last: () => ReadonlyArray<Sent>
}

type Make = (run: string, from: StreamPlace.StreamPlace, children: boolean) => Encoder

const events: Make = (_, from) => {
  let place = from
  return {
    from: StreamPlace.cursors(from),
    first: [],
    next: (event) => {
      place = { ...place, [event.run]: { at: event.at } }
      return [{ id: StreamPlace.print(place), data: StoredJson.textOf(event) }]
    },
    last: () => [{ name: "end", data: "{}" }]
  }
}

const aiSdk: Make = (run, from) => {
  const stood = from[run]
  const [at, begun, first] = stood === undefined
    ? [undefined, AiSdkStream.begin, []] as const
    : AiSdkStream.resume(stood)
  let state = begun
  let reached = at
  const id = (place: StreamPlace.RunPlace) => StreamPlace.print({ [run]: place })
  return {
    from: at === undefined ? {} : { [run]: at },
    first: first.map((chunk) => ({ data: StoredJson.textOf(chunk) })),
    next: (event) => {
      const [next, chunks] = AiSdkStream.fold(state, event)
      const within = reached
      state = next
      reached = event.at
      return chunks.map((chunk, index) => {
        const data = StoredJson.textOf(chunk)
        if (index === chunks.length - 1) return { id: id(AiSdkStream.placeOf(next, event.at)), data }
        return within === undefined ? { data } : { id: id(AiSdkStream.placeWithin(event, within)), data }
      })
    },
    last: () => [
      ...AiSdkStream.end(state).map((chunk) => ({ data: StoredJson.textOf(chunk) })),
      { data: AiSdkStream.done }
    ]
  }
}

const agUi: Make = (_, from, children) => {
  let state = AgUiStream.resume(from)
  let place = from
  return {
    from: StreamPlace.cursors(from),
    first: [],
    next: (event) => {
      const before = state
      const [next, chunks] = AgUiStream.fold(state, event, { children })
      state = next
      const within = place
      const stood = within[event.run]
      const isCounted = AgUiStream.isCounted(before, event)
      const skipped = isCounted ? stood?.heard ?? 0 : 0
      const reached = AgUiStream.placeOf(next, event.run, event.at)
      // Where a run stands is told in between, to whoever comes.
      place = {
        ...place,
        [event.run]: event.type === "status" && !isCounted && stood?.heard !== undefined ? stood : reached
      }
      const behind = StreamPlace.print(place)
      return chunks.slice(skipped).map((chunk, index) => {
        const told = chunks.slice(0, skipped + index + 1)
        const data = StoredJson.textOf(chunk)
        if (told.length === chunks.length) return { id: behind, data }
        if (stood === undefined) return { data }
        const run = AgUiStream.placeWithin(before, event, told, stood)
        return { id: StreamPlace.print({ ...within, [event.run]: run }), data }
      })
    },
    last: () => AgUiStream.end(state).map((chunk) => ({ data: StoredJson.textOf(chunk) }))
  }
}

const encoders: Readonly<Record<Format, Make>> = { events, "ai-sdk": aiSdk, "ag-ui": agUi }
