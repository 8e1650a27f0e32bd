/** What is simulated: every example, every kind of step, and random programs. */
import { PlaceOrder, PlaceOrderLayer } from "@fermata-examples/order-saga/src/PlaceOrder.ts"
import * as Shop from "@fermata-examples/order-saga/src/Shop.ts"
import * as Translate from "@fermata-examples/parent-and-children/src/Translate.ts"
import { Mail, Remind, RemindLayer } from "@fermata-examples/reminders/src/Remind.ts"
import triage from "@fermata-examples/ticket-triage/contract.json" with { type: "json" }
import { analyzeTicket } from "@fermata-examples/ticket-triage/src/AnalyzeTicket.ts"
import * as Script from "@fermata-examples/ticket-triage/src/Script.ts"
import ticket from "@fermata-examples/ticket-triage/ticket.json" with { type: "json" }
import { Contracts } from "@fermata/contracts/Contracts"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import type { Wait } from "@fermata/core/Wait"
import * as Random from "@fermata/testing/RandomProgram"
import * as Simulator from "@fermata/testing/Simulator"
import { Effect, Layer, Random as Chance } from "effect"
import * as fc from "fast-check"
import * as Agents from "./agents.ts"
import * as Days from "./days.ts"
import * as Families from "./families.ts"
import * as Pauses from "./pauses.ts"
import * as Secrets from "./secrets.ts"
import * as Sessions from "./sessions.ts"
import {
  Answered,
  answeredLayer,
  buyer,
  cashier,
  circle,
  contract,
  contractLayer,
  Deaf,
  deafLayer,
  Drawn,
  drawnLayer,
  Everything,
  HandedOn,
  handedOnLayer,
  Impatient,
  impatientLayer,
  inside,
  layer,
  limitedLayer,
  LongWait,
  LongWork,
  ManySteps,
  serving,
  Undone
} from "./subjects.ts"

export interface Case {
  readonly name: string
  readonly start: Effect.Effect<unknown, unknown, unknown>
  readonly options: Simulator.Options
  /** What holds of it in whatever lives. */
  readonly always?: Partial<Simulator.Options>
  /** How it ends depends on when it began to wait, which a loss of power may change. */
  readonly timely?: boolean
}

const orders = PlaceOrderLayer.pipe(Layer.provide(Shop.layer), Layer.provide(Shop.Ledger.layerMemory))
const order = { orderId: "o1", item: "pen", cents: 4_200 }

const mail = Layer.succeed(Mail, { send: () => Effect.void })

const translator = Layer.succeed(Translate.Translator, {
  translate: (text, language) => Effect.succeed(`[${language}] ${text}`)
})

const startContract = (contract: object, more: object) =>
  Contracts.use((contracts) => contracts.start({ contract, key: "one", ...more }))

/** Three people and somebody who may not answer: they agree, refuse, edit, choose, have looked at what stands or at what stood. */
export const people: Simulator.Person = ({ question, standing }, draw) => {
  const by = ["ann", "bob", "cy", "eve"][draw(4)]!
  const hash = standing.proposal.hash ?? ""
  const seen = [{ seen: hash }, { seen: hash }, {}, { seen: question.hash ?? "" }][draw(4)]!
  if (draw(6) === 5) return { by, decision: "deny", ...seen }
  const edit = draw(4) === 3 ? { edit: { value: { cents: 1 + draw(3) } } } : {}
  return {
    by,
    decision: "approve",
    ...seen,
    ...edit,
    ...(question.choices.length === 0 ? {} : { choice: question.choices[draw(question.choices.length)]! })
  }
}

/** Those who are asked, those to whom it goes later, and somebody who never is: they agree, refuse, hand on, and take back. */
export const handing: Simulator.Person = (_, draw) => {
  const all = ["ann", "bob", "cy", "di", "eve", "fay"]
  const by = all[draw(6)]!
  const way = draw(8)
  if (way < 4) return { by, identity: [by], to: all[draw(6)]! }
  return { by, decision: way === 7 ? "deny" : "approve" }
}

