import { assert, describe, it } from "@effect/vitest"
import type { EntryBody, JournalEntry } from "@fermata/core/JournalEntry"
import * as Limits from "../src/simulator/Limits.ts"

const limits = { maxRunMs: 10_000, maxActiveMs: 5_000, maxSteps: 2, handsOver: false }

type Line = readonly [at: number, body: EntryBody, epoch?: number]

const found = (lines: ReadonlyArray<Line>, { now, ...more }: Partial<Limits.Limits> & { readonly now?: number } = {}) =>
  Limits.overshoot(
    {
      id: "r",
      createdAt: 0,
      entries: lines.map(([at, body, epoch = 1], seq) => ({ ...body, seq, at, epoch }) as JournalEntry)
    },
    { ...limits, ...more },
    now ?? lines.at(-1)![0]
  )

const asks = (key: string, attempt = 1): EntryBody => ({
  _tag: "StepRequested",
  key,
  name: key.replace(/~.*/, ""),
  attempt,
  onCrash: "rerun"
})
const done = (key: string, output: unknown = 1): EntryBody => ({ _tag: "StepCompleted", key, attempt: 1, output })
const stopped = (limit: string, reason = limit): EntryBody => ({
  _tag: "StopRequested",
  id: `limit:${limit}`,
  kind: "limit",
  by: "engine",
  reason
})
const failed = (name: string): EntryBody => ({ _tag: "RunFailed", cause: { name } })
const waits: EntryBody = { _tag: "RunSuspended", waits: [] }
const submitted = { _tag: "TaskSubmitted" }

describe("a journal is against S12", () => {
  it.each<[string, string, ReadonlyArray<Line>, (Partial<Limits.Limits> & { readonly now?: number })?]>([
    ["asks for a step more than it may", "maxSteps", [[0, asks("a")], [0, done("a")], [0, asks("a~2")], [
      0,
      asks("b")
    ]]],
    ["goes on when its time is over", "maxRunMs", [[0, asks("a")], [10_002, done("a")]], { maxActiveMs: 99_999 }],
    ["is stopped too late", "maxRunMs", [[0, waits], [10_002, stopped("maxRunMs")]]],
    ["waits on when its time is over", "maxRunMs", [[0, waits]], { now: 10_002 }],
    ["works for too long at one step", "maxActiveMs", [[0, asks("a")], [5_002, done("a")]]],
    ["works for too long under several owners", "maxActiveMs", [[0, asks("a")], [3_000, waits], [4_000, asks("b"), 2], [
      6_002,
      done("b"),
      2
    ]]],
    ["is stopped before it has done its steps", "maxSteps", [[0, asks("a")], [0, stopped("maxSteps")]]],
    ["is stopped before its time is over", "maxRunMs", [[0, waits], [9_999, stopped("maxRunMs")]]],
    ["is stopped by a limit and ends for another reason", "does not say so", [
      [0, waits],
      [10_000, stopped("maxRunMs")],
      [10_000, failed("Other")]
    ]],
    [
      "walks through a step of a contract too many",
      "maxSteps",
      [[0, asks("a")], [0, done("a")], [0, asks("b")], [0, done("b")], [0, asks("a~2")]],
      { handsOver: true }
    ]
  ])("of a run that %s", (_, problem, lines, more) => assert.include(found(lines, more), problem))

  it.each<[string, ReadonlyArray<Line>, (Partial<Limits.Limits> & { readonly now?: number })?]>([
    ["tries a step again", [[0, asks("a")], [0, asks("a", 2)], [0, asks("a", 3)], [0, asks("b")]]],
    ["is stopped on time", [[0, waits], [10_000, stopped("maxRunMs")], [10_000, failed("LimitExceeded")]], {
      now: 99_999
    }],
    ["compensates when it is stopped", [[0, asks("a")], [0, asks("b")], [0, stopped("maxSteps")], [0, asks("undo")], [
      90_000,
      done("undo")
    ]]],
    ["waits for longer than it may work", [[0, asks("a")], [4_000, done("a")], [4_000, waits], [9_000, asks("b")]]],
    ["died at work, which nobody can count", [[0, asks("a")], [9_000, asks("a"), 2], [9_500, done("a"), 2]]],
    ["is over", [[0, failed("Other")]], { now: 99_999 }],
    [
      "is of a contract and hands a task over again",
      [[0, asks("a")], [0, done("a", submitted)], [0, asks("a~2")], [0, done("a~2", submitted)], [0, asks("b")]],
      { handsOver: true }
    ]
  ])("and not of one that %s", (_, lines, more) => assert.isUndefined(found(lines, more)))
})
