/**
 * How an engine behaves. Hosts set these; programs need not know them.
 */
import * as Context from "effect/Context"

/** How the engine of a process behaves. Times in ms. */
export interface EngineOptions {
  /** How long (ms, host time) a process owns its runs without a sign of life. Default 10,000. */
  readonly leaseMs: number
  /** How often (ms, host time) a process looks for what other processes wrote. Default 100. */
  readonly pollMs: number
  /** Take up any due run that this process serves; else only runs that it started or was told to follow. Default true. */
  readonly worker: boolean
  /** Runs that may be awake at once in this process; more stay queued. Default 500. */
  readonly maxAwake: number
  /** Parked runs that are kept in memory so that they go on without a replay; each takes about 20 kB. Default 1,000. */
  readonly maxParked: number
  /** How long (ms, host time) a parked run is kept in memory. Default 5,000. */
  readonly parkedMs: number
  /** Crashes of one step, or takeovers without progress, after which a run suspends as `recovery`. Default 5. */
  readonly maxRecoveries: number
  /** How long (ms) a cancel or a shutdown lets the body of an `ask` step finish. Default 30,000. */
  readonly cancelGraceMs: number
  /**
   * How long (ms) the body of a step that was interrupted at its timeout may
   * take to end, before it is let go. A shorter timeout shortens it, down to
   * 100 ms. Default 1,000.
   */
  readonly timeoutGraceMs: number
  /** How long (ms) an event is kept for open runs that may ask for it. Default 30 days. A run that asks later is told that there were some. */
  readonly keepEventsMs: number
  /** How long (ms) an event is kept for which no open run may ask, to be looked at. Default 1 hour. */
  readonly keepUnaskedEventsMs: number
  /** How long (ms) what came in from outside is kept, and its key known. Default 30 days. */
  readonly keepSensorEventsMs: number
  /** How long (ms) a task that has ended is kept, to be looked at and so that its id is known. Default 30 days. */
  readonly keepTasksMs: number
  /** A name for this process that no other process has; made up when empty. */
  readonly ownerId: string
  /** Shown to people who ask which processes live. */
  readonly info: Readonly<Record<string, string | number>>
  /**
   * What the host knows of the process that gave this `info`: it is `gone` for
   * certain, it is `there`, or it is `unknown`, so that only its lease tells.
   */
  readonly processOf: (info: Readonly<Record<string, unknown>>) => "gone" | "there" | "unknown"
}

export const EngineOptions: Context.Reference<EngineOptions> = Context.Reference<EngineOptions>(
  "@fermata/engine/EngineOptions",
  {
    defaultValue: () => ({
      leaseMs: 10_000,
      pollMs: 100,
      worker: true,
      maxAwake: 500,
      maxParked: 1_000,
      parkedMs: 5_000,
      maxRecoveries: 5,
      cancelGraceMs: 30_000,
      timeoutGraceMs: 1_000,
      keepEventsMs: 30 * 86_400_000,
      keepUnaskedEventsMs: 3_600_000,
      keepTasksMs: 30 * 86_400_000,
      keepSensorEventsMs: 30 * 86_400_000,
      ownerId: "",
      info: {},
      processOf: () => "unknown"
    })
  }
)
