/** Hands out what is in the inboxes of the runs that this process has in memory. */
import * as Effect from "effect/Effect"
import type { Answers, Backend, InboxRow, StorageFailed } from "../../Backend.ts"
import type { Pool } from "./Pool.ts"
import { Look, type Rounds } from "./Rounds.ts"

const limit = 1_000

export class Inboxes {
  private readonly backend: Backend
  private readonly ownerId: string
  private readonly pool: Pool
  private readonly rounds: Rounds
  private times = 0
  private isMore = false

  constructor(backend: Backend, ownerId: string, pool: Pool, rounds: Rounds) {
    this.backend = backend
    this.ownerId = ownerId
    this.pool = pool
    this.rounds = rounds
  }

  /** How often the inboxes were looked at: a run that was being taken up meanwhile has missed what was handed out. */
  get handedOut(): number {
    return this.times
  }

  /** Whether there may be more than was handed out. */
  get hasBacklog(): boolean {
    return this.isMore
  }

  readonly handOut: Effect.Effect<void, StorageFailed> = Effect.gen({ self: this as Inboxes }, function*() {
    // Counted also when no run is in memory: a run that is being taken up has missed these rows.
    this.times++
    if (this.pool.size === 0) return
    const rows = yield* this.backend.inboxOf(this.ownerId, limit)
    this.isMore = rows.length === limit
    for (const row of rows) this.pool.get(row.run)?.receive(row)
  })

  /** This process has put the row into the inbox of a run: sees to it that the run gets it. */
  arrived(row: InboxRow, { alone, owner }: Answers["inbox"]): void {
    if (owner === undefined) return this.rounds.poke()
    if (owner === null) return this.rounds.poke(Look.due)
    if (owner !== this.ownerId) return
    const run = this.pool.get(row.run)
    if (alone !== true || run === undefined) return this.rounds.poke(Look.inbox)
    // With nothing before it, it is next. Should the run be on its way into memory once more, it has missed it there.
    this.times++
    run.receive(row)
  }
}
