import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Latch, Queue, Scheduler, Semaphore } from "effect"
import * as fc from "fast-check"
import { RunScheduler } from "../src/internal/RunScheduler.ts"
import { byChoice } from "../src/Pace.ts"

/** What a fiber of a body may do that needs no engine. */
type Node =
  | { readonly tag: "compute" | "maps"; readonly count: number }
  | { readonly tag: "yield" | "wait" | "complete" | "offer" | "take" | "open" | "await" | "release" | "deliver" }
  | { readonly tag: "sequence" | "all" | "race" | "unbounded"; readonly nodes: ReadonlyArray<Node> }
  | {
    readonly tag: "fork" | "permit" | "masked" | "ensured" | "interrupted" | "forever" | "timed"
    readonly node: Node
  }

const leaf: fc.Arbitrary<Node> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      tag: fc.constantFrom("compute" as const, "maps" as const),
      count: fc.integer({ min: 1, max: 40 })
    })
  },
  {
    weight: 10,
    arbitrary: fc.record({
      tag: fc.constantFrom(
        "yield" as const,
        "wait" as const,
        "complete" as const,
        "offer" as const,
        "take" as const,
        "open" as const,
        "await" as const,
        "release" as const,
        "deliver" as const,
        "deliver" as const
      )
    })
  }
)
const around = fc.constantFrom(
  "fork" as const,
  "permit" as const,
  "permit" as const,
  "masked" as const,
  "ensured" as const,
  "interrupted" as const,
  "forever" as const,
  "timed" as const
)
const nodes = (node: fc.Arbitrary<Node>, minLength: number) => fc.array(node, { minLength, maxLength: 5 })

const { program } = fc.letrec<{ program: Node; branch: Node }>((tie) => ({
  branch: fc.oneof(
    { depthSize: "small", maxDepth: 3 },
    { weight: 8, arbitrary: leaf },
    { weight: 3, arbitrary: fc.record({ tag: fc.constant("sequence" as const), nodes: nodes(tie("branch"), 2) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        tag: fc.constantFrom("all" as const, "race" as const, "unbounded" as const),
        nodes: nodes(tie("branch"), 2)
      })
    },
    { weight: 4, arbitrary: fc.record({ tag: around, node: tie("branch") }) }
  ),
  // Fibers that get in each other's way.
  program: fc.record({
    tag: fc.constant("unbounded" as const),
    nodes: nodes(fc.record({ tag: fc.constant("sequence" as const), nodes: nodes(tie("branch"), 2) }), 3)
  })
}))

/** Runs the tree; the log says what its fibers did and saw, in order. */
const run = (tree: Node, choose: () => number) => {
  const log: Array<string> = []
  const scheduler = new RunScheduler(byChoice(choose)(() => 0, () => {}), () => {}, () => {
    throw new Error("nothing goes on by itself")
  })
  const deferred = Deferred.makeUnsafe<void>()
  const latch = Latch.makeUnsafe()
  const semaphore = Semaphore.makeUnsafe(1)
  const waiting: Array<(effect: Effect.Effect<void>) => void> = []
  let count = 0
  // What other fibers have left half done is seen here.
  let shared = 0
  const say = (what: string) => Effect.sync(() => void log.push(`${what} ${shared++}`))
  const code = (node: Node, queue: Queue.Queue<number>): Effect.Effect<unknown> => {
    const number = ++count
    const within = (): Effect.Effect<unknown> => {
      switch (node.tag) {
        case "compute":
          return Effect.gen(function*() {
            for (let i = 0; i < node.count; i++) {
              const before = shared
              yield* Effect.sync(() => void shared++)
              if (shared !== before + 1) log.push(`${number} was not alone`)
            }
          })
        case "maps": {
          let effect: Effect.Effect<number> = Effect.sync(() => shared++)
          for (let i = 0; i < node.count; i++) effect = Effect.map(effect, (value) => value + shared)
          return Effect.tap(effect, (value) => say(`${number} counted ${value}`))
        }
        case "yield":
          return Effect.yieldNow
        case "wait":
          return Effect.timeoutOption(Deferred.await(deferred), 0)
        case "complete":
          return Deferred.succeed(deferred, undefined)
        case "offer":
          return Queue.offer(queue, number)
        case "take":
          return Effect.flatMap(Queue.take(queue), (value) => say(`${number} took ${value}`))
        case "open":
          return latch.open
        case "await":
          return latch.await
        case "deliver":
          return Effect.callback<void>((resume) => void waiting.push(resume))
        case "release":
          return semaphore.release(1)
        case "sequence":
          return Effect.forEach(node.nodes, (child) => code(child, queue))
        case "all":
          return Effect.forEach(node.nodes, (child) => code(child, queue), { concurrency: 2 })
        case "unbounded":
          return Effect.forEach(node.nodes, (child) => code(child, queue), { concurrency: "unbounded" })
        case "race":
          return Effect.raceAll(node.nodes.map((child) => code(child, queue)))
        case "fork":
          return Effect.flatMap(
            Effect.forkChild(code(node.node, queue)),
            (fiber) => Effect.andThen(say(`${number} forked`), Fiber.join(fiber))
          )
        case "permit":
          return semaphore.withPermit(code(node.node, queue))
        case "masked":
          return Effect.uninterruptible(code(node.node, queue))
        case "ensured":
          return Effect.ensuring(code(node.node, queue), say(`${number} ensured`))
        case "interrupted":
          return Effect.flatMap(
            Effect.forkChild(code(node.node, queue)),
            (fiber) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber))
          )
        case "forever":
          return Effect.repeat(code(node.node, queue), { times: 3 })
        case "timed":
          return Effect.timeoutOption(code(node.node, queue), 0)
      }
    }
    return Effect.onExit(Effect.suspend(within), (exit) => say(`${number} ${node.tag} ${exit._tag}`))
  }
  scheduler.enter()
  scheduler.begin()
  const fiber = Effect.runForkWith(Context.make(Scheduler.Scheduler, scheduler))(
    Effect.flatMap(Queue.unbounded<number>(), (queue) => code(tree, queue))
  )
  let turns = 1
  const operations: Array<number> = []
  while (true) {
    if (!scheduler.drain(true)) {
      scheduler.leave()
      scheduler.enter()
      turns++
      continue
    }
    // As the engine does, to all that wait at once.
    if (waiting.length === 0 || operations.length > 50) break
    operations.push(scheduler.operations)
    scheduler.delivered()
    scheduler.begin()
    for (const resume of waiting.splice(0)) resume(Effect.void)
  }
  operations.push(scheduler.operations)
  scheduler.leave()
  return { log, operations, turns, ended: fiber.pollUnsafe()?._tag }
}

const never = () => Infinity
const numRuns = Number(process.env["FERMATA_LAW_RUNS"] ?? 1_000)

describe("the scheduler of a run", () => {
  it("S6, S9: a body does and sees the same in the same order, and comes to everything after as many operations, wherever it gives way", () => {
    let gaveWay = 0
    fc.assert(
      fc.property(
        program,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        (tree, grants) => {
          const calm = run(tree, never)
          let turn = 0
          const preempted = run(tree, () => grants[turn++ % grants.length]!)
          gaveWay += preempted.turns - 1
          assert.deepStrictEqual({ ...preempted, turns: 0 }, { ...calm, turns: 0 })
        }
      ),
      { numRuns, seed: 4314 }
    )
    assert.isAbove(gaveWay, numRuns, "bodies gave way")
  })
})
