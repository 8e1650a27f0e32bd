/**
 * Group commit: operations that are submitted in one turn of the event loop,
 * or while a transaction runs, share the next transaction.
 *
 * While the store is full, a commit of a run waits until there is space: nothing
 * of it is stored, and its run cannot go on without it. Every other write fails
 * at once, and its caller may try again.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Answer, Backend, Op, StorageFailed } from "../../Backend.ts"
import { isStoreFull } from "./StorePressure.ts"
import type { Watch } from "./Watch.ts"

interface Pending {
  readonly op: Op
  readonly done: (answer: Exit.Exit<Answer<Op>, StorageFailed>) => void
}

const largestGroup = 500

export class Committer {
  private readonly backend: Backend
  private readonly schedule: (task: () => void) => void
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly awaitSpace: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
  private readonly watch: Watch
  private queue: Array<Pending> = []
  private state: "idle" | "scheduled" | "writing" | "waiting" = "idle"
  private readonly failingFast = new Set<string>()

  constructor(
    backend: Backend,
    schedule: (task: () => void) => void,
    fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>,
    awaitSpace: (cause: Cause.Cause<unknown>) => Effect.Effect<void>,
    watch: Watch
  ) {
    this.backend = backend
    this.schedule = schedule
    this.fork = fork
    this.awaitSpace = awaitSpace
    this.watch = watch
  }

  get idle(): boolean {
    return this.state === "idle"
  }

  submit<O extends Op>(op: O, done: (answer: Exit.Exit<Answer<O>, StorageFailed>) => void): void {
    this.queue.push({ op, done: done as Pending["done"] })
    if (this.state !== "idle") return
    this.state = "scheduled"
    this.schedule(() => this.flush())
  }

  write<O extends Op>(op: O): Effect.Effect<Answer<O>, StorageFailed> {
    return Effect.callback((resume) => this.submit(op, resume))
  }

  /** From now on commits of these runs fail at once when the store is full, instead of waiting for space. */
  failFast(runs: ReadonlyArray<string>): void {
    for (const run of runs) this.failingFast.add(run)
    if (this.state === "waiting") this.flush()
  }

  private flush(): void {
    const group = this.queue.length <= largestGroup ? this.queue : this.queue.slice(0, largestGroup)
    this.queue = this.queue.slice(group.length)
    this.state = "writing"
    const written = this.watch.writes?.()
    this.fork(this.backend.write(group.map((pending) => pending.op))).addObserver((exit) => {
      written?.(Exit.isSuccess(exit))
      const waits = Exit.isFailure(exit) && isStoreFull(exit.cause)
        ? group.filter(({ op }) => op.op === "commit" && !this.failingFast.has(op.run))
        : []
      this.queue = [...waits, ...this.queue]
      if (waits.length > 0) {
        this.state = "waiting"
        this.fork(this.awaitSpace((exit as Exit.Failure<unknown, StorageFailed>).cause)).addObserver(() => {
          if (this.state === "waiting") this.flush()
        })
      } else if (this.queue.length === 0) this.state = "idle"
      else {
        this.state = "scheduled"
        this.schedule(() => this.flush())
      }
      for (let index = 0; index < group.length; index++) {
        if (waits.includes(group[index]!)) continue
        group[index]!.done(
          Exit.isSuccess(exit)
            ? Exit.succeed((exit.value as ReadonlyArray<Answer<Op>>)[index]!)
            : Exit.failCause(exit.cause)
        )
      }
    })
  }
}
