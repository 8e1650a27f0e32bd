/**
 * Whether there is an order of operations on one object that explains every
 * answer and that is within real time: what had ended before another began comes
 * before it. The search of Wing and Gong with the memo of Lowe; a history is parted
 * by object before it comes here, so that each search stays small.
 *
 * An operation whose answer nobody has heard, since a process or a connection
 * died, may have happened at any time behind its call, or never.
 */

/** One call of an object, and what was answered. Times are of one clock of the machine, in ns. */
export interface Operation<Input, Output> {
  /** Who called, for people. */
  readonly client: string
  readonly call: number
  readonly input: Input
  /** Absent where nobody knows what became of it. */
  readonly answer?: { readonly at: number; readonly output: Output }
}

/** What an object does where one operation comes after the other. States are plain JSON. */
export interface Model<State, Input, Output> {
  readonly initial: State
  /**
   * The state behind an operation with this answer; undefined where it cannot have
   * had that answer in this state. Without an answer: the state that it leaves if it happened.
   */
  readonly apply: (state: State, input: Input, output: Output | undefined) => State | undefined
}

/** What a search has found. Operations are named by their index. */
export type Verdict =
  | { readonly _tag: "Explained"; readonly order: ReadonlyArray<number> }
  /** No order explains all answers: this one explains the most, and behind it `stuck` has no place. */
  | { readonly _tag: "Unexplained"; readonly order: ReadonlyArray<number>; readonly stuck: number }
  /** There was no end to it within so many states. */
  | { readonly _tag: "Undecided"; readonly states: number }

/** States that a search looks at before it gives up. */
export const mostStates = 2_000_000

/** Searches for an order of these operations. */
export const check = <State, Input, Output>(
  { apply, initial }: Model<State, Input, Output>,
  operations: ReadonlyArray<Operation<Input, Output>>,
  most = mostStates
): Verdict => {
  const { first, ranks } = linked(operations)
  const seen = new Set<string>()
  const placed: Array<{ readonly mark: Mark; readonly state: State; readonly text: string }> = []
  const chosen = new Chosen(ranks)
  let best: ReadonlyArray<number> = []
  let stuck: number | undefined
  let open = operations.filter(({ answer }) => answer !== undefined).length
  let [state, text]: [State, string] = [initial, JSON.stringify(initial)]
  let mark = first.next

  const order = () => placed.map(({ mark }) => mark.index)
  while (open > 0) {
    // There is an answer in the list for each that is open, so the list does not end before one.
    const { answer, input } = operations[mark!.index]!
    if (mark!.end !== undefined || answer === undefined) {
      const after = apply(state, input, answer?.output)
      const afterText = after === undefined ? "" : JSON.stringify(after)
      // What left no trace and said nothing need not have happened.
      if (after !== undefined && (answer !== undefined || afterText !== text)) {
        chosen.add(mark!.index)
        const key = `${chosen.text} ${afterText}`
        if (!seen.has(key)) {
          if (seen.size >= most) return { _tag: "Undecided", states: seen.size }
          seen.add(key)
          placed.push({ mark: mark!, state, text })
          ;[state, text] = [after, afterText]
          if (answer !== undefined) open--
          lift(mark!)
          mark = first.next
          continue
        }
        chosen.remove(mark!.index)
      }
      mark = mark!.next
      continue
    }
    // What was answered here has found no place: what was placed last goes elsewhere.
    if (stuck === undefined || placed.length > best.length) {
      stuck = mark!.index
      best = order()
    }
    const last = placed.pop()
    if (last === undefined) return { _tag: "Unexplained", order: best, stuck }
    ;[state, text] = [last.state, last.text]
    chosen.remove(last.mark.index)
    if (operations[last.mark.index]!.answer !== undefined) open++
    unlift(last.mark)
    mark = last.mark.next
  }
  return { _tag: "Explained", order: order() }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A call or an answer in the order of time. A call that was answered knows its answer as `end`. */
interface Mark {
  readonly index: number
  readonly end?: Mark
  previous: Mark | undefined
  next: Mark | undefined
}

/**
 * Which operations have a place, as a text that is short: of those with an answer, in
 * the order of their calls, all before some rank have one, and few behind it.
 */
class Chosen {
  private readonly ranks: ReadonlyMap<number, number>
  private readonly ahead = new Set<number>()
  private readonly unheard = new Set<number>()
  /** Those of all ranks below this have a place. */
  private base = 0

  constructor(ranks: ReadonlyMap<number, number>) {
    this.ranks = ranks
  }

  add(index: number): void {
    const rank = this.ranks.get(index)
    if (rank === undefined) this.unheard.add(index)
    else this.ahead.add(rank)
    while (this.ahead.delete(this.base)) this.base++
  }

  remove(index: number): void {
    const rank = this.ranks.get(index)
    if (rank === undefined) this.unheard.delete(index)
    else if (rank >= this.base) this.ahead.delete(rank)
    else {
      for (let between = rank + 1; between < this.base; between++) this.ahead.add(between)
      this.base = rank
    }
  }

  get text(): string {
    const inOrder = (set: ReadonlySet<number>) => [...set].sort((one, other) => one - other).join()
    return `${this.base};${inOrder(this.ahead)};${inOrder(this.unheard)}`
  }
}

/**
 * Calls and answers as a list, behind a mark that stands for no operation; at one moment calls come first, since they
 * overlap. Beside it the rank, by its call, of each operation that was answered.
 */
const linked = (
  operations: ReadonlyArray<Operation<unknown, unknown>>
): { readonly first: Mark; readonly ranks: ReadonlyMap<number, number> } => {
  const marks = operations.flatMap(({ answer, call }, index) => {
    if (answer === undefined) return [{ at: call, kind: 0, mark: markOf(index) }]
    const end = markOf(index)
    return [{ at: call, kind: 0, mark: { ...markOf(index), end } }, { at: answer.at, kind: 1, mark: end }]
  }).sort((one, other) => one.at - other.at || one.kind - other.kind)
  const head = markOf(-1)
  let last = head
  for (const { mark } of marks) {
    last.next = mark
    mark.previous = last
    last = mark
  }
  const answered = marks.flatMap(({ mark }) => mark.end === undefined ? [] : [mark.index])
  return { first: head, ranks: new Map(answered.map((index, rank) => [index, rank])) }
}

const markOf = (index: number): Mark => ({ index, previous: undefined, next: undefined })

/** Takes an operation out of the list. It remembers its neighbours. */
const lift = ({ end, next, previous }: Mark): void => {
  previous!.next = next
  if (next !== undefined) next.previous = previous
  if (end === undefined) return
  end.previous!.next = end.next
  if (end.next !== undefined) end.next.previous = end.previous
}

/** Puts back what was taken out last. */
const unlift = (mark: Mark): void => {
  const { end } = mark
  if (end !== undefined) {
    end.previous!.next = end
    if (end.next !== undefined) end.next.previous = end
  }
  mark.previous!.next = mark
  if (mark.next !== undefined) mark.next.previous = mark
}
