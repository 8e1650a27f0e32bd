/**
 * The times that a run stores: when a wait ends, an attempt begins, a question
 * closes. In ms since the epoch, whole, and bounded: the year 9999 is the last
 * that RFC 3339, and with it other systems, can name. What is to take longer
 * than that has to say so: only an infinite duration means never.
 */

/** The last time that can be stored, in ms since the epoch: the end of the year 9999. */
export const latest = 253_402_300_799_999

/** Stands for a time that never comes, where a number has to. */
export const never = latest + 1

/** A finite time behind `latest`. A defect of the code that asked for it. */
export class TimeTooLate extends Error {
  override readonly name = "TimeTooLate"
  /** `what` is asked for, as the beginning of a sentence, and lasts `millis`. */
  constructor(what: string, millis: number) {
    super(
      `${what} of ${millis} ms ends after the year 9999, the last that can be stored: give a shorter one, or Duration.infinity for one without an end`
    )
  }
}

/**
 * When something ends that begins at `from` and lasts `millis`: at once when it
 * is negative, and `Infinity` when it is infinite. See `isTooLate`.
 */
export const after = (from: number, millis: number): number => millis <= 0 ? from : from + Math.ceil(millis)

/** Whether a time is finite and cannot be stored. */
export const isTooLate = (time: number): boolean => time > latest && time !== Infinity
