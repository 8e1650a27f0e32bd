/**
 * How a run is written: one commit at a time, and now and then one that makes
 * its entry inside its own transaction.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Context from "effect/Context"
import type { OutboxRow, SpendingChange, Within } from "../../Backend.ts"
import * as Leaving from "../Leaving.ts"
import { DayLimit } from "../Reserved.ts"
import * as Ledger from "./Ledger.ts"
import * as Phase from "./Phase.ts"
import { Purse } from "./Purse.ts"
import { leaverOf, type RunCore } from "./RunCore.ts"
import type { Claim, MadeEntry, PendingCommit } from "./RunHost.ts"

type Entry = JournalEntry.JournalEntry

/** What the writer tells of. */
export interface Written {
  /** These inbox rows are taken. */
  readonly taken: (ids: ReadonlyArray<string>) => void
  /** The children that are not left by the next commit, although the run is told to stop. */
  readonly stillHeld: () => ReadonlyArray<string>
  /** Another process owns the run now. */
  readonly deposed: () => void
}

export class Writing {
  /** A stop is written with the next commit: the run leaves those that it has asked for. */
  isStopping = false
  private readonly run: RunCore
  private readonly told: Written
  /** What leaves with the end of the run. */
  private readonly atEnd: ReadonlyArray<OutboxRow>
  /** What the run has spent by what is stored of it. */
  private tally: SpentByDay.Tally
  /** The store knows that the run is in doubt no longer. */
  private isCertain = false

  constructor(
    run: RunCore,
    told: Written,
    tally: SpentByDay.Tally = SpentByDay.nothing,
    atEnd: ReadonlyArray<OutboxRow> = []
  ) {
    this.run = run
    this.atEnd = atEnd
    this.tally = tally
    this.told = told
  }

  /** Writes all that there is to write. `unseen`: it is refused, for the inbox holds what the run has not taken; everything else is as it was. */
  commit(
    status: PendingCommit["status"],
    ended: PendingCommit["ended"],
    release: PendingCommit["release"],
    done: (ok: boolean, unseen?: boolean) => void
  ): void {
    const { run } = this
    const contents = run.batch.take()
    const stops = this.isStopping
    const change = SpentByDay.after(this.tally, contents.entries)
    const claims = change === undefined ? noClaims : this.claimsOf(contents.entries)
    const certain = !this.isCertain && run.row.restored?.id === run.ledger.restore &&
      run.ledger.restored === undefined &&
      run.row.restored !== undefined
    this.isStopping = false
    if (run.phase === Phase.live) run.phase = claims.length === 0 ? Phase.committing : Phase.holding
    run.host.commit(run.row, {
      ...contents,
      ...(ended === undefined || this.atEnd.length === 0 ? {} : { outbox: [...contents.outbox, ...this.atEnd] }),
      status,
      ended,
      release,
      ...(certain ? { certain } : {}),
      ...(claims.length === 0 ? this.spendingOf(change) : this.claiming(contents.entries, claims)),
      ...(stops ? { leaves: Leaving.all(leaverOf(run), this.told.stillHeld()) } : {})
    }, (ok, unseen) => {
      if (ok) this.isCertain ||= certain
      if (ok) this.took(claims.length === 0 ? change : SpentByDay.after(this.tally, contents.entries))
      if (run.phase === Phase.committing || run.phase === Phase.holding) run.phase = Phase.live
      if (unseen === true && !run.phase.isGone) {
        run.batch.putBack(contents)
        this.isStopping ||= stops
        return done(false, true)
      }
      if (contents.consumed.length > 0) this.told.taken(contents.consumed)
      if (run.phase.isGone) return done(false)
      if (!ok) this.told.deposed()
      done(ok)
    })
  }

  /** Writes nothing of what the run has done, and lets go of it. */
  release(
    status: PendingCommit["status"],
    release: NonNullable<PendingCommit["release"]>,
    unrecorded: PendingCommit["unrecorded"],
    done: (ok: boolean) => void
  ): void {
    const { batch, host, row } = this.run
    host.commit(row, {
      ...batch.nothing,
      status,
      ended: undefined,
      release,
      ...(unrecorded === undefined ? {} : { unrecorded })
    }, done)
  }

  /**
   * Commits one entry that is made inside the transaction; nothing else may
   * wait to be written. Nothing is delivered until that is over, and what step
   * bodies ask for meanwhile comes behind it.
   */
  commitTogether(
    make: (within: Within) => MadeEntry<JournalEntry.EntryBody> | undefined,
    done: (entry: Entry | undefined) => void
  ): void {
    const { run } = this
    const place = { seq: run.batch.length, at: run.host.now(), epoch: run.row.epoch }
    let entry: Entry | undefined
    let change: SpentByDay.Change | undefined
    run.phase = Phase.holding
    run.host.commitTogether(run.row, place.seq, (within) => {
      const made = run.phase.isGone ? undefined : make(within)
      if (made === undefined) return undefined
      entry = { ...place, ...made.entry } as Entry
      change = SpentByDay.after(this.tally, [entry])
      return { entry, blobs: made.blobs, ...this.spendingOf(change) }
    }, (how) => {
      if (how === "done") this.took(change)
      if (run.phase.isGone) return
      run.phase = Phase.live
      if (how === "refused") return this.told.deposed()
      if (how === "done") {
        Ledger.apply(run.ledger, entry!)
        run.purse = Purse.with(run.purse, entry!)
        run.batch.letFirst()
      }
      done(how === "done" ? entry : undefined)
    })
  }

  /** What these entries change of what was spent, for their commit. */
  private spendingOf(change: SpentByDay.Change | undefined): { readonly spending?: SpendingChange } {
    if (change === undefined) return {}
    const { days, tally: { spent } } = change
    const { micros, tokens } = this.tally.spent
    return { spending: { days, ...(spent.micros === micros && spent.tokens === tokens ? {} : { spent }) } }
  }

  /** What requests reserve within limits of their days. */
  private claimsOf(entries: ReadonlyArray<Entry>): ReadonlyArray<Claim> {
    const claims: Array<Claim> = []
    for (const entry of entries) {
      if (entry._tag !== "StepRequested" || entry.reserved === undefined) continue
      const asked = this.run.pass.steps.get(entry.key)
      const limit = asked && Context.get(asked.definition.asker, DayLimit)
      if (limit !== undefined) claims.push({ entry, amount: entry.reserved, limit })
    }
    return claims
  }

  /** What these entries change in any case, and what beside that their days may have no room for. */
  private claiming(
    entries: ReadonlyArray<Entry>,
    claims: ReadonlyArray<Claim>
  ): Pick<PendingCommit, "claims" | "spending"> {
    const sure = entries.map((entry) => {
      const claim = claims.find((claim) => claim.entry === entry)
      return claim === undefined ? entry : unreserved(claim.entry)
    })
    return { spending: { days: [] }, ...this.spendingOf(SpentByDay.after(this.tally, sure)), claims }
  }

  /** It is stored. */
  private took(change: SpentByDay.Change | undefined): void {
    if (change !== undefined) this.tally = change.tally
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const noClaims: ReadonlyArray<Claim> = []

const unreserved = ({ reserved: _reserved, ...request }: Claim["entry"]): Entry => request
