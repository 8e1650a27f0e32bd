/** A client of a soak, in a process that may be killed: plays every scene of each round, with others like it. */
import { chance } from "../Chance.ts"
import { left, pause, roundAt, settingOf } from "../Setting.ts"
import { api } from "./Api.ts"
import { Recorder } from "./Recorder.ts"
import { scenesOf } from "./Scenes.ts"

const setting = settingOf(process.env["SOAK"])
const life = process.env["SOAK_LIFE"]!

/** What is left of a round that begins so late is not worth a life. */
const leastMs = 3_000

for (let round = roundAt(setting); round < setting.rounds; round = roundAt(setting)) {
  if (round >= 0 && left(setting, round) > leastMs) {
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), left(setting, round) - 1_000)
    const recorder = new Recorder(setting.folder, round, life)
    const stage = (name: string) => {
      const luck = chance(setting.seed, life, name)
      return { setting, round, life, chance: luck, ask: api(setting, luck), recorder, over: over.signal }
    }
    await Promise.all(scenesOf(setting, round).map(({ name, play }) => play(stage(name), name)))
    recorder.end()
    clearTimeout(timer)
  }
  // The next one that has begun: a round whose last answers come late takes its time from the next.
  if (roundAt(setting) === round) await pause(left(setting, round))
}
process.exit(0)
