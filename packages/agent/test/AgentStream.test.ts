/**
 * The order in which followers of agents are told, as a law: random trees of
 * agents whose processes die, and readers that stop and go on anywhere.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import type { AgentEvent } from "@fermata/agent/AgentEvent"
import * as AgentStream from "@fermata/agent/AgentStream"
import * as AgentTool from "@fermata/agent/AgentTool"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import * as fc from "fast-check"

/** An agent of a tree: what it says first, whether its first try fails midway, and whom it asks. */
interface Tree {
  readonly words: number
  /** How many tools it calls side by side, each of which says something while it works. */
  readonly looks: number
  readonly fails: boolean
  readonly below: ReadonlyArray<Tree>
}

const treesOf = (depth: number): fc.Arbitrary<Tree> =>
  fc.record({
    words: fc.integer({ min: 1, max: 5 }),
    looks: fc.integer({ min: 0, max: 2 }),
    fails: fc.boolean(),
    below: depth === 0 ? fc.constant([]) : fc.array(treesOf(depth - 1), { maxLength: 2 })
  })
const trees = treesOf(2)

/** ms between two parts of an answer. */
const pace = 20

const Look = Tool.make("Look", {
  parameters: Schema.Struct({}),
  success: Schema.String,
  dependencies: [Chunks, WorkflowEngine.WorkflowInstance]
})
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Look)
type Member = Agent.Agent<string, typeof Schema.String, typeof Schema.String, Toolkit.Tools<typeof kit>>

/** The agents of a tree, each named by its place, and the models that say what they say. */
const build = (tree: Tree) => {
  const agents: Array<Member> = []
  const providers: Array<Models.Provider> = []
  const one = (name: string, { below, fails, looks, words }: Tree): Member => {
    const under = below.map((each, index) => one(`${name}${index}`, each))
    const first = Array.from({ length: words }, (_, index) => `${name}-${index}`).join(" ")
    let failed = !fails
    const script: Scripted.Script = (_, turn) => {
      if (turn > 0) return `${name} is done`
      if (!failed) {
        failed = true
        return [Scripted.text(`${first} half`), Scripted.fail("server error")]
      }
      return [
        Scripted.text(first),
        ...Array.from({ length: looks }, () => Scripted.call("Look", {})),
        ...under.map((each) => Scripted.call(each.name, { prompt: "help" }))
      ]
    }
    const provider = Scripted.provider(script, { name })
    providers.push({
      ...provider,
      find: (asked) => {
        const found = provider.find(asked)
        return found === undefined ? undefined : Effect.map(found, (model) => ({
          ...model,
          stream: (request: ModelRequest) =>
            Stream.mapEffect(model.stream(request), (part) => Effect.as(Effect.sleep(pace), part))
        }))
      }
    })
    const agent = Agent.make(name, { instructions: name, model: name, toolkit: kit, agents: under })
    agents.push(agent)
    return agent
  }
  const root = one("n", tree)
  const handlers = kit.toLayer({
    Look: () =>
      Effect.gen(function*() {
        const { entry } = yield* AgentTool.call
        const { executionId } = yield* WorkflowEngine.WorkflowInstance
        const { write } = yield* (yield* Chunks).writer(executionId, entry)
        for (const said of ["I", "look", "around"]) yield* Effect.andThen(write(said), Effect.sleep(pace))
        return "seen"
      }).pipe(Effect.scoped)
  })
  return { root, agents, handlers, models: Models.layer(providers) }
}

/** Where a reader stands that was told this. */
const placesOf = (events: ReadonlyArray<AgentEvent>): Readonly<Record<string, string>> =>
  Object.fromEntries(events.map(({ at, run }) => [run, at]))

const runsOf = (events: ReadonlyArray<AgentEvent>): ReadonlyArray<string> => [...new Set(events.map(({ run }) => run))]

/** What the journal says, without what was said meanwhile and where the run stood. */
const recorded = (events: ReadonlyArray<AgentEvent>): ReadonlyArray<AgentEvent> =>
  events.filter(({ type }) => type !== "part" && type !== "restart" && type !== "status")

/** Each event but `status` has a place of its own, and is told once; a run below is told of before it tells. */
const assertOnce = (events: ReadonlyArray<AgentEvent>): void => {
  const places = events.filter(({ type }) => type !== "status").map(({ at, run }) => `${run} ${at}`)
  assert.strictEqual(new Set(places).size, places.length, "an event was told twice")
  const [first] = events
  const known = new Set([first?.run])
  for (const event of events) {
    assert.isTrue(known.has(event.run), `${event.agent} tells before it has begun`)
    if (event.type === "subagent") known.add(event.child)
  }
}

/** The parts of a step are told in order, and what was said before it began again is void: what is left begins its answer. */
const assertSaid = (events: ReadonlyArray<AgentEvent>): void => {
  const said = new Map<string, string>()
  for (const event of events) {
    if (event.type === "restart") said.set(`${event.run} ${event.step}`, "")
    if (event.type === "part") {
      const { delta, type } = event.part as { readonly type: string; readonly delta?: string }
      if (type !== "text-delta") continue
      const key = `${event.run} ${event.step}`
      said.set(key, (said.get(key) ?? "") + delta)
    }
    if (event.type === "answer") {
      const text = event.answer.content.map((part) => part.type === "text" ? part.text : "").join("")
      const heard = said.get(`${event.run} ${event.step}`) ?? ""
      assert.isTrue(text.startsWith(heard), `"${heard}" does not begin "${text}"`)
    }
  }
}

