/** What clients do in a round, object by object: several of them at once, and some of them wrongly or too late. */
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { folderOf, many, type Setting } from "../Setting.ts"
import type { Replied } from "./Api.ts"
import { follow } from "./Follow.ts"
import { inputOf, isOver, moment, type Scene, type Stage, start, summary, wait } from "./Stage.ts"
import { tasks } from "./Tasks.ts"

/** Every scene of a round: the same for all clients, by seed and load. */
export const scenesOf = (
  setting: Setting,
  round: number
): ReadonlyArray<{ readonly name: string; readonly play: Scene }> =>
  Object.entries(kinds).flatMap(([kind, { count, play }]) =>
    Array.from({ length: many(setting, count) }, (_, index) => ({ name: `r${round}-${kind}-${index}`, play }))
  )

/** Who is asked in votes, and how many of them it takes. */
export const voting = { approvers: ["ann", "bob", "cy"], quorum: 2 } as const

/** The tenant of a scene about quotas. */
export const tenantOf = (scene: string): string => scene

/** How many open runs such a tenant may have. */
export const mostOpen = 3

/** A day that only this scene is about. */
export const dayOf = (scene: string): string => {
  const [round, index] = (/^r(\d+)-\w+-(\d+)$/.exec(scene) ?? []).slice(1).map(Number) as [number, number]
  return new Date(Date.UTC(2030, 0, 1) + (round * 10 + index) * 86_400_000).toISOString().slice(0, 10)
}

/** An answer to a question, as its model knows it. */
export const stands = ({ body, problem }: Replied, said: "stands" | "taken"): unknown => {
  switch (problem) {
    case undefined:
      return {
        said,
        stands: {
          status: body["status"],
          answers: (body["answers"] as ReadonlyArray<{ by: string; decision: string }>).map(({ by, decision }) =>
            `${by} ${decision}`
          )
        }
      }
    case "AnsweredAlready":
      return { said: "answered" }
    case "AnswerRefused":
      return { said: "again" }
    case "NotAllowed":
      return { said: "stranger" }
    case "ApprovalNotOpen":
    case "RunClosed":
      return { said: "gone" }
    default:
      return { said: problem }
  }
}

/** What is said of raises of a day. */
export const raisesOf = ({ body, problem }: Replied): unknown =>
  problem !== undefined ? { said: problem } : {
    said: "raises",
    raises: Object.fromEntries(
      (body["raises"] as ReadonlyArray<{ id: string; raised: { micros?: number } }>).map(({ id, raised }) => [
        id,
        raised.micros ?? 0
      ])
    )
  }

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Follows the journal of a run to its end, and notes the place of every entry. */
const followRun = async (stage: Stage, run: string): Promise<void> => {
  const { life, over, round, setting } = stage
  const file = join(folderOf(setting.folder, "history", round), `${life}.followed`)
  const note = (what: object) => appendFileSync(file, `${JSON.stringify({ run, ...what })}\n`)
  note({ beganAt: Date.now() })
  await follow({
    setting,
    chance: stage.chance,
    path: `/runs/${run}/stream`,
    stop: over,
    cutMs: 3_000,
    heard: ({ data, event }) => {
      if (event === "message") note({ seq: data["seq"], tag: data["_tag"] })
      else if (event === "end") note({ end: data["status"] })
      else if (event === "refused" || event === "reset" || event === "corrupt") note({ problem: event })
      return event !== "end" && event !== "refused"
    }
  })
  if (over.aborted) note({ leftAt: Date.now() })
}

const order: Scene = async (stage, name) => {
  await moment(stage)
  const run = await start(stage, "order", name)
  if (run === undefined) return
  const followed = followRun(stage, run)
  await moment(stage)
  await start(stage, "order", name)
  await stage.recorder.operation(
    { kind: "start", object: name },
    { do: "look", run },
    () => stage.ask({ path: `/runs/${run}` }),
    inputOf
  )
  await followed
}

