/**
 * Watches the runs of agents in a process: what happens is told once it is
 * recorded, once for each time that it happens, and never again on a replay. Who
 * watches cannot stop or change anything: what gates is policy, which is decided
 * and recorded. A failure of theirs is logged, and the run does not know of it.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import { Engine } from "@fermata/engine/Engine"
import { type Committed } from "@fermata/engine/Extension"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Any } from "./Agent.ts"
import * as ModelStep from "./internal/ModelStep.ts"

/** Where something happened, and when, in ms. */
export interface Place {
  readonly runId: string
  readonly agent: string
  readonly at: number
}

/** A call of a tool that is made as a step. */
export interface ToolCall extends Place {
  readonly tool: string
  readonly params: unknown
}

/** How a run ended, or why it waits. */
export interface RunEnd extends Place {
  readonly status: "done" | "paused" | "failed" | "cancelled"
  /** Model calls that were answered, and calls of tools that were made as steps. */
  readonly turnCount: number
  readonly toolCallCount: number
}

/** What is told; what is left out is not. */
export interface Observer {
  /** The run is recorded, and its loop begins. */
  readonly preRun?: (place: Place) => Effect.Effect<void, unknown>
  /** The run has ended, or waits for somebody. */
  readonly postRun?: (end: RunEnd) => Effect.Effect<void, unknown>
  /** The model is about to be asked. */
  readonly preTurn?: (place: Place) => Effect.Effect<void, unknown>
  /** The calls of a turn have been made; or there were none. */
  readonly postTurn?: (place: Place) => Effect.Effect<void, unknown>
  readonly preToolCall?: (call: ToolCall) => Effect.Effect<void, unknown>
  readonly postToolCall?: (call: ToolCall & { readonly outcome: unknown }) => Effect.Effect<void, unknown>
}

/** Watches the runs of these agents that this process works on. */
export const layer = (
  agents: ReadonlyArray<Pick<Any, "name">>,
  observer: Observer
): Layer.Layer<never, never, Engine | Runs> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const engine = yield* Engine
    const runs = yield* Runs
    const names = new Set(agents.map(({ name }) => name))
    /** What is known of the runs that have not ended: whether a turn is under way, and the calls that are. */
    const open = new Map<string, Open>()

    const tell = <A>(hook: ((event: A) => Effect.Effect<void, unknown>) | undefined, event: () => A) =>
      hook === undefined
        ? Effect.void
        : Effect.suspend(() => hook(event())).pipe(
          Effect.catchCause((cause) => Effect.logWarning("An observer of agents failed", cause))
        )

    const end = Effect.fnUntraced(function*(place: Place, status: RunEnd["status"]) {
      if (observer.postRun === undefined) return
      const view = yield* Effect.option(runs.show(place.runId))
      const steps = view._tag === "Some" ? view.value.steps : []
      const count = (is: (step: (typeof steps)[number]) => boolean) => steps.filter(is).length
      yield* tell(observer.postRun, () => ({
        ...place,
        status,
        turnCount: count(({ name, status }) => name === ModelStep.stepName && status === "completed"),
        toolCallCount: count(({ input, label }) => label === "tool" && field(input, "on") === undefined)
      }))
    })

    const turnOver = (place: Place, state: Open) => {
      if (!state.turn) return Effect.void
      state.turn = false
      return tell(observer.postTurn, () => place)
    }

    const hear = Effect.fnUntraced(function*(entry: JournalEntry, place: Place) {
      const state = open.get(place.runId) ?? { turn: false, calls: new Map() }
      open.set(place.runId, state)
      switch (entry._tag) {
        case "RunStarted":
          return yield* tell(observer.preRun, () => place)
        case "StepRequested":
          if (entry.name === ModelStep.stepName) {
            yield* turnOver(place, state)
            state.turn = true
            return yield* tell(observer.preTurn, () => place)
          }
          if (entry.label !== "tool") return
          state.calls.set(entry.key, { tool: entry.name, params: field(entry.input, "params") })
          // What goes on with a call begins none.
          if (field(entry.input, "on") !== undefined) return
          return yield* tell(observer.preToolCall, () => ({ ...place, ...state.calls.get(entry.key)! }))
        case "StepCompleted": {
          const call = state.calls.get(entry.key)
          if (call === undefined) return
          state.calls.delete(entry.key)
          if (field(entry.output, "open") !== undefined) return
          return yield* tell(observer.postToolCall, () => ({ ...place, ...call, outcome: entry.output }))
        }
        case "RunCompleted":
        case "RunFailed":
        case "RunCancelled":
          yield* turnOver(place, state)
          open.delete(place.runId)
          return yield* end(place, endings[entry._tag])
        case "RunSuspended":
          return yield* end(place, "paused")
        default:
          return
      }
    })

    const committed = ({ entries, run, unrecorded }: Committed) =>
      Effect.gen(function*() {
        if (!names.has(run.workflow)) return
        const place = (at: number): Place => ({ runId: run.id, agent: run.workflow, at })
        for (const entry of entries) yield* hear(entry, place(entry.at))
        if (unrecorded !== undefined) yield* end(place(unrecorded.at), "paused")
      })

    yield* Effect.forkScoped(Stream.runForEach(engine.committed, committed), { startImmediately: true })
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Open {
  turn: boolean
  readonly calls: Map<string, { readonly tool: string; readonly params: unknown }>
}

const endings = { RunCompleted: "done", RunFailed: "failed", RunCancelled: "cancelled" } as const

const field = (value: unknown, name: string): unknown => {
  const read = StoredJson.read(value)
  return typeof read === "object" && read !== null ? (read as Readonly<Record<string, unknown>>)[name] : undefined
}