/** What two readers were told of each run is the same. */
const assertSame = (some: ReadonlyArray<AgentEvent>, others: ReadonlyArray<AgentEvent>, what: string): void => {
  assert.sameMembers([...runsOf(some)], [...runsOf(others)], what)
  for (const run of runsOf(others)) {
    const of = (events: ReadonlyArray<AgentEvent>) =>
      recorded(events).filter((event) => event.run === run).map(({ at: _, ...event }) => event)
    assert.deepStrictEqual(of(some), of(others), what)
  }
}

/** What happens to a world: ticks after which its process dies, and how much the second reader reads at a time. */
interface Hardship {
  readonly deaths: ReadonlyArray<number>
  readonly stops: ReadonlyArray<number>
  readonly cut: number
}

const hardships: fc.Arbitrary<Hardship> = fc.record({
  deaths: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
  stops: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
  cut: fc.nat(1_000)
})

const live = (tree: Tree, { cut, deaths, stops }: Hardship) =>
  Effect.gen(function*() {
    const { agents, handlers, models, root } = build(tree)
    const world = yield* CrashHost.make
    const backend = Chunks.makeMemory()
    const serving = agents.reduce<Member["layer"]>((all, { layer }) => Layer.merge(all, layer), root.layer).pipe(
      Layer.provide(Layer.mergeAll(handlers, models, Chunks.layer(backend)))
    )
    let host = yield* world.start(serving)
    // A process that serves nothing, and so outlives the others.
    const reader = yield* world.start(Layer.empty)
    const services = yield* reader.use(Layer.build(Layer.mergeAll(Runs.layer, Chunks.layer(backend))))
    const of = (run: string, from: Readonly<Record<string, string>> = {}) =>
      Stream.provideContext(AgentStream.of(run, { from }), services)

    const run = yield* host.use(root.start("go", { id: "1" }))
    const whole: Array<AgentEvent> = []
    const following = yield* Effect.forkScoped(
      Stream.runForEach(of(run), (event) => Effect.sync(() => void whole.push(event))),
      { startImmediately: true }
    )
    const pieces: Array<AgentEvent> = []
    const isOver = () =>
      pieces.some((event) => event.run === run && event.type === "status" && event.status === "completed")
    const piecing = yield* Effect.forkScoped(
      Effect.gen(function*() {
        for (let at = 0; !isOver(); at++) {
          const read = Stream.take(of(run, placesOf(pieces)), stops[at % stops.length]!)
          yield* Stream.runForEach(read, (event) => Effect.sync(() => void pieces.push(event)))
        }
        // What goes on below is told too.
        yield* Stream.runForEach(of(run, placesOf(pieces)), (event) => Effect.sync(() => void pieces.push(event)))
      }),
      { startImmediately: true }
    )
    for (let tick = 0; tick < 1_500; tick++) {
      if (following.pollUnsafe() !== undefined && piecing.pollUnsafe() !== undefined) break
      if (deaths.includes(tick)) host = yield* world.restart(host, serving)
      yield* TestClock.adjust(tick < 60 ? pace : 1_000)
      yield* world.adjustHost(tick < 60 ? pace : 1_000)
      yield* world.look
    }
    yield* Fiber.join(following)
    yield* Fiber.join(piecing)
    assert.strictEqual((yield* world.run(run)).status, "completed")

    const late = yield* Stream.runCollect(of(run))
    for (const events of [whole, pieces, late]) {
      assertOnce(events)
      assertSaid(events)
    }
    assert.strictEqual(runsOf(whole).length, agents.length, "all of them are followed")
    assertSame(late, whole, "who comes late is told what was recorded")
    assertSame(pieces, whole, "who stops and goes on is told what the other is")
    // Whoever has heard a part of it, and comes back when all is over.
    const heard = whole.slice(0, cut % (whole.length + 1))
    const rest = yield* Stream.runCollect(of(run, placesOf(heard)))
    assertOnce([...heard, ...rest])
    assertSaid([...heard, ...rest])
    assertSame([...heard, ...rest], whole, "from any place on nothing is lost")
    return { whole, pieces }
  })

describe("the stream of a run and its subagents", () => {
  it("N-02, N-04: whoever stops and goes on anywhere is told what one who never stopped is, once and in order, through crashes", async () => {
    let restarts = 0
    let parts = 0
    await fc.assert(
      fc.asyncProperty(trees, hardships, (tree, hardship) =>
        Effect.runPromise(
          live(tree, hardship).pipe(
            Effect.tap(({ pieces, whole }) =>
              Effect.sync(() => {
                restarts += whole.filter(({ type }) => type === "restart").length
                parts += pieces.filter(({ type }) => type === "part").length
              })
            ),
            Effect.asVoid,
            Effect.scoped,
            Effect.provide(TestClock.layer())
          )
        )),
      { numRuns: 12 }
    )
    // The law would say nothing where nobody is heard, or nothing is void.
    assert.isAbove(restarts, 3)
    assert.isAbove(parts, 50)
  })
})
