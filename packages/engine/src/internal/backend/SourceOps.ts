/** What comes in from outside: sensor events and the sources that they come from, as rows and as operations. */
import type { Acted } from "./Act.ts"
import type { OutboxRow } from "./Rows.ts"

/** Something that came in from outside, or what of it was refused. */
export interface SensorRow {
  /** Its place among all that came in; texts of later ones are greater. */
  readonly position: string
  /** What it came from, with the tenant before it (`Tenant.qualify`). */
  readonly sensor: string
  /** By which it is told from others of its tenant: what comes in again under the same is the same. Of what is refused, by which the same refusal is known again. */
  readonly dedupe: string
  /** What the sensor calls it. */
  readonly eventId: string | null
  /** Where it is to be found outside. */
  readonly ref: string | null
  /** JSON. */
  readonly payload: string
  /** JSON of what it came to. */
  readonly outcome: string
  /** Why it came to nothing; null for what was taken. */
  readonly refused: string | null
  /** ms since the epoch. */
  readonly at: number
}

/** A source, as its tenant declares it. */
export interface SourceRow {
  /** With the tenant before it. */
  readonly name: string
  /** JSON of what it is. */
  readonly declaration: string
  readonly paused: boolean
  /** Why it is paused; null where nobody says so. */
  readonly note: string | null
  /** Who has changed it last, and when (ms since the epoch). */
  readonly by: string
  readonly at: number
}

/** Which of what came in is read: that which has all of these, the newest first. */
export interface SensorFilter {
  /** With the tenant before it. */
  readonly sensor?: string | undefined
  readonly tenant?: string | undefined
  /** Only what came before this position. */
  readonly before?: string | undefined
  readonly limit: number
}

/**
 * Takes what came in, with the messages of what it comes to, unless its tenant has
 * taken something under the same key: then nothing is done. A refusal takes the
 * place of the one before it under its key, and stands in the way of nothing.
 */
export interface IngestOp extends Acted {
  readonly op: "ingest"
  readonly row: Omit<SensorRow, "position">
  readonly outbox: ReadonlyArray<OutboxRow>
}

/** Drops what came in at `until` or before, the oldest first and at most `limit`. */
export interface SweepSensorsOp {
  readonly op: "sweepSensors"
  readonly until: number
  readonly limit: number
}

/**
 * Declares a source, which leaves it paused if it was; pauses one or lets it go
 * on; or forgets it (`change` is null). Nothing is paused that is not there.
 */
export interface SourceOp extends Acted {
  readonly op: "source"
  readonly name: string
  readonly change: Pick<SourceRow, "declaration"> | Pick<SourceRow, "note" | "paused"> | null
  readonly by: string
  readonly at: number
}

/** The answers. */
export interface SourceAnswers {
  /** The row as it is kept: that of the first, where this is a `duplicate`. */
  readonly ingest: { readonly result: "accepted" | "duplicate"; readonly row: SensorRow }
  readonly sweepSensors: { readonly dropped: number }
  /** How the source stood, and how it stands now; null for none. */
  readonly source: { readonly before: SourceRow | null; readonly after: SourceRow | null }
}