const watched: Scene = async (stage, name) => {
  await moment(stage)
  const run = await start(stage, "watcher", name)
  if (run === undefined) return
  const heard: Array<string> = []
  await Promise.all([
    followRun(stage, run),
    follow({
      setting: stage.setting,
      chance: stage.chance,
      path: `/runs/${run}/agent`,
      stop: stage.over,
      cutMs: 3_000,
      heard: ({ event }) => {
        heard.push(event)
        return event !== "end" && event !== "refused"
      }
    })
  ])
}

const vote: Scene = async (stage, name) => {
  const { ask, chance, recorder } = stage
  await moment(stage)
  const run = await start(stage, "vote", name)
  if (run === undefined) return
  const followed = followRun(stage, run)
  const isAsked = await wait(stage, async () => {
    const row = await summary(stage, run)
    return isOver(row?.["status"]) || row?.["reason"] === "approval" ? true : undefined
  })
  const target = { kind: "question", object: name, settings: voting }
  const path = `/approvals/${encodeURIComponent(`${run}/vote`)}`
  if (isAsked !== undefined) {
    for (let times = 0; times < 4 && !stage.over.aborted; times++) {
      await moment(stage, 400)
      const by = chance.of(["ann", "bob", "cy", "eve"])
      const decision = chance.next() < 0.8 ? "approve" : "deny"
      await recorder.operation(
        target,
        { do: "answer", by, decision },
        () => ask({ method: "POST", path: `${path}/answers`, as: by, body: { decision } }),
        (replied) => stands(replied, "taken")
      )
      if (chance.next() < 0.4) {
        await recorder.operation(target, { do: "look" }, () => ask({ path }), (replied) => stands(replied, "stands"))
      }
    }
  }
  await followed
}

const inbox: Scene = async (stage, name) => {
  const { ask, chance, recorder } = stage
  await moment(stage)
  const run = await start(stage, "inbox", name)
  if (run === undefined) return
  for (let times = 0; times < 6 && !stage.over.aborted; times++) {
    await moment(stage, 400)
    const id = `${name}:${chance.below(4)}`
    const payload = chance.of(["one", "two", "three"])
    await recorder.operation(
      { kind: "signal", object: id, settings: { run } },
      { do: "send", payload },
      () => ask({ method: "POST", path: `/runs/${run}/signals/note`, body: { id, payload } }),
      signalled
    )
  }
}

/** What is said to a signal. */
export const signalled = ({ body, problem }: Replied): { readonly said: string } => ({
  said: problem === undefined ? body["result"] as string : problem === "RunClosed" ? "closed" : problem
})

const quota: Scene = async (stage, name) => {
  const { ask, chance, recorder, round } = stage
  const target = { kind: "quota", object: name }
  const tenant = tenantOf(name)
  const isLimited = await recorder.operation(
    target,
    { do: "limit", most: mostOpen },
    () => ask({ method: "PUT", path: `/tenants/${tenant}/quotas`, as: "root", body: { openRuns: mostOpen } }),
    ({ problem }) => ({ said: problem ?? "done" })
  )
  if (isLimited === undefined) return
  const mine: Array<{ readonly key: string; readonly run: string }> = []
  for (let times = 0; times < 8 && !stage.over.aborted; times++) {
    await moment(stage, 300)
    const turn = chance.next()
    if (turn < 0.5) {
      const key = `k${chance.below(8)}`
      let run: string | undefined
      const started = await recorder.operation(
        target,
        { do: "start", key },
        () =>
          ask({
            method: "POST",
            path: "/runs",
            tenant,
            body: {
              workflow: "held",
              key,
              input: { round, scene: `${name}-${key}`, input: "a" },
              labels: { round: `${round}`, scene: `${name}-${key}` }
            }
          }),
        ({ body, problem }) => {
          if (problem !== undefined) return { said: problem === "QuotaReached" ? "full" : problem }
          run = body["runId"] as string
          return { said: body["joined"] === true ? "joined" : "started" }
        }
      )
      if (started?.said === "started") mine.push({ key, run: run! })
    } else if (turn < 0.75 && mine.length > 0) {
      await endRun(stage, target, mine.shift()!)
    } else {
      await recorder.operation(
        target,
        { do: "look" },
        () => ask({ path: `/tenants/${tenant}`, as: "root" }),
        tenantHas
      )
    }
  }
}

