/** What is written to a store of what was spent. */
import type { DayClaim } from "@fermata/core/DayClaims"
import type { Amount } from "@fermata/core/Spent"
import type { DaySums } from "@fermata/core/SpentByDay"

/**
 * What a commit changes of what was spent; absent where its entries say nothing of money.
 *
 * The sums of a day are those of the run's workflow, and are changed in the
 * transaction of the commit. A sum is never below 0, and no larger than the
 * largest safe integer.
 */
export interface SpendingChange {
  /** What the run has spent behind this commit, in whole; absent where that is what it was. */
  readonly spent?: Amount
  /** What is added to the sums of days. */
  readonly days: ReadonlyArray<DaySums>
  /**
   * What requests of the commit reserve besides, one after another, as far as
   * each day has room behind that: `DayClaims.settle`, inside the transaction,
   * says what is stored. Where a busy database makes the backend try the
   * transaction again, it is asked again.
   */
  readonly claims?: ReadonlyArray<DayClaim>
}
