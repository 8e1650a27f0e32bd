/**
 * The people of a simulated world who answer questions or hand them on, through
 * the same desk as everybody, from no process that could die. Two of them may have looked at
 * one question at the same time, and the time may pass between a look and the write.
 */
import * as ApprovalRouting from "@fermata/core/ApprovalRouting"
import * as Answers from "@fermata/engine/Answers"
import { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import type { Choices } from "./Choices.ts"
import type { Disk } from "./Disk.ts"
import type { Lanes } from "./Lanes.ts"
import type { Person } from "./Subject.ts"

/** Answers that are tried on a question as it stands; then time passes. */
const mostTries = 3

export class People {
  private readonly disk: Disk
  private readonly lanes: Lanes
  private readonly choices: Choices
  private readonly note: (line: string) => void
  private readonly tries = new Map<string, number>()
  private spoken = 0

  constructor(disk: Disk, lanes: Lanes, choices: Choices, note: (line: string) => void) {
    this.disk = disk
    this.lanes = lanes
    this.choices = choices
    this.note = note
  }

  /** Says this; `meanwhile` happens between the look at the question and the write. */
  say(
    run: string,
    key: string,
    said: Answers.Said,
    meanwhile: Effect.Effect<unknown> = Effect.void
  ): Effect.Effect<Answers.Outcome | undefined> {
    return this.at((desk) => Answers.take(desk, run, key, said), meanwhile)
  }

  /** Does this at the desk; `meanwhile` happens between the look at the question and the write. */
  private at(
    act: (desk: Answers.Desk) => Effect.Effect<Answers.Outcome, unknown>,
    meanwhile: Effect.Effect<unknown> = Effect.void
  ): Effect.Effect<Answers.Outcome | undefined> {
    return Effect.suspend(() => {
      let before = meanwhile
      const desk: Answers.Desk = {
        backend: this.disk.truth,
        write: (op) =>
          Effect.suspend(() => {
            const first = before
            before = Effect.void
            return Effect.andThen(first, this.disk.write(op)) as Effect.Effect<never>
          }),
        journal: Store.make(this.disk.truth).journal,
        now: () => this.lanes.now
      }
      return Effect.orElseSucceed(act(desk), () => undefined)
    })
  }

  /** One person speaks to an open question: alone, at once with another, as the deadline or an escalation comes, or while the run is cancelled. */
  readonly confer = Effect.fnUntraced(function*(this: People, run: string, key: string, person: Person) {
    const asked = (yield* Effect.orDie(Answers.standings(this.here, run))).find(({ row }) => row.key === key)
    if (asked === undefined || asked.standing.status !== "open") return false
    const place = `${run} ${key} ${asked.row.version}`
    const tries = this.tries.get(place) ?? 0
    if (tries >= mostTries) return false
    this.tries.set(place, tries + 1)
    const draw = (ways: number) => this.choices.choose("person", Array.from({ length: ways }, () => 1))
    const speak = (meanwhile?: Effect.Effect<unknown>): Effect.Effect<unknown> =>
      Effect.suspend(() => {
        const said = person(asked, draw)
        if (said === undefined) return Effect.void
        const id = `person:${++this.spoken}`
        if ("to" in said) {
          this.note(`${said.by} wants to hand ${key} on to ${said.to}`)
          return this.at((desk) => Answers.delegate(desk, run, key, { id, ...said }), meanwhile)
        }
        this.note(`${said.by} wants to ${said.decision} ${key}`)
        return this.say(run, key, { id, identity: [said.by], ...said }, meanwhile)
      })
    const due = ApprovalRouting.due(asked.question, ["deadline", "escalate"])
    const untilDue = (early: number) =>
      Effect.sync(() => void (due !== undefined && this.lanes.advance(due.at - early)))
    switch (this.choices.choose("beside", [8, 3, 1, 2, 2, 1])) {
      case 0:
        yield* speak()
        break
      case 1:
        yield* speak(speak())
        break
      case 2:
        yield* Effect.andThen(untilDue(1), speak())
        break
      case 3:
        yield* Effect.andThen(untilDue(1), speak(untilDue(0)))
        break
      case 4:
        yield* Effect.andThen(untilDue(0), speak(speak()))
        break
      case 5: {
        const cancel = this.cancel(run)
        yield* draw(2) === 0 ? Effect.andThen(cancel, speak()) : speak(cancel)
      }
    }
    return true
  })

  private get here() {
    const { truth } = this.disk
    return { backend: truth, journal: Store.make(truth).journal }
  }

  private cancel(run: string): Effect.Effect<unknown> {
    const payload = JSON.stringify({ kind: "cancel", by: "ops", reason: "enough" })
    return Effect.suspend(() =>
      Effect.ignore(
        this.disk.write({
          op: "inbox",
          row: { run, id: `cancel:${++this.spoken}`, kind: "cancel", payload, at: this.lanes.now }
        })
      )
    )
  }
}
