/** What a scene has at hand in one life of a client. */
import type { Chance } from "../Chance.ts"
import { pause, type Setting } from "../Setting.ts"
import { type Api, insist, type Replied } from "./Api.ts"
import type { Recorder } from "./Recorder.ts"

export interface Stage {
  readonly setting: Setting
  readonly round: number
  /** Which life of which client this is. */
  readonly life: string
  readonly chance: Chance
  readonly ask: Api
  readonly recorder: Recorder
  /** Aborted when the round is over. */
  readonly over: AbortSignal
}

/** What several clients do with one object in one round. Its name is that of the object. */
export type Scene = (stage: Stage, name: string) => Promise<void>

/** Goes on a moment later: the clients of a scene come in any order. */
export const moment = ({ chance }: Stage, averageMs = 400): Promise<void> => pause(chance.between(averageMs))

/** Looks until what is looked for is there, or the round is over. */
export const wait = async <A>(
  { over }: Stage,
  look: () => Promise<A | undefined>,
  everyMs = 300
): Promise<A | undefined> => {
  while (!over.aborted) {
    const found = await look()
    if (found !== undefined) return found
    await pause(everyMs)
  }
  return undefined
}

/** Starts the run of a scene by its name, and gives back its id. */
export const start = async (
  { ask, chance, recorder, round }: Stage,
  workflow: string,
  scene: string,
  options: { readonly object?: string; readonly inputs?: ReadonlyArray<string> } = {}
): Promise<string | undefined> => {
  const { inputs = ["a", "b", "c"], object = scene } = options
  const input = chance.of(inputs)
  const answer = await recorder.operation(
    { kind: "start", object },
    { do: "start", input },
    () =>
      ask({
        method: "POST",
        path: "/runs",
        body: {
          workflow,
          key: scene,
          input: workflow === "watcher"
            ? { id: scene, input: `look ${round} ${scene} ${input}` }
            : { round, scene, input },
          labels: { round: `${round}`, scene }
        }
      }),
    ({ body, problem }: Replied) =>
      problem === undefined
        ? { run: body["runId"] as string, joined: body["joined"] as boolean, otherInput: body["otherInput"] as boolean }
        : { problem }
  )
  return answer !== undefined && "run" in answer ? answer.run : undefined
}

/** The input with which a run was started, as it was recorded; null where there is no such run. */
export const inputOf = (
  { body, problem }: Replied
): { readonly input: string | null } | { readonly problem: string } => {
  if (problem === "RunNotFound") return { input: null }
  if (problem !== undefined) return { problem }
  const { input } = body["payload"] as { readonly input: string }
  return { input: input.startsWith("look ") ? input.split(" ")[3]! : input }
}

/** Looks at a run until somebody answers. */
export const summary = async ({ ask }: Stage, run: string): Promise<Replied["body"] | undefined> => {
  const found = await insist(ask, { path: `/runs/${run}/summary` }, 5_000)
  return found?.problem === undefined ? found?.body : undefined
}

/** Whether a run has ended. */
export const isOver = (status: unknown): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"
