/**
 * Which processes live: says so of this one, and frees the runs of the dead.
 *
 * A lease is a time of the wall clock, and that may jump. So a lease that has
 * ended says something about its owner only to a process that was there all
 * the while; one that was away itself (stopped, asleep, its clock set, its
 * store full) lets a lease pass first, in which the others say that they live.
 * And a lease that ends later than its owner can have asked for was given
 * before the clock went back: it counts from when it was noticed.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Backend, HeartbeatOp, OwnerRow, StorageFailed } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { HostClock } from "../../HostClock.ts"

type Lease = Pick<OwnerRow, "id" | "expiresAt">

export class Liveness {
  private readonly backend: Backend
  private readonly hostClock: HostClock["Service"]
  private readonly options: EngineOptions
  private readonly ownerId: string
  private readonly info: () => Readonly<Record<string, unknown>>
  private lookedAt: { readonly now: number; readonly elapsed: number }
  /** When this process last said that it lives, and when it last began to. */
  private saidAt = -Infinity
  private sayingAt = -Infinity
  /** Before this time, leases that have ended say nothing. */
  private judgesFrom = -Infinity
  /** Leases that cannot be taken at their word, and when they end at the latest. */
  private doubted = new Map<string, { readonly expiresAt: number; readonly until: number }>()

  /** `info`: what others may know of this process, as it is now. */
  constructor(
    backend: Backend,
    hostClock: HostClock["Service"],
    options: EngineOptions,
    ownerId: string,
    info: () => Readonly<Record<string, unknown>>
  ) {
    this.backend = backend
    this.hostClock = hostClock
    this.options = options
    this.ownerId = ownerId
    this.info = info
    this.lookedAt = { now: hostClock.now(), elapsed: hostClock.elapsed() }
  }

  /** Notices that the clock was set, or that this process was away for so long that others may have been too. */
  look(): void {
    const before = this.lookedAt
    const { now } = this.lookedAt = { now: this.hostClock.now(), elapsed: this.hostClock.elapsed() }
    const { leaseMs, pollMs } = this.options
    const took = this.lookedAt.elapsed - before.elapsed
    if (Math.abs(now - before.now - took) <= leaseMs / 3 && took <= leaseMs + 2 * pollMs) return
    this.judgesFrom = now + leaseMs
    this.doubted.clear()
  }

  /** Whether others may take this process for dead: its lease has ended, or is about to. What it came to own now it might lose at once. */
  get isOverdue(): boolean {
    return this.hostClock.now() > this.saidAt + this.options.leaseMs / 2
  }

  /** The operation that says that this process lives. `said` is to be called once it is in the store. */
  alive(): HeartbeatOp {
    return {
      op: "heartbeat",
      owner: {
        id: this.ownerId,
        expiresAt: (this.sayingAt = this.hostClock.now()) + this.options.leaseMs,
        worker: this.options.worker,
        info: infoText({ ...this.info(), leaseMs: this.options.leaseMs })
      }
    }
  }

  said(): void {
    this.saidAt = this.sayingAt
  }

  /** Says that this process lives, and frees the runs of those that do not. Answers how many it freed. */
  readonly beat: Effect.Effect<number, StorageFailed> = Effect.gen({ self: this as Liveness }, function*() {
    const owners = yield* this.dead
    const [, { freed }] = yield* this.backend.write([this.alive(), { op: "reap", now: this.hostClock.now(), owners }])
    this.said()
    return freed
  }).pipe(
    // A full store refuses the heartbeats of other processes too, so for the time of a lease none of them counts as dead.
    Effect.tapError(() => Effect.sync(() => void (this.judgesFrom = this.hostClock.now() + this.options.leaseMs)))
  )

  /** Frees the runs of processes that are dead. Answers how many it freed. */
  readonly reap: Effect.Effect<number, StorageFailed> = Effect.gen({ self: this as Liveness }, function*() {
    const owners = yield* this.dead
    if (owners.length === 0) return 0
    const [{ freed }] = yield* this.backend.write([{ op: "reap", now: this.hostClock.now(), owners }])
    return freed
  })

  /** The processes that are dead and have given no sign of life for so long (ms), with the time (ms since the epoch) of their last. */
  readonly stale = (
    millis: number
  ): Effect.Effect<ReadonlyArray<Lease & { readonly lastSeenAt: number }>, StorageFailed> =>
    Effect.map(this.dead, (owners) => {
      const now = this.hostClock.now()
      return owners.map(({ expiresAt, id, info }) => ({
        id,
        expiresAt,
        lastSeenAt: expiresAt - this.leaseOf(infoOf({ info }))
      })).filter(({ lastSeenAt }) => now - lastSeenAt >= millis)
    })

  private readonly dead: Effect.Effect<ReadonlyArray<OwnerRow>, StorageFailed> = Effect.suspend(() => {
    this.look()
    return Effect.map(this.backend.owners, (owners) => {
      const now = this.hostClock.now()
      const known = this.doubted
      this.doubted = new Map()
      return owners.filter((owner) => owner.id !== this.ownerId && this.isDead(owner, now, known.get(owner.id)))
    })
  })

  private leaseOf(info: Readonly<Record<string, unknown>>): number {
    return typeof info["leaseMs"] === "number" ? info["leaseMs"] : this.options.leaseMs
  }

  private isDead(
    owner: OwnerRow,
    now: number,
    doubt: { readonly expiresAt: number; readonly until: number } | undefined
  ): boolean {
    const { expiresAt, id } = owner
    const info = infoOf(owner)
    const process = this.options.processOf(info)
    if (process === "gone") return true
    const leaseMs = this.leaseOf(info)
    const isFuture = expiresAt > now + Math.max(leaseMs, this.options.leaseMs)
    if (!isFuture && (expiresAt >= now || now < this.judgesFrom)) return false
    if (!isFuture && process === "unknown") return true
    // A process that is there and has not renewed its lease is stopped, or about to.
    const until = doubt?.expiresAt === expiresAt ? doubt.until : now + leaseMs
    this.doubted.set(id, { expiresAt, until })
    return now > until
  }
}

const decodeInfo = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** What a process says of itself; nothing, when that cannot be read. */
const infoOf = ({ info }: Pick<OwnerRow, "info">): Readonly<Record<string, unknown>> => {
  const decoded = decodeInfo(info)
  return Exit.isSuccess(decoded) ? decoded.value : {}
}

/** What a process says about itself, for people. Parts that cannot be stored are left out. */
const infoText = (info: Readonly<Record<string, unknown>>): string =>
  StoredJson.compose(Object.fromEntries(
    Object.entries(info).flatMap(([name, part]) => {
      const stored = StoredJson.of(part)
      return Result.isSuccess(stored) ? [[name, stored.success]] : []
    })
  )).text
