import * as RunSentence from "@fermata/core/RunSentence"
import type { RunView } from "@fermata/core/RunView"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { item, line, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as ToolLines from "../../ToolLines.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs tail` */
export const commandRunsTail = Command.make(
  "tail",
  { run: Arguments.run },
  ({ run }) =>
    withOperator(
      { command: "runs tail", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const { Watch } = yield* Effect.promise(() => import("../../Watch.ts"))
          const { definition } = yield* Effect.promise(() => import("../../Words.ts"))
          let lines: Array<string> = []
          const watch = new Watch(0, (text) => void lines.push(text))
          let begun = false
          let last: RunView | undefined
          const { id } = yield* operator.refine(operator.runs.find(run))
          const journal = Stream.map(operator.runs.follow(id), (followed) => ({ _tag: "Journal", followed }) as const)
          // What commands write is not in the journal.
          const written = json
            ? Stream.empty
            : Stream.map(operator.chunks.follow(id), ({ value }) => ({ _tag: "Written", value }) as const)
          yield* operator.refine(Stream.runForEach(
            Stream.merge(journal, written, { haltStrategy: "left" }),
            (told) =>
              Effect.gen(function*() {
                if (told._tag === "Written") {
                  for (const text of ToolLines.of(told.value)) yield* line(text)
                  return
                }
                const { entries, view } = told.followed
                last = view
                if (json) return yield* Effect.forEach(entries, item, { discard: true })
                if (!begun) yield* line(`run ${view.id}  ${definition(view)}`)
                begun = true
                watch.take(entries, view, operator.now())
                for (const text of lines) yield* line(text)
                lines = []
              })
          ))
          if (!json && last !== undefined) yield* note(`run ${last.id}: ${RunSentence.of(last, operator.now())}`)
        })
    )
).pipe(
  Command.withDescription("Follow a run until it is over, without working on it"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs tail 1f0c", description: "What happened and what happens" },
    { command: "fermata runs tail 1f0c --json", description: "The entries as they come, as NDJSON" }
  ])
)
