/** What somebody does to schedules. */
import { engineWorkflows } from "@fermata/core/BulkAct"
import {
  type BackfillRequest,
  type BackfillStarted,
  isName,
  mostBackfilled,
  mostBackfills,
  mostTold,
  nameRule,
  overlapOf,
  ProducerTaken,
  read,
  type ScheduleOptions,
  ScheduleRefused,
  type Ticked
} from "@fermata/core/Schedule"
import * as ScheduleTime from "@fermata/core/ScheduleTime"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as TimeText from "@fermata/core/TimeText"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { Answers, FireOp, ScheduleOp, ScheduleRow, ScheduleState, UnscheduleOp } from "../../Backend.ts"
import * as CurrentTenant from "../../CurrentTenant.ts"
import * as Events from "../../Events.ts"
import { described, type StartRequest } from "../../StartRequest.ts"
import * as Acting from "../Acting.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import { ScheduleLoop } from "../process/ScheduleLoop.ts"
import * as Intake from "../tasks/Intake.ts"
import * as Evaluation from "./Evaluation.ts"
import * as ScheduleLooks from "./ScheduleLooks.ts"

interface Act {
  readonly by: string
}

export const make = (runtime: EngineRuntime) => {
  const { backend, host, rounds, scheduleBell, writer } = runtime
  const { now } = host

  /** Stores it as this act, unless it was changed meanwhile. */
  const store = Effect.fnUntraced(function*(
    op: ScheduleOp,
    what: Acting.What,
    told: (tenant: string | undefined) => unknown
  ) {
    const tenant = yield* CurrentTenant.current
    const act = yield* Acting.of<Answers["schedule"]>(now, what, () => told(tenant))
    const answer = yield* writer.patience.persist(Acting.write(writer.write<ScheduleOp>, op, act))
    if (answer.result === "stored") scheduleBell.ring()
    return answer
  })

  /** Changes how a schedule stands, again where somebody else was first. */
  const change = Effect.fnUntraced(function*(
    name: string,
    action: string,
    by: string,
    make: (options: ScheduleOptions, state: ScheduleState) => ScheduleState,
    told?: (tenant: string | undefined) => unknown
  ) {
    while (true) {
      const row = yield* ScheduleLooks.find(backend, name)
      const options = Evaluation.optionsOf(row.options)
      const before = Evaluation.stateOf(row)
      const state = make(options, before)
      const changed = rowOf({ ...row, updatedAt: now(), version: row.version + 1 }, options, state)
      const view = (tenant: string | undefined) => ScheduleLooks.viewOf(changed, tenant, now())
      const { result } = yield* store(
        { op: "schedule", row: changed, seen: row.version },
        { action, target: row.name, by },
        told ?? view
      )
      if (result === "stored") return view(yield* CurrentTenant.current)
    }
  })

  const put = Effect.fn("Schedules.put")(function*(name: string, given: ScheduleOptions, { by }: Act) {
    const tenant = yield* CurrentTenant.current
    const whole = Tenant.qualify(tenant, name)
    const refuse = (problem: string) => Effect.fail(new ScheduleRefused({ schedule: name, problem }))
    if (!isName(Tenant.local(whole))) return yield* refuse(nameRule)
    const options = yield* Effect.fromResult(read(name, given))
    const stored = StoredJson.of(options)
    if (Result.isFailure(stored)) return yield* refuse(`what it starts cannot be stored: ${stored.failure.reason}`)
    const { text } = stored.success
    // Tasks of one key come from one schedule.
    const producer = options.producer ?? ("task" in options.target ? options.target.task.dedupe : undefined)
    while (true) {
      const row = yield* backend.schedule(whole)
      if (row !== null && row.options === text) {
        return { schedule: ScheduleLooks.viewOf(row, tenant, now()), result: "same" as const }
      }
      const problem = problemOf(options, text, now()) ?? (yield* problemOfTarget(options))
      if (problem !== undefined) return yield* refuse(problem)
      const at = now()
      const before = row === null ? undefined : Evaluation.stateOf(row)
      const isTimed = before !== undefined && timesOf(Evaluation.optionsOf(row!.options)) === timesOf(options)
      const since = isTimed ? before.since : at
      const state: ScheduleState = {
        ...before ?? fresh,
        since,
        nextSlot: isTimed ? before.nextSlot : ScheduleTime.firstSlot(options, since)
      }
      const changed = rowOf(
        {
          name: whole,
          producer: producer === undefined ? null : Tenant.qualify(Tenant.of(whole), producer),
          options: text,
          version: (row?.version ?? 0) + 1,
          by,
          createdAt: row?.createdAt ?? at,
          updatedAt: at
        },
        options,
        state
      )
      const done = (tenant: string | undefined) => ({
        schedule: ScheduleLooks.viewOf(changed, tenant, at),
        result: row === null ? "created" as const : "changed" as const
      })
      const { owner, result } = yield* store(
        { op: "schedule", row: changed, seen: row?.version ?? null },
        { action: "schedule.put", target: whole, by },
        done
      )
      if (result === "taken") {
        return yield* new ProducerTaken({
          schedule: name,
          producer: producer ?? "",
          owner: ScheduleLooks.nameIn(tenant, owner ?? "")
        })
      }
      if (result === "stored") return done(tenant)
    }
  })

  const remove = Effect.fn("Schedules.remove")(function*(name: string, { by }: Act) {
    const row = yield* ScheduleLooks.find(backend, name)
    const view = ScheduleLooks.viewOf(row, yield* CurrentTenant.current, now())
    const act = yield* Acting.of<Answers["unschedule"]>(
      now,
      { action: "schedule.remove", target: row.name, by },
      () => view
    )
    const { removed } = yield* writer.patience.persist(
      Acting.write(writer.write<UnscheduleOp>, { op: "unschedule", name: row.name }, act)
    )
    return removed ? view : yield* Effect.as(ScheduleLooks.find(backend, name), view)
  })

  const runNow = Effect.fn("Schedules.runNow")(function*(name: string, { by }: Act) {
    const tenant = yield* CurrentTenant.current
    const id = `now-${(yield* WebCrypto).randomUUID().replaceAll("-", "")}`
    while (true) {
      const row = yield* ScheduleLooks.find(backend, name)
      const evaluated = yield* Evaluation.evaluate(runtime, row, now(), { id, by })
      if (evaluated._tag === "Elsewhere") {
        return yield* new ScheduleRefused({ schedule: name, problem: evaluated.problem })
      }
      if (evaluated._tag === "Idle") return yield* Effect.die(new Error("a firing that was asked for came to nothing"))
      const { op } = evaluated
      const firing = ScheduleLooks.firingOf(op.firings.at(-1)!, tenant)
      const act = yield* Acting.of<Answers["fire"]>(
        now,
        { action: "schedule.run", target: row.name, by },
        () => firing
      )
      const { fired } = yield* writer.patience.persist(Acting.write(writer.write<FireOp>, op, act))
      if (!fired) continue
      rounds.poke()
      scheduleBell.ring()
      return firing
    }
  })

  const backfill = Effect.fn("Schedules.backfill")(function*(
    name: string,
    { from, overlap = "buffer-all", until }: BackfillRequest,
    { by }: Act
  ) {
    const refuse = (problem: string) => Effect.fail(new ScheduleRefused({ schedule: name, problem }))
    const row = yield* ScheduleLooks.find(backend, name)
    if (until < from) return yield* refuse("the span that is to be filled back ends before it begins")
    if (until > now()) {
      return yield* refuse(`the span that is to be filled back ends at ${TimeText.time(until)}, which is yet to come`)
    }
    const options = Evaluation.optionsOf(row.options)
    const { spec } = options
    const state = Evaluation.stateOf(row)
    const first = ScheduleTime.slotBehind(spec, Evaluation.anchorOf(state), from - 1)
    const { count } = first === null ? { count: 0 } : ScheduleTime.span({ spec }, first, until)
    if (count === 0) {
      return yield* refuse(`it has no slot between ${TimeText.time(from)} and ${TimeText.time(until)}`)
    }
    if (count > mostBackfilled) {
      return yield* refuse(`the span has ${count} slots; give one of at most ${mostBackfilled}`)
    }
    if (state.backfills.length >= mostBackfills) {
      return yield* refuse(`${mostBackfills} spans are being filled back already; wait until one is done`)
    }
    const told = (tenant: string | undefined): BackfillStarted => ({
      schedule: ScheduleLooks.nameIn(tenant, row.name),
      slots: count
    })
    yield* change(name, "schedule.backfill", by, (_, state) => ({
      ...state,
      backfills: [...state.backfills, { after: from - 1, until, overlap, by }]
    }), told)
    return told(yield* CurrentTenant.current)
  })

  const tick: Effect.Effect<Ticked, Effect.Error<ReturnType<ScheduleLoop["fireDue"]>>> = Effect.gen(function*() {
    const tenant = yield* CurrentTenant.current
    const loop = new ScheduleLoop(runtime)
    // A schedule says itself whose it is.
    const { firings } = yield* Effect.provideService(
      loop.fireDue(now, ({ name }) => Tenant.reaches(tenant, name)),
      CurrentTenant.CurrentTenant,
      undefined
    )
    scheduleBell.ring()
    return {
      started: firings.filter(({ outcome }) => outcome === "started").length,
      firings: firings.slice(0, mostTold).map((row) => ScheduleLooks.firingOf(row, tenant))
    }
  }).pipe(Effect.withSpan("Schedules.tick"))

  return {
    put,
    remove,
    pause: Effect.fn("Schedules.pause")((name: string, { by }: Act) =>
      change(name, "schedule.pause", by, (_, state) => ({ ...state, paused: true }))
    ),
    resume: Effect.fn("Schedules.resume")((name: string, { by }: Act) =>
      change(name, "schedule.resume", by, (options, state) =>
        !state.paused ? state : {
          ...state,
          paused: false,
          nextSlot: state.nextSlot === null ? null : ScheduleTime.slotFrom(options, state.nextSlot, now())
        })
    ),
    runNow,
    backfill,
    tick
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How a schedule stands that is made now. */
const fresh: Omit<ScheduleState, "nextSlot" | "since"> = {
  paused: false,
  lastSlot: null,
  lastRun: null,
  problem: null,
  running: [],
  buffered: [],
  backfills: [],
  missed: 0,
  started: 0
}

const rowOf = (
  row: Omit<ScheduleRow, "dueAt" | "state">,
  options: ScheduleOptions,
  state: ScheduleState
): ScheduleRow => ({
  ...row,
  state: StoredJson.textOf(state),
  dueAt: Evaluation.dueAt(row.name, options, state)
})

/** What of it says which slots there are. */
const timesOf = ({ delayMs, endAt, spec, startAt }: ScheduleOptions): string =>
  StoredJson.textOf([spec, startAt ?? null, endAt ?? null, delayMs ?? null])

const problemOf = (options: ScheduleOptions, text: string, now: number): string | undefined => {
  if (text.length > Events.maxPayload) {
    return `what is said of it has ${text.length} characters; give at most ${Events.maxPayload}`
  }
  if (options.endAt !== undefined && options.endAt <= now) {
    return `it ends at ${TimeText.time(options.endAt)}, which has passed`
  }
  return ScheduleTime.problemOf(options, now)
}

/** Why nothing like that can ever be started. Whether the workflow is known says each slot. */
const problemOfTarget = (options: ScheduleOptions): Effect.Effect<string | undefined> => {
  const { target } = options
  const overlap = overlapOf(options)
  if (!("workflow" in target) && (overlap === "cancel-other" || overlap === "terminate-other")) {
    return Effect.succeed(`${overlap} is for runs of workflows: nothing else is cancelled by the next slot`)
  }
  if ("event" in target && overlap !== "allow-all") {
    return Effect.succeed(`an event does not go on, so nothing overlaps: leave out ${overlap}`)
  }
  if ("task" in target) {
    return Effect.match(Intake.opOf(target.task, { id: "schedule", isEngine: false, now: 0, tenant: undefined }), {
      onFailure: ({ message }) => message,
      onSuccess: () => undefined
    })
  }
  if ("event" in target) {
    const { name, payload = {} } = target.event
    return Effect.match(Events.check(name, payload as Schema.Json), {
      onFailure: ({ message }) => message,
      onSuccess: () => undefined
    })
  }
  const { labels, title, workflow } = target
  if (engineWorkflows.includes(workflow)) return Effect.succeed(`runs of ${workflow} are started by the engine alone`)
  const described_ = described({ workflow } as StartRequest, {
    ...(labels === undefined ? {} : { labels }),
    ...(title === undefined ? {} : { title })
  })
  return Effect.match(described_, { onFailure: ({ problem }) => problem, onSuccess: () => undefined })
}
