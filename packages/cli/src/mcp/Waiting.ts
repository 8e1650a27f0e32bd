/** Follows a run on behalf of a caller: tells it what happens, asks it what the run asks, and leaves when there is nothing to wait for or the time is up. */
import { isFinal } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CommandFailed } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"
import { note, plain } from "../Output.ts"
import { Watch } from "../Watch.ts"
import * as Standing from "./Standing.ts"
import type { Caller } from "./Tool.ts"

/** The run as it stands when it is over, when somebody else must act, or after `waitMs`. What was there before the entry `from` is not told. */
export const wait = (
  host: Host,
  runId: string,
  caller: Caller,
  { from, waitMs }: { readonly from: number; readonly waitMs: number }
): Effect.Effect<RunView.RunView, CommandFailed> =>
  Effect.gen(function*() {
    const end = host.now() + waitMs
    let view = yield* host.refine(host.runs.show(runId))
    let told = from
    while (true) {
      const lines: Array<string> = []
      const watch = new Watch(told, (line) => void lines.push(plain(line).trim()))
      yield* Effect.raceFirst(
        host.refine(Stream.runForEach(
          host.runs.follow(runId, { untilSuspended: true, farMs: Math.max(0, end - host.now()) }),
          (now) =>
            Effect.suspend(() => {
              view = now.view
              watch.take(now.entries, view, host.now())
              return Effect.forEach(lines.splice(0), caller.tell, { discard: true })
            })
        )),
        host.sleep(Math.max(0, end - host.now()))
      )
      told = view.counts.entries
      if (isFinal(view.status) || !(yield* answered(host, view, caller, end - host.now()))) return view
    }
  })

/** What is recorded of an answer beside it: by which program it came. */
export const noteOf = ({ client }: Caller, note: string | undefined): string =>
  `${note === undefined || note === "" ? "" : `${note} `}(through MCP, by ${client})`

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Asks the person at the client what the run asks, where they may answer; whether an answer was taken. */
const answered = (
  host: Host,
  view: RunView.RunView,
  caller: Caller,
  withinMs: number
): Effect.Effect<boolean, CommandFailed> =>
  Effect.gen(function*() {
    const { ask, by } = caller
    if (ask === undefined || withinMs <= 0) return false
    const question = (yield* Standing.questionsOf(host, view)).find((one) => Standing.mayAnswer(one, by))
    const said = question === undefined ? undefined : yield* ask(question, withinMs)
    if (question === undefined || said === undefined) return false
    // What the person has looked at is what is answered.
    const looked = question.hash === undefined ? {} : { hash: question.hash }
    const answer = { ...said, ...looked, by, note: noteOf(caller, said.note) }
    return yield* host.refine(host.runs.answer(question.id, answer)).pipe(
      Effect.as(true),
      // Somebody else was faster, or the answer does not fit: how the run stands says it.
      Effect.catchTag("CommandFailed", ({ message }) => Effect.as(note(`  ${message}`), false))
    )
  })
