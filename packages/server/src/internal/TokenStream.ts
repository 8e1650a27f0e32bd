/** The stream of what the steps of a run say while they work, until the run is over. */
import * as Position from "@fermata/core/Position"
import { isFinal } from "@fermata/core/RunStatus"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Event } from "./EventStream.ts"

/** What is said behind a place. Its ids are cursors, so that of steps that speak at once each goes on where it was. */
export const of = (
  { chunks, runs }: { readonly chunks: Chunks["Service"]; readonly runs: Runs["Service"] },
  run: string,
  after: Position.Cursor
): Stream.Stream<ReadonlyArray<Event>, unknown> => {
  // What a step says is there until its outcome is: of those that have one the place needs to tell nothing.
  const open = new Map<string, number>()
  let seen = -1
  const follow = Effect.andThen(
    Stream.runForEachWhile(runs.follow(run), ({ entries, view }) =>
      Effect.sync(() => {
        for (const entry of entries) {
          seen = entry.seq
          if (entry._tag === "StepRequested") open.set(entry.key, entry.seq)
          else if (entry._tag === "StepCompleted" || entry._tag === "StepFailed") open.delete(entry.key)
        }
        return !isFinal(view.status)
      })),
    Effect.void
  )
  const isOpen = (seq: number) => seq > seen || [...open.values()].includes(seq)
  let cursor = after
  return Stream.concat(
    Stream.mapArray(Stream.interruptWhen(chunks.follow(run, after), follow), (said) => [
      said.map(({ cut, position, value }): Event => {
        cursor = Position.advance(cursor, position, isOpen)
        const { chunk, seq } = position
        return {
          id: Position.printCursor(cursor),
          data: JSON.stringify({ entry: seq, chunk, value, ...(cut === undefined ? {} : { cut }) })
        }
      })
    ]),
    Stream.make([{ name: "end", data: "{}" }])
  )
}
