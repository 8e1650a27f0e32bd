/** The stream of what the steps of a run say while they work, until the run is over. */
import * as Position from "@fermata/core/Position"
import { isFinal } from "@fermata/core/RunStatus"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Runs } from "@fermata/engine/Runs"
import * as Stream from "effect/Stream"
import type { Event } from "./EventStream.ts"

/** What is said behind a place. Its ids are cursors, so that of steps that speak at once each goes on where it was. */
export const of = (
  { chunks, runs }: { readonly chunks: Chunks["Service"]; readonly runs: Runs["Service"] },
  run: string,
  after: Position.Cursor
): Stream.Stream<ReadonlyArray<Event>, unknown> => {
  let cursor = after
  const isOver = runs.follow(run).pipe(
    Stream.filter(({ view }) => isFinal(view.status)),
    Stream.take(1),
    Stream.runDrain
  )
  return Stream.concat(
    Stream.mapArray(Stream.interruptWhen(chunks.follow(run, after), isOver), (said) => [
      said.map(({ cut, position, value }): Event => {
        cursor = Position.advance(cursor, position)
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
