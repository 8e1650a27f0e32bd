import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { check as checkParts } from "./Check.ts"
import { check, type Model, type Operation } from "./Linearizability.ts"
import { type Truth, truths } from "./Truth.ts"

const long = process.env["FERMATA_LONG"] !== undefined

type Asked = { readonly write: number } | "read"

/** One number that is written and read. */
const register: Model<number, Asked, number> = {
  initial: 0,
  apply: (state, asked, output) =>
    asked !== "read" ? asked.write : output === undefined || output === state ? state : undefined
}

const operation = <Input, Output>(
  call: number,
  input: Input,
  at?: number,
  output?: Output
): Operation<Input, Output> => ({
  client: "ann",
  call,
  input,
  ...(at === undefined ? {} : { answer: { at, output: output as Output } })
})

/** Every order of these, and every choice of those that nobody heard of, tried one after the other. */
const isExplained = <State, Input, Output>(
  { apply, initial }: Model<State, Input, Output>,
  operations: ReadonlyArray<Operation<Input, Output>>
): boolean => {
  const from = (state: State, left: ReadonlyArray<Operation<Input, Output>>): boolean => {
    const answered = left.filter(({ answer }) => answer !== undefined)
    if (answered.length === 0) return true
    const first = Math.min(...answered.map(({ answer }) => answer!.at))
    return left.some((next) => {
      // It began before anything else that is left had ended.
      if (next.call > first) return false
      const after = apply(state, next.input, next.answer?.output)
      return after !== undefined && from(after, left.filter((other) => other !== next))
    })
  }
  return from(initial, operations)
}

describe("the search for an order", () => {
  it("takes a read of the old value while a write is on its way, and refuses it once the write is acknowledged", () => {
    const write = operation(0, { write: 1 }, 10, 0)
    const verdict = (...reads: ReadonlyArray<Operation<Asked, number>>) => check(register, [write, ...reads])._tag
    assert.strictEqual(verdict(operation(5, "read", 20, 0)), "Explained")
    assert.strictEqual(verdict(operation(5, "read", 20, 1)), "Explained")
    assert.strictEqual(verdict(operation(11, "read", 20, 0)), "Unexplained")
    // At one moment they overlap.
    assert.strictEqual(verdict(operation(10, "read", 20, 0)), "Explained")
    // Once somebody has seen the new value, nobody sees the old one.
    assert.strictEqual(verdict(operation(1, "read", 2, 1), operation(3, "read", 4, 0)), "Unexplained")
    assert.strictEqual(verdict(operation(1, "read", 2, 0), operation(3, "read", 4, 1)), "Explained")
  })

  it("lets what nobody heard of happen at any time behind its call, once, or never", () => {
    const lost = operation<Asked, number>(5, { write: 1 })
    const verdict = (...reads: ReadonlyArray<readonly [at: number, value: number]>) =>
      check(register, [lost, ...reads.map(([at, value]) => operation<Asked, number>(at, "read", at + 1, value))])._tag
    assert.strictEqual(verdict([10, 0], [20, 0]), "Explained")
    assert.strictEqual(verdict([10, 0], [20, 1]), "Explained")
    assert.strictEqual(verdict([10, 1], [20, 0]), "Unexplained")
    assert.strictEqual(verdict([1, 1]), "Unexplained")
  })

  it("says in which order it found them, and what has no place in any", () => {
    const [write, read] = [operation<Asked, number>(0, { write: 1 }, 10, 0), operation<Asked, number>(5, "read", 20, 0)]
    assert.deepStrictEqual(check(register, [write, read]), { _tag: "Explained", order: [1, 0] })
    assert.deepStrictEqual(check(register, [write, operation<Asked, number>(11, "read", 20, 7)]), {
      _tag: "Unexplained",
      order: [0],
      stuck: 1
    })
    assert.deepStrictEqual(check(register, []), { _tag: "Explained", order: [] })
  })

  it("gives up where there is no end to it, and says so", () => {
    const writes = Array.from({ length: 30 }, (_, index) => operation<Asked, number>(index, { write: index }, 1_000, 0))
    assert.deepStrictEqual(check(register, [...writes, operation<Asked, number>(500, "read", 1_000, 77)], 1_000), {
      _tag: "Undecided",
      states: 1_000
    })
  })

  it("finds an order of 20,000 operations that 20 clients do at once", () => {
    const operations = Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0
        ? operation<Asked, number>(index, { write: index }, index + 20, 0)
        : operation<Asked, number>(index, "read", index + 20, index - 1))
    assert.strictEqual(check(register, operations)._tag, "Explained")
  })

  it("says the same as trying every order, of any history of up to seven operations", () => {
    const any = fc.array(
      fc.record({
        call: fc.integer({ min: 0, max: 12 }),
        takes: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined, freq: 5 }),
        write: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined, freq: 2 }),
        read: fc.integer({ min: 0, max: 2 })
      }).map(({ call, read, takes, write }) =>
        operation<Asked, number>(
          call,
          write === undefined ? "read" : { write },
          takes === undefined ? undefined : call + takes,
          write === undefined ? read : 0
        )
      ),
      { maxLength: 7 }
    )
    let explained = 0
    let refused = 0
    fc.assert(
      fc.property(any, (operations) => {
        const expected = isExplained(register, operations)
        if (expected) explained++
        else refused++
        assert.strictEqual(check(register, operations)._tag, expected ? "Explained" : "Unexplained")
      }),
      { numRuns: long ? 20_000 : 2_000 }
    )
    // It was tried on both.
    assert.isAbove(explained, 300)
    assert.isAbove(refused, 300)
  })
})

