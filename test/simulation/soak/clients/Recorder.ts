/** Writes down what is asked before it goes out, and what was answered once that is there. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Line, Target } from "../check/History.ts"
import { folderOf, now } from "../Setting.ts"
import { NotTaken, Unanswered } from "./Api.ts"

/** The history of one life of a client, in one round. */
export class Recorder {
  private readonly file: string
  private readonly life: string
  private ops = 0

  constructor(folder: string, round: number, life: string) {
    this.life = life
    const place = folderOf(folder, "history", round)
    mkdirSync(place, { recursive: true })
    this.file = join(place, `${life}.ndjson`)
    appendFileSync(this.file, "")
  }

  /** Does an operation. `read` makes of an answer what its model knows. Undefined where there was none. */
  async operation<Replied, Output>(
    target: Target,
    call: unknown,
    ask: () => Promise<Replied>,
    read: (replied: Replied) => Output
  ): Promise<Output | undefined> {
    const op = this.ops++
    const client = `${this.life}/${target.kind}`
    this.write({ op, at: now(), client, target, call })
    try {
      const replied = await ask()
      const at = now()
      const answer = read(replied)
      this.write({ op, at, answer })
      return answer
    } catch (error) {
      if (error instanceof NotTaken) this.write({ op, at: now(), nothing: error.message })
      else if (error instanceof Unanswered) this.write({ op, at: now(), unknown: error.message })
      else throw error
      return undefined
    }
  }

  /** Writes down what has happened, where only the answer said what was asked. */
  happened(target: Target, calledAt: number, call: unknown, answer: unknown): void {
    const op = this.ops++
    const at = now()
    this.write({ op, at: calledAt, client: `${this.life}/${target.kind}`, target, call })
    this.write({ op, at, answer })
  }

  /** Nothing comes behind this. */
  end(): void {
    writeFileSync(this.file.replace(/ndjson$/, "done"), "")
  }

  private write(line: Line): void {
    appendFileSync(this.file, `${JSON.stringify(line)}\n`)
  }
}
