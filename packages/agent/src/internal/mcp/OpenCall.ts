/**
 * A call of an MCP server that has not ended: what its server asks meanwhile, and
 * what comes of it. Steps come and go; it stays, in this process, until one of
 * them has taken its end.
 */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Resumption } from "../../mcp/McpServer.ts"
import * as Asks from "./Asks.ts"

/** What is next to be known of a call. */
export type Said =
  | { readonly _tag: "Result"; readonly result: CallToolResult }
  /** It was not made: somebody has to open these pages before. */
  | { readonly _tag: "Wants"; readonly pages: ReadonlyArray<Asks.Page> }
  | {
    readonly _tag: "Asks"
    readonly id: Asks.QuestionId
    readonly question: Asks.Question
    /** How the call can be gone on with elsewhere. */
    readonly resume: Resumption | undefined
  }

/** What a server says of a call that it carries out. */
export interface Heard {
  /** How far it is, of `total` where that is known. */
  readonly progress?: number
  readonly total?: number
  readonly message?: string
  /** Of a line of its log. */
  readonly level?: string
}

/** A call that has not ended. */
export class OpenCall {
  /** Of the call in its run. */
  readonly key: string
  /** Tells the server that nobody waits any more. */
  readonly abort = new AbortController()
  /** Its number on its connection. */
  id: number | string | undefined
  /** How it can be gone on with, as far as that is known. */
  resumption: Resumption | undefined
  private readonly answered: Array<Asks.Answered>
  private readonly questions: Array<Asked> = []
  private end: Exit.Exit<CallToolResult, unknown> | undefined
  /** Is told how far the call is, and what its server logs. */
  tell: ((said: Heard) => void) | undefined
  private wake: () => void = nothing
  private stir: () => void = nothing

  constructor(key: string, answered: ReadonlyArray<Asks.Answered> = []) {
    this.key = key
    this.answered = [...answered]
  }

  /** Whether its server waits for an answer of ours. */
  get waits(): boolean {
    return this.questions.length > 0
  }

  get isOver(): boolean {
    return this.end !== undefined
  }

  /** Its server asks. Ends with the answer; what was answered before is answered alike. */
  asked(id: Asks.QuestionId, question: Asks.Question, signal: AbortSignal): Promise<Asks.Reply> {
    const before = this.answered.findIndex((each) => Asks.isSame(each.question, question))
    if (before >= 0) return Promise.resolve(this.answered.splice(before, 1)[0]!.reply)
    return new Promise((give) => {
      const asked = { id, question, give }
      this.questions.push(asked)
      signal.addEventListener("abort", () => this.withdraw(asked))
      this.wake()
    })
  }

  /** Gives the server an answer; false where it does not wait for one any more. */
  give(id: Asks.QuestionId, reply: Asks.Reply): boolean {
    const asked = this.questions.find((each) => each.id === id)
    if (asked === undefined) return false
    this.withdraw(asked)
    asked.give(reply)
    return true
  }

  /** Its end is that of this promise, unless it has ended before. */
  follow(sent: Promise<CallToolResult>): void {
    sent.then((result) => this.over(Exit.succeed(result)), (error: unknown) => this.over(Exit.fail(error)))
  }

  over(end: Exit.Exit<CallToolResult, unknown>): void {
    this.end ??= end
    this.wake()
  }

  /** Its server says something of it. */
  heard(said: Heard): void {
    this.tell?.(said)
    this.stir()
  }

  /** The next question, or the end. */
  readonly next: Effect.Effect<Said, unknown> = Effect.callback((resume) => {
    const look = () => {
      const [asked] = this.questions
      if (this.end !== undefined) {
        resume(Exit.map(this.end, (result) => ({ _tag: "Result", result })))
      } else if (asked !== undefined) {
        const { id, question } = asked
        resume(Effect.succeed({ _tag: "Asks", id, question, resume: this.resumption }))
      }
    }
    this.wake = look
    look()
    return Effect.sync(() => {
      this.wake = nothing
    })
  })

  /** Ends when something is heard of it next. */
  readonly moved: Effect.Effect<void> = Effect.callback((resume) => {
    this.stir = () => resume(Effect.void)
    return Effect.sync(() => {
      this.stir = nothing
    })
  })

  private withdraw(asked: Asked): void {
    const at = this.questions.indexOf(asked)
    if (at >= 0) this.questions.splice(at, 1)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Asked {
  readonly id: Asks.QuestionId
  readonly question: Asks.Question
  readonly give: (reply: Asks.Reply) => void
}

const nothing = () => {}