/** What a moment of a history does with the operation at it. */
const moments = fc.record({
  before: fc.nat({ max: 40 }),
  behind: fc.nat({ max: 40 }),
  /** `done`: it happened, and nobody heard. `never`: it did not. */
  fate: fc.constantFrom("heard", "heard", "heard", "heard", "done", "never")
})

interface History {
  readonly operations: ReadonlyArray<Operation<unknown, unknown>>
  /** Whether a lie was told. */
  readonly isPlanted: boolean
}

/**
 * What clients write down who ask this object: each operation happens at a moment of its own, begins before and ends
 * behind it. `lie` is told at a moment in which nobody else asks.
 */
const history = (
  { fresh, mayBeLost }: Truth,
  asked: ReadonlyArray<readonly [unknown, { before: number; behind: number; fate: string }]>,
  lie?: { readonly at: number; readonly tell: Truth["lies"][string] }
): History => {
  const object = fresh()
  const operations: Array<Operation<unknown, unknown>> = []
  let [now, quiet, isPlanted] = [1_000, 0, false]
  const exactly = (input: unknown, output: unknown) => {
    now += 10
    operations.push(operation(now, input, now + 1, output))
  }
  const plant = () => {
    if (lie === undefined) return
    // All that began before has ended, and what comes behind begins later.
    now = Math.max(now, ...operations.map(({ answer }) => answer?.at ?? 0)) + 10
    const ask = (input: unknown) => {
      const output = object(input as never)
      exactly(input, output)
      return output
    }
    const told = lie.tell(ask)
    if (told === undefined) return
    exactly(...told)
    isPlanted = true
    quiet = now + 5
    now += 50
  }
  for (const [index, [input, { before, behind, fate }]] of asked.entries()) {
    if (index === lie?.at) plant()
    now += 10
    const call = Math.max(quiet, now - before)
    if (fate === "never" && mayBeLost(input as never)) {
      operations.push(operation(call, input))
      continue
    }
    const output = object(input as never)
    if (output === undefined) continue
    if (fate === "done" && mayBeLost(input as never)) operations.push(operation(call, input))
    else operations.push(operation(call, input, now + behind, output))
  }
  if (lie !== undefined && lie.at >= asked.length) plant()
  return { operations: operations.sort((one, other) => one.call - other.call), isPlanted }
}

