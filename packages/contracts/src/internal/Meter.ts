/**
 * Counts the work of an expression, so that it is bounded by what it does and
 * never by how long it takes: a run that is replayed on a slow machine gets
 * the same answer.
 */

/** Bounds of one evaluation. */
export interface Limits {
  /** Evaluated nodes of the expression, and as much other work as takes about as long. */
  readonly operations: number
  /** Characters of any text that an expression makes. */
  readonly characters: number
  /** Items of any list that an expression makes. */
  readonly items: number
  /** Depth of nesting of any value that an expression reads whole or makes. */
  readonly depth: number
}

/** 50,000 operations are about half a second. */
export const defaultLimits: Limits = { operations: 50_000, characters: 1024 * 1024, items: 10_000, depth: 100 }

/** Thrown when a bound is passed; `code` tells it from the errors of the expression itself. */
export class ExpressionLimitExceeded extends Error {
  override readonly name = "ExpressionLimitExceeded"
  readonly code = "limit"
}

/** Weight of one value; a text weighs its characters more. */
const nodeWeight = 64

/** The work left to one evaluation. */
export class Meter {
  readonly limits: Limits
  #left: number
  #weights = new WeakMap<object, number>()

  constructor(limits: Limits) {
    this.limits = limits
    this.#left = limits.operations
  }

  /** Takes `operations` from what is left. */
  charge(operations: number): void {
    this.#left -= operations
    if (this.#left < 0) {
      throw new ExpressionLimitExceeded(`it takes more than ${this.limits.operations} operations`)
    }
  }

  /**
   * Takes the work of reading all of `value`, which may share parts of itself, as often as `times` says.
   * `remember` says that the value will not change.
   */
  chargeWhole(value: unknown, remember: boolean, times = 1): void {
    this.charge(this.#weigh(value, remember, 0) * times / 1024)
  }

  /** Takes the work of reading the outermost level of `value`, and bounds its size. */
  chargeOuter(value: unknown): void {
    if (typeof value === "string") {
      if (value.length > this.limits.characters) {
        throw new ExpressionLimitExceeded(`it makes a text of more than ${this.limits.characters} characters`)
      }
      this.charge(value.length / 1024)
    } else if (Array.isArray(value)) this.charge(value.length / 64)
  }

  #weigh(value: unknown, remember: boolean, depth: number): number {
    if (typeof value === "string") return nodeWeight + value.length
    if (typeof value !== "object" || value === null || isFunction(value)) return nodeWeight
    const known = remember ? this.#weights.get(value) : undefined
    if (known !== undefined) return known
    if (depth > this.limits.depth) {
      throw new ExpressionLimitExceeded(`it reads a value that is nested more than ${this.limits.depth} levels deep`)
    }
    let weight = nodeWeight
    // Without memory a value that shares its parts would be walked many times, so walking costs as it goes.
    if (!remember) this.charge(1 / 16)
    if (Array.isArray(value)) { for (const item of value) weight += this.#weigh(item, remember, depth + 1) }
    else {
      for (const name of Object.keys(value)) {
        weight += name.length + this.#weigh(Reflect.get(value, name), remember, depth + 1)
      }
    }
    if (remember) this.#weights.set(value, weight)
    return weight
  }
}

/** Whether a value is one of JSONata's functions. */
export const isFunction = (value: unknown): boolean =>
  typeof value === "function" ||
  (typeof value === "object" && value !== null &&
    (Reflect.get(value, "_jsonata_function") === true || Reflect.get(value, "_jsonata_lambda") === true))