export const cases: ReadonlyArray<Case> = [
  {
    name: "everything",
    start: Everything.execute({ id: "1" }, { discard: true }),
    options: { layer, signals: { paid: "card" } }
  },
  {
    name: "undone",
    start: Undone.execute({ id: "1" }, { discard: true }),
    options: { layer }
  },
  {
    name: "drawn numbers",
    start: Drawn.execute({ id: "1" }, { discard: true }),
    options: { layer: drawnLayer }
  },
  {
    name: "deaf bodies",
    start: Deaf.execute({ id: "1" }, { discard: true }),
    // How often a body begins in its first half minute depends on when processes die.
    options: { layer: deafLayer, ends: "any" }
  },
  {
    name: "a stop amidst computing",
    start: Impatient.execute({ id: "1" }, { discard: true }),
    // How far it computes depends on when it gives way.
    options: { layer: impatientLayer, ends: "any" }
  },
  {
    name: "every-step of a contract",
    start: startContract(contract, { input: { n: 1 } }),
    options: { layer: contractLayer, signals: { "event:go": { n: 2 }, "step:there": { output: "far" } } }
  },
  {
    name: "steps inside steps of a contract",
    start: startContract(inside, { input: { list: [1, 2, 3] } }),
    // Who comes first depends on when the others came.
    options: { layer: contractLayer, signals: { "event:go": { n: 2 } }, ends: "any" }
  },
  {
    name: "limits on steps and time",
    start: Effect.andThen(
      ManySteps.execute({ id: "1" }, { discard: true }),
      LongWait.execute({ id: "1" }, { discard: true })
    ),
    options: { layer: limitedLayer }
  },
  {
    name: "limits on work",
    start: LongWork.execute({ id: "1" }, { discard: true }),
    // Work that a crash took is not counted.
    options: { layer: limitedLayer, ends: "any" }
  },
  {
    name: "events that runs wait for",
    start: Contracts.use((contracts) =>
      Effect.andThen(
        Effect.forEach([1, 2, 3], (id) => contracts.start({ contract: buyer, key: `${id}`, input: { id } })),
        contracts.start({ contract: cashier, key: "one" })
      )
    ),
    options: { layer: contractLayer }
  },
  {
    name: "limits of a contract",
    start: startContract(circle, {}),
    options: { layer: contractLayer }
  },
  {
    name: "answers",
    start: Answered.execute({ id: "1" }, { discard: true }),
    options: { layer: answeredLayer, signals: { over: null }, person: people, ends: "any" }
  },
  {
    name: "questions that are handed on",
    start: HandedOn.execute({ id: "1" }, { discard: true }),
    options: { layer: handedOnLayer, person: handing, ends: "any" }
  },
  {
    name: "order-saga",
    start: PlaceOrder.execute({ ...order, address: "Elm Street 1" }, { discard: true }),
    options: { layer: orders }
  },
  {
    name: "order-saga that is undone",
    start: PlaceOrder.execute({ ...order, address: "nowhere" }, { discard: true }),
    options: { layer: orders }
  },
  {
    name: "reminders",
    start: Remind.execute({ task: "water the fern", to: "ada" }, { discard: true }),
    options: { layer: Layer.provide(RemindLayer, mail) },
    timely: true
  },
  {
    name: "parent-and-children",
    start: Translate.TranslateSite.execute({
      page: "p",
      text: "Good morning!",
      languages: ["de", "fr"],
      review: ["de"]
    }, { discard: true }),
    options: { layer: Layer.provide(Translate.layer, translator) }
  },
  {
    name: "families",
    start: Families.meet,
    // A member may leave before the others ask for what they share.
    options: { layer: Families.layer, signals: { paid: "card" }, answer: Families.answer, ends: "any" }
  },
  {
    name: "errands",
    start: Families.Errands.execute({ id: "1" }, { discard: true }),
    options: { layer: Families.layer }
  },
  {
    name: "pauses",
    start: Pauses.Paused.execute({ id: "1" }, { discard: true }),
    // Who is told first depends on when the run is resumed.
    options: { layer: Pauses.layer, signals: { paid: "card" }, answer: Pauses.answer, ends: "any" }
  },
  {
    name: "pauses and a cancel",
    start: Pauses.Paused.execute({ id: "1" }, { discard: true }),
    options: { layer: Pauses.layer, signals: { paid: "card" }, answer: Pauses.answerAndCancel, ends: "any" }
  },
  {
    name: "sessions",
    start: Sessions.Session.execute({ id: "1" }, { discard: true }),
    // What is said in time depends on when it is said.
    options: {
      layer: Sessions.layer,
      signals: { begin: null, ...Sessions.words },
      answer: Sessions.answer,
      ends: "any"
    }
  },
  {
    name: "secrets",
    start: Secrets.Told.execute({ id: "1" }, { discard: true }),
    options: { layer: Secrets.layer, secrets: Secrets.texts }
  },
  {
    name: "ticket-triage",
    start: startContract(triage, { event: { name: "ticket.created", payload: ticket } }),
    options: { layer: serving(Script.layer, TaskRuntime.layerHandlers({ "analyze-ticket": analyzeTicket })) }
  },
  // Last, since a test of their own goes through all their crash points.
  {
    name: "an agent",
    start: Agents.start,
    options: { layer: Agents.layer, answer: Agents.answer, outside: Agents.outside, ends: "any" },
    // The journal has the provider's books where an acknowledged write outlives a loss of power, and only there.
    always: { durability: "full" }
  },
  {
    name: "agents on days",
    start: Days.start,
    options: { layer: Days.layer, answer: Days.answer, ends: "any" },
    always: { durability: "full" }
  }
]

/** Operators say one thing and another: the probes of random programs may never be able to tell, however often they are asked. */
const operator = ({ key, reason }: Wait, turn: number): Simulator.Word | undefined => {
  if (reason !== "outcome-unknown") return undefined
  const action = turn % 4 === 0
    ? { _tag: "complete" as const, output: "declared" }
    : turn % 4 === 1
    ? { _tag: "fail" as const, message: "declared" }
    : { _tag: "retry" as const }
  return { kind: "settle", message: { key, by: "operator", action } }
}

/** Random programs of this seed. What they race for may go either way. */
export const random = (seed: number, count: number): ReadonlyArray<Case> =>
  fc.sample(Random.program, { seed, numRuns: count }).map((program, index) => ({
    name: `random program ${index + 1} of seed ${seed}`,
    start: Random.W.execute({ id: "1" }, { discard: true }),
    options: {
      layer: Layer.unwrap(
        // Each process decides by its own chance, so a pass that asked again would go another way.
        Effect.map(
          Chance.Random,
          (chance) => Random.layerOf(program, new Random.Outside(() => chance.nextIntUnsafe()))
        )
      ),
      signals: { x: 1, y: 2 },
      answer: operator,
      ends: "any"
    }
  }))
