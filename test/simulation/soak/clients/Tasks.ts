/** Tasks of one queue, added by several clients under the same ids, and done by whichever of them is given them. */
import type { Target } from "../check/History.ts"
import { now } from "../Setting.ts"
import { insist, NotTaken, type Replied, Unanswered } from "./Api.ts"
import { moment, type Scene, type Stage } from "./Stage.ts"

/** The queue of a round: so an audit takes none of the next. */
export const queueOf = (round: number): string => `soak-${round % 100}`

/** The tasks of a scene. */
export const tasksOf = (scene: string): ReadonlyArray<string> => [0, 1, 2].map((number) => `${scene}-${number}`)

/** What stands between a worker of a scene and its task, in ms. */
const leaseMs = 2_000

/** A task that a worker was given. */
export interface Held {
  readonly task: string
  readonly attempt: number
}

/** Takes a task, if there is one. What a worker is given it learns only by the answer, so that is written down behind it. */
export const lease = async (
  { ask, recorder, round }: Pick<Stage, "ask" | "recorder" | "round">,
  worker: string,
  limit = 1
): Promise<ReadonlyArray<Held>> => {
  const call = now()
  try {
    const { body, problem } = await ask({
      method: "POST",
      path: `/queues/${queueOf(round)}/lease`,
      as: "hand",
      body: { leaseMs, limit, worker }
    })
    if (problem !== undefined) return []
    const given = (body["tasks"] as ReadonlyArray<{ readonly id: string; readonly attempt: number }>)
      .map(({ attempt, id }) => ({ task: id, attempt }))
    for (const { attempt, task } of given) {
      recorder.happened(targetOf(task), call, { do: "lease", attempt }, { said: "leased" })
    }
    return given
  } catch (error) {
    if (error instanceof NotTaken || error instanceof Unanswered) return []
    throw error
  }
}

/** Says that a task is done, or cannot be. */
export const settle = (
  { ask, recorder }: Pick<Stage, "ask" | "recorder">,
  { attempt, task }: Held,
  as: "completed" | "failed"
): Promise<unknown> =>
  recorder.operation(
    targetOf(task),
    { do: "settle", attempt, as },
    () =>
      ask({
        method: "POST",
        path: `/tasks/${encodeURIComponent(task)}/${as === "completed" ? "complete" : "fail"}`,
        as: "hand",
        body: as === "completed"
          ? { attempt, result: task }
          : { attempt, message: "it cannot be done", retryable: false }
      }),
    ({ problem }) => ({ said: problem === undefined ? "settled" : problem === "TaskNotHeld" ? "lost" : problem })
  )

/** Adds a task by its id. */
export const add = (
  { ask, recorder, round }: Pick<Stage, "ask" | "recorder" | "round">,
  scene: string,
  id: string
): Promise<unknown> =>
  recorder.operation(
    targetOf(id),
    { do: "enqueue" },
    () =>
      ask({
        method: "POST",
        path: "/tasks",
        body: { id, queue: queueOf(round), kind: "soak", lane: scene, payload: { scene }, maxAttempts: 1_000 }
      }),
    ({ body, problem }) => ({ said: problem ?? body["result"] })
  )

/** Looks how a task stands; insists on an answer where it is the last look. */
export const look = (
  { ask, recorder }: Pick<Stage, "ask" | "recorder">,
  id: string,
  isLast = false
): Promise<{ readonly said: string; readonly status?: unknown } | undefined> =>
  recorder.operation(
    targetOf(id),
    { do: "look" },
    async (): Promise<Replied> => {
      const asked = { path: `/tasks/${encodeURIComponent(id)}` }
      if (!isLast) return ask(asked)
      const replied = await insist(ask, asked, 60_000)
      if (replied === undefined) throw new Error(`nobody answered ${asked.path}`)
      return replied
    },
    ({ body, problem }) =>
      problem === undefined
        ? { said: "stands", status: body["status"] }
        : problem === "TaskNotFound"
        ? { said: "stands", status: "none" }
        : { said: problem }
  )

/** What clients do with the tasks of a scene: some are left lying, and some settled when they are somebody else's. */
export const tasks: Scene = async (stage, name) => {
  const { chance, life } = stage
  const ids = tasksOf(name)
  for (let times = 0; times < 8 && !stage.over.aborted; times++) {
    await moment(stage, 300)
    const turn = chance.next()
    if (turn < 0.4) await add(stage, name, chance.of(ids))
    else if (turn < 0.5) await look(stage, chance.of(ids))
    else {
      for (const held of await lease(stage, life)) {
        const fate = chance.next()
        // Left lying: its lease ends, and another is given it.
        if (fate < 0.2) continue
        if (fate < 0.35) await moment(stage, leaseMs)
        await settle(stage, held, chance.next() < 0.8 ? "completed" : "failed")
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const targetOf = (task: string): Target => ({ kind: "task", object: task })
