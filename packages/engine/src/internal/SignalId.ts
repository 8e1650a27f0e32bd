import { budgetSignal } from "@fermata/core/RunSpending"

/**
 * The id under which a signal is put into an inbox. One that looks like that of
 * a deferred or of the end of a child, for which there is room once only, would
 * take its place.
 */
export const signalId = (id: string): string => /^(?:signal:)*(?:deferred|child):/.test(id) ? `signal:${id}` : id

/** Whether only the engine itself sends signals of this name. */
export const isReserved = (name: string): boolean => name === budgetSignal
