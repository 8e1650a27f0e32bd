/** Messages of callers in this process to runs and to the outside. */
import * as Effect from "effect/Effect"
import type { Act, Answers, InboxOp, IngestOp, OutboxRow, PublishOp, RaiseOp, StorageFailed } from "../../Backend.ts"
import * as Acting from "../Acting.ts"
import type { Scrub } from "../secrets/Scrub.ts"
import * as Telling from "../secrets/Telling.ts"
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
  readonly send = ({ act, row, ...rest }: Omit<InboxOp, "op">): Effect.Effect<Answers["inbox"], StorageFailed> => {
    const scrub = Telling.now()
    const op = { ...rest, row: scrub === undefined ? row : without(row, scrub) }
    const written = Acting.write(this.writer.write<InboxOp>, { op: "inbox", ...op }, act)
    return Effect.map(this.writer.patience.persist(written), (answer) => {
      if (answer.result === "accepted") this.inboxes.arrived(op.row, answer)
      return answer
    })
  }

  /** Raises what the runs of a workflow may spend on a day, and tells those that wait for it. */
  readonly raise = (op: RaiseOp, act: Act | undefined): Effect.Effect<Answers["raise"], StorageFailed> =>
    Effect.tap(
      this.writer.patience.persist(Acting.write(this.writer.write<RaiseOp>, op, act)),
      ({ told }) => Effect.sync(() => told.length > 0 ? this.rounds.poke() : undefined)
    )

  /** Puts messages into the outbox for a caller who is no body of a workflow. */
  readonly publish = (rows: ReadonlyArray<OutboxRow>, act: Act | undefined): Effect.Effect<void, StorageFailed> => {
    const scrub = Telling.now()
    const told = scrub === undefined ? rows : rows.map((row) => without(row, scrub))
    return Effect.map(
      this.writer.patience.persist(Acting.write(this.writer.write<PublishOp>, { op: "publish", rows: told }, act)),
      () => this.rounds.poke()
    )
  }

  /** Takes what came in from outside, with the messages of what it comes to. */
  readonly ingest = (op: IngestOp, act: Act | undefined): Effect.Effect<Answers["ingest"], StorageFailed> => {
    const scrub = Telling.now()
    const told = scrub === undefined ? op : {
      ...op,
      row: { ...op.row, payload: scrub.jsonText(op.row.payload) },
      outbox: op.outbox.map((row) => without(row, scrub))
    }
    return Effect.tap(
      this.writer.patience.persist(Acting.write(this.writer.write<IngestOp>, told, act)),
      () => Effect.sync(() => op.outbox.length > 0 ? this.rounds.poke() : undefined)
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the body of a step sends is without the secrets that it was told. */
const without = <Row extends { readonly id: string; readonly payload: string }>(row: Row, scrub: Scrub): Row => ({
  ...row,
  id: scrub.text(row.id),
  payload: scrub.jsonText(row.payload)
})
