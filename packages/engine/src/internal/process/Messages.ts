/** Messages of callers in this process to runs and to the outside. */
import * as Effect from "effect/Effect"
import type { Answers, InboxOp, OutboxRow, StorageFailed } from "../../Backend.ts"
import type { Inboxes } from "./Inboxes.ts"
import type { Rounds } from "./Rounds.ts"
import type { Writer } from "./Writer.ts"

export class Messages {
  private readonly ownerId: string
  private readonly rounds: Rounds
  private readonly writer: Writer
  private readonly inboxes: Inboxes
  private ids = 0

  constructor(ownerId: string, rounds: Rounds, writer: Writer, inboxes: Inboxes) {
    this.ownerId = ownerId
    this.rounds = rounds
    this.writer = writer
    this.inboxes = inboxes
  }

  /** An id that no other process makes. */
  newId(what: string): string {
    return `${what}:${this.ownerId}:${++this.ids}`
  }

  /** Puts a message into the inbox of a run. */
  readonly send = (op: Omit<InboxOp, "op">): Effect.Effect<Answers["inbox"], StorageFailed> =>
    Effect.map(this.writer.patience.persist(this.writer.write({ op: "inbox", ...op })), (answer) => {
      if (answer.result === "accepted") this.inboxes.arrived(op.row, answer)
      return answer
    })

  /** Puts messages into the outbox for a caller who is no body of a workflow. */
  readonly publish = (rows: ReadonlyArray<OutboxRow>): Effect.Effect<void, StorageFailed> =>
    Effect.map(this.writer.patience.persist(this.writer.write({ op: "publish", rows })), () => this.rounds.poke())
}
