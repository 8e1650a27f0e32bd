/**
 * Runs code that is written with promises, but waits for nothing, to its end
 * without leaving the current turn.
 *
 * JSONata's evaluator is asynchronous only so that its functions may be. In
 * the body of a workflow that would be an unrecorded wait, and the order of
 * what follows would no longer be that of the journal. Its ES5 build takes
 * `Promise` from the global scope, so for the length of one synchronous call
 * the global is a promise whose reactions run from a queue of our own. No
 * other code runs meanwhile, and the global is put back whatever happens.
 */

/**
 * Calls `body`, which may use promises freely, and returns what its promise
 * resolves to or throws what it rejects with. `onReaction` is called before
 * each reaction and stops everything by throwing.
 */
export const run = <A>(body: () => PromiseLike<A>, onReaction: () => void): A => {
  const outside = queue
  const reactions: Array<() => void> = []
  queue = reactions
  const global = globalThis.Promise
  globalThis.Promise = ImmediatePromise as unknown as PromiseConstructor
  try {
    let outcome: { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: unknown } | undefined
    body().then((value) => outcome = { ok: true, value }, (error: unknown) => outcome = { ok: false, error })
    for (let i = 0; i < reactions.length; i++) {
      onReaction()
      reactions[i]?.()
      if (i === 1024) {
        reactions.splice(0, i + 1)
        i = -1
      }
    }
    if (outcome === undefined) throw new Error("the code waited for something outside itself")
    if (outcome.ok) return outcome.value
    throw outcome.error
  } finally {
    globalThis.Promise = global
    queue = outside
  }
}

// ---------------------------------------------------------------- internal

let queue: Array<() => void> = []

type State = "pending" | "fulfilled" | "rejected"
type Reaction = (state: State, value: unknown) => void

/** As much of a promise as generated async code uses. */
class ImmediatePromise {
  #state: State = "pending"
  #value: unknown = undefined
  #locked = false
  #waiting: Array<Reaction> = []

  constructor(executor: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) {
    const reject = (error: unknown): void => {
      if (this.#locked) return
      this.#locked = true
      this.#settle("rejected", error)
    }
    const resolve = (value: unknown): void => {
      if (this.#locked) return
      this.#locked = true
      if (value instanceof ImmediatePromise) value.#react((state, inner) => this.#settle(state, inner))
      else this.#settle("fulfilled", value)
    }
    try {
      executor(resolve, reject)
    } catch (error) {
      reject(error)
    }
  }

  static resolve(value: unknown): ImmediatePromise {
    return value instanceof ImmediatePromise ? value : new ImmediatePromise((resolve) => resolve(value))
  }

  static all(values: ReadonlyArray<unknown>): ImmediatePromise {
    return new ImmediatePromise((resolve, reject) => {
      const results: Array<unknown> = new Array(values.length)
      let left = values.length
      if (left === 0) resolve(results)
      values.forEach((value, i) => {
        const keep = (result: unknown): void => {
          results[i] = result
          if (--left === 0) resolve(results)
        }
        ImmediatePromise.resolve(value).then(keep, reject)
      })
    })
  }

  then(onFulfilled?: (value: unknown) => unknown, onRejected?: (error: unknown) => unknown): ImmediatePromise {
    return new ImmediatePromise((resolve, reject) => {
      this.#react((state, value) => {
        const handler = state === "fulfilled" ? onFulfilled : onRejected
        if (handler === undefined) return state === "fulfilled" ? resolve(value) : reject(value)
        try {
          resolve(handler(value))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #react(reaction: Reaction): void {
    if (this.#state === "pending") this.#waiting.push(reaction)
    else queue.push(() => reaction(this.#state, this.#value))
  }

  #settle(state: State, value: unknown): void {
    this.#state = state
    this.#value = value
    for (const reaction of this.#waiting) queue.push(() => reaction(state, value))
    this.#waiting = []
  }
}
