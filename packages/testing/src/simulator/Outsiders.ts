/** The people and programs outside of a simulated world, who give its runs what they wait for. */
import * as SpentByDay from "@fermata/core/SpentByDay"
import { Wait } from "@fermata/core/Wait"
import * as DayRaises from "@fermata/engine/DayRaises"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { People } from "./People.ts"
import type { Processes } from "./Processes.ts"
import type { Person } from "./Subject.ts"
import type { World } from "./World.ts"

const decodeWaits = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Array(Wait)))

export class Outsiders {
  private readonly world: World
  private readonly processes: Processes
  private readonly desk: People
  /** What was said already, so that nobody says it twice for nothing. */
  private readonly said = new Set<string>()

  constructor(world: World, processes: Processes) {
    this.world = world
    this.processes = processes
    this.desk = new People(world.disk, world.lanes, world.choices, world.say)
  }

  /** The power was lost, and with it perhaps what people have said: they say it again. */
  repeat(): void {
    this.said.clear()
  }

  /** People outside give the runs what they wait for; true when somebody did. */
  readonly relieve = Effect.fnUntraced(function*(this: Outsiders) {
    for (const row of this.world.open) {
      if (row.waits === null) continue
      const waits = decodeWaits(row.waits)
      if (Exit.isFailure(waits)) continue
      for (const wait of waits.value) {
        if (wait.reason === "approval" && this.world.subject.person !== undefined) {
          if (yield* this.confer(row.id, wait.key, this.world.subject.person)) return true
          continue
        }
        const word = this.world.subject.answer(wait, this.world.disk.store.runs.get(row.id)!.entries.length)
        if (word === undefined) continue
        const id = `${word.kind}:${wait.key}:${row.length}`
        if (this.said.has(`${row.id} ${id}`)) continue
        const again = this.world.options.wild && this.world.choices.choose("twice", [90, 10]) === 1
        for (let time = 0; time < (again ? 2 : 1); time++) {
          if (word.kind === "answer" && word.message.decision !== "timeout") {
            const { by, choice, decision, edit, hash, key, note } = word.message
            yield* this.desk.say(row.id, key, {
              id,
              decision,
              by,
              identity: [by, ...(wait.who ?? [])],
              ...(choice === undefined ? {} : { choice }),
              ...(edit === undefined ? {} : { edit: { value: edit } }),
              ...(hash === undefined ? {} : { seen: hash }),
              ...(note === undefined ? {} : { note })
            })
            continue
          }
          if (word.kind === "raise-day") {
            const { by, micros = 0, tokens = 0 } = word.message
            const at = this.world.lanes.now
            yield* Effect.ignore(this.world.disk.write(DayRaises.op({
              id: `${row.id}:${id}`,
              workflow: row.workflow,
              day: SpentByDay.dayOf(at),
              micros,
              tokens,
              by,
              note: null,
              at
            })))
            continue
          }
          yield* Effect.ignore(this.world.disk.write({
            op: "inbox",
            row: { run: row.id, id, kind: word.kind, payload: JSON.stringify(word.message), at: this.world.lanes.now }
          }))
        }
        this.said.add(`${row.id} ${id}`)
        this.processes.look()
        return true
      }
    }
    return false
  })

  /** One of the people who are asked says something, perhaps beside something else; false when they have said enough. */
  private readonly confer = Effect.fnUntraced(function*(this: Outsiders, run: string, key: string, person: Person) {
    const spoke = yield* this.desk.confer(run, key, person)
    if (spoke) this.processes.look()
    return spoke
  })

  /** In the middle of everything, the people who are asked speak, or somebody has had enough. */
  readonly interject = Effect.fnUntraced(function*(this: Outsiders) {
    const { person } = this.world.subject
    if (person === undefined || this.world.choices.choose("interject", [60, 40]) === 0) return
    const [row] = this.world.open
    if (row === undefined) return
    const questions = Array.from(this.world.disk.store.approvals.values(), (stored) => stored.row).filter(({ run }) =>
      run === row.id
    )
    const asked = questions[questions.length < 2 ? 0 : this.world.choices.choose("asked", questions.map(() => 1))]
    if (asked !== undefined) yield* this.confer(row.id, asked.key, person)
    else yield* this.surprise()
  })

  /** Somebody sends a run a signal that it need not wait for yet, or has got already. */
  readonly surprise = Effect.fnUntraced(function*(this: Outsiders) {
    const names = Object.keys(this.world.subject.signals)
    if (!this.world.options.wild || names.length === 0 || this.world.choices.choose("surprise", [94, 6]) === 0) return
    const { open } = this.world
    const row = open[open.length < 2 ? 0 : this.world.choices.choose("surprised", open.map(() => 1))]
    if (row === undefined) return
    const name = names[names.length < 2 ? 0 : this.world.choices.choose("signal", names.map(() => 1))]!
    yield* Effect.ignore(this.world.disk.write(this.world.surprise(row.id, name)))
    this.processes.look()
  })
}