describe("the models", () => {
  for (const truth of truths) {
    const { inputs, kind, lies, settings } = truth
    const target = { kind, object: "it", settings }
    const asked = fc.array(fc.tuple(inputs, moments), { maxLength: 24 })

    it(`explain whatever a true ${kind} has answered, in any overlap`, () => {
      fc.assert(
        fc.property(asked, (asked) => {
          const { operations } = history(truth, asked)
          assert.deepStrictEqual(checkParts([{ target, operations }]).problems, [])
        }),
        { numRuns: long ? 5_000 : 500 }
      )
    })

    for (const [fault, tell] of Object.entries(lies)) {
      it(`refuse a ${kind} wherever ${fault}`, () => {
        let planted = 0
        fc.assert(
          fc.property(asked, fc.nat({ max: 24 }), (asked, at) => {
            const { isPlanted, operations } = history(truth, asked, { at: Math.min(at, asked.length), tell })
            if (!isPlanted) return
            planted++
            assert.lengthOf(checkParts([{ target, operations }]).problems, 1)
          }),
          { numRuns: long ? 2_000 : 300 }
        )
        assert.isAbove(planted, 30)
      })
    }
  }

  it("let one of two starts at once win, and the other join it", () => {
    const target = { kind: "start", object: "it" }
    const start = (call: number, run: string, joined: boolean) =>
      operation(call, { do: "start", input: "a" }, call + 20, { run, joined, otherInput: false })
    assert.deepStrictEqual(
      checkParts([{ target, operations: [start(10, "r", true), start(11, "r", false)] }]).problems,
      []
    )
    assert.lengthOf(checkParts([{ target, operations: [start(10, "r", false), start(11, "r", false)] }]).problems, 1)
    assert.lengthOf(checkParts([{ target, operations: [start(10, "r", true), start(11, "r", true)] }]).problems, 1)
  })

  it("let nobody settle a task that another has been given meanwhile, whoever of both is first", () => {
    const target = { kind: "task", object: "it" }
    const begun = [
      operation(0, { do: "enqueue" }, 1, { said: "added" }),
      operation(2, { do: "lease", attempt: 1 }, 3, { said: "leased" }),
      operation(10, { do: "lease", attempt: 2 }, 11, { said: "leased" })
    ]
    const settle = (call: number, attempt: number, said: string) =>
      operation(call, { do: "settle", attempt, as: "completed" }, call + 1, { said })
    const problems = (...settled: ReadonlyArray<Operation<unknown, unknown>>) =>
      checkParts([{ target, operations: [...begun, ...settled] }]).problems
    assert.deepStrictEqual(problems(settle(12, 1, "lost"), settle(14, 2, "settled"), settle(16, 1, "lost")), [])
    assert.lengthOf(problems(settle(12, 1, "settled")), 1)
    assert.lengthOf(problems(settle(12, 2, "settled"), settle(14, 1, "settled")), 1)
    // Before the other was given it, it was still held.
    assert.deepStrictEqual(problems(settle(9, 1, "lost"), settle(14, 2, "settled")), [])
    assert.lengthOf(problems(settle(5, 1, "settled"), settle(14, 2, "settled")), 1)
  })

  it("refuse a duplicate of what nobody has sent, and take it where somebody may have", () => {
    const target = { kind: "signal", object: "it" }
    const duplicate = operation(10, { do: "send", payload: "one" }, 11, { said: "duplicate" })
    const lost = operation(5, { do: "send", payload: "one" })
    assert.lengthOf(checkParts([{ target, operations: [duplicate] }]).problems, 1)
    assert.deepStrictEqual(checkParts([{ target, operations: [lost, duplicate] }]).problems, [])
  })
})