/** What is said of a tenant. */
export const tenantHas = ({ body, problem }: Replied): unknown =>
  problem !== undefined ? { said: problem } : { said: "has", open: body["openRuns"], runs: body["runs"] }

/** Cancels a run and waits for its end, as one operation. */
export const endRun = async (
  { ask, recorder }: Pick<Stage, "ask" | "recorder">,
  target: { readonly kind: string; readonly object: string },
  { key, run }: { readonly key: string; readonly run: string }
): Promise<void> => {
  await recorder.operation(target, { do: "end", key }, async () => {
    await ask({ method: "POST", path: `/runs/${run}/cancel`, body: {} })
    while (true) {
      const { body, problem } = await ask({ path: `/runs/${run}?wait=10s`, timeoutMs: 20_000 })
      if (problem !== undefined) return { said: problem }
      if (isOver(body["status"])) return { said: "done" }
    }
  }, (said) => said)
}

/** Publishes an event of a scene, by an id of its own. */
export const emit = (
  { ask, recorder, round }: Pick<Stage, "ask" | "recorder" | "round">,
  scene: string,
  event: "placed" | "moved" | "moved-again"
): Promise<{ readonly said: string } | undefined> =>
  recorder.operation(
    { kind: "event", object: `${scene}-${event}`, settings: { starts: event === "placed" } },
    { do: "emit" },
    () =>
      ask({
        method: "POST",
        path: "/events",
        body: {
          name: event === "placed" ? "soak.placed" : "soak.moved",
          id: `${scene}-${event}`,
          payload: { round, scene, id: scene }
        }
      }),
    ({ problem }) => ({ said: problem ?? "published" })
  )

const raise: Scene = async (stage, name) => {
  const { ask, chance, recorder } = stage
  const target = { kind: "raise", object: name }
  const day = dayOf(name)
  for (let times = 0; times < 5 && !stage.over.aborted; times++) {
    await moment(stage, 800)
    if (chance.next() < 0.3) {
      await recorder.operation(
        target,
        { do: "look" },
        () => ask({ path: `/spending/raises?since=${Date.parse(day)}&until=${Date.parse(day)}&limit=500` }),
        raisesOf
      )
      continue
    }
    const id = `${name}:${chance.below(6)}`
    const micros = 1 + chance.below(1_000)
    await recorder.operation(
      target,
      { do: "raise", id, micros },
      () => ask({ method: "POST", path: "/spending/raises", body: { workflow: "watcher", day, micros, id } }),
      ({ body, problem }) =>
        problem !== undefined
          ? { said: problem }
          : { said: body["result"], sum: (body["raised"] as { micros?: number }).micros ?? 0 }
    )
  }
}

const request: Scene = async (stage, name) => {
  const { ask, chance, recorder } = stage
  for (let times = 0; times < 4 && !stage.over.aborted; times++) {
    await moment(stage, 800)
    const body = chance.of(["x", "x", "x", "y"])
    await recorder.operation(
      { kind: "request", object: name },
      { body },
      () =>
        ask({
          method: "POST",
          path: "/events",
          key: name,
          body: { name: "soak.noted", payload: { scene: name, body } }
        }),
      ({ body, headers, problem }) =>
        problem === undefined
          ? { said: "answer", answer: body["id"], replayed: headers.get("idempotency-replayed") === "true" }
          : { said: problem === "KeyReused" ? "reused" : problem }
    )
  }
}

const placed: Scene = async (stage, name) => {
  await moment(stage)
  const published = await emit(stage, name, "placed")
  await moment(stage, 2_000)
  // One from before the run was started is none of the run's.
  if (published !== undefined) await emit(stage, name, "moved")
}

const kinds: Readonly<Record<string, { readonly count: number; readonly play: Scene }>> = {
  order: { count: 5, play: order },
  vote: { count: 5, play: vote },
  inbox: { count: 4, play: inbox },
  watched: { count: 3, play: watched },
  quota: { count: 3, play: quota },
  raise: { count: 2, play: raise },
  request: { count: 3, play: request },
  placed: { count: 5, play: placed },
  tasks: { count: 3, play: tasks }
}
