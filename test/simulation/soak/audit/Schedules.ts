/** Two schedules that fire all the time, and whether each slot came to what it is to come to. */
import { Slots } from "../check/Slots.ts"
import { type Api, insist } from "../clients/Api.ts"
import { asked } from "./Runs.ts"

const schedules = {
  beat: { everyMs: 2_000, target: { event: { name: "soak.beat" } } },
  tick: {
    everyMs: 3_000,
    target: { workflow: "beat", input: { round: 0, scene: "tick", input: "a" } }
  }
} as const

/** A firing as it is listed. */
interface Listed {
  readonly slot: number
  readonly outcome: string
  readonly missed: number
  readonly event?: string
  readonly run?: string
}

/** The schedules of a soak. */
export class Schedules {
  private readonly slots = Object.entries(schedules).map(([name, { everyMs }]) => new Slots(name, everyMs))

  /** Makes them. */
  async put(ask: Api): Promise<void> {
    for (const [name, { everyMs, target }] of Object.entries(schedules)) {
      const body = { spec: { everyMs }, target, overlap: "allow-all" }
      const replied = await insist(ask, { method: "PUT", path: `/schedules/${name}`, body }, 30_000)
      if (replied?.problem !== undefined || replied === undefined) {
        throw new Error(`the schedule ${name} is answered ${replied?.problem ?? "by nobody"}`)
      }
    }
  }

  /** Looks at what was fired since the last look; what is wrong, in sentences. */
  async audit(ask: Api): Promise<ReadonlyArray<string>> {
    const problems: Array<string> = []
    const [beat, tick] = await Promise.all(
      Object.keys(schedules).map(async (name, index) => {
        const { firings } = await asked(ask, `/schedules/${name}/firings?limit=100`)
        const fresh = this.slots[index]!.tell(firings as ReadonlyArray<Listed>)
        problems.push(...this.slots[index]!.problems.splice(0))
        return fresh
      })
    )
    if (beat!.length > 0) {
      const { events } = await asked(ask, "/events?name=soak.beat&limit=200")
      const ids = (events as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)
      for (const { event, slot } of beat!) {
        // The newest may be on its way from the row of the schedule to the events.
        const count = ids.filter((id) => id === event).length
        if (count !== 1 && slot < Date.now() - 10_000) {
          problems.push(`slot ${slot} of beat is ${count} events`)
        }
      }
    }
    for (const { run, slot } of tick!) {
      if (run === undefined) problems.push(`slot ${slot} of tick has no run`)
      else if (slot < Date.now() - 10_000) await asked(ask, `/runs/${run}/summary`)
    }
    return problems
  }
}
