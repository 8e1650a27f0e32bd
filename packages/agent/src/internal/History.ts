/**
 * What has been said in a conversation so far, rebuilt from the outcomes of its
 * steps. What it is told, in the order of the journal, is all that it knows.
 */
import type { Answer, AnswerPart, Message, ToolResult } from "@fermata/core/AgentMessage"
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as Messages from "../Messages.ts"
import * as Compaction from "./Compaction.ts"

export class History {
  private said: Array<Compaction.Said>
  /** Ids that calls have had. */
  private readonly ids = new Set<string>()
  /** Tokens of what the model was asked last and answered, and how many messages that was. */
  private counted = { tokens: 0, messages: 0 }
  /** Tokens that were left when the conversation was last made shorter, by the first count that came after. */
  private shortened = 0
  private isAnchored = true

  constructor(first: Message, at: number) {
    this.said = [{ message: first, at }]
  }

  get messages(): ReadonlyArray<Message> {
    return this.said.map(({ message }) => message)
  }

  /** A person or a program says something. */
  hear(text: string, at: number): void {
    this.said.push({ message: AgentMessage.user(text), at })
  }

  /** The content of an answer, under ids that no call has had before. */
  owned(content: ReadonlyArray<AnswerPart>): ReadonlyArray<AnswerPart> {
    return Messages.withOwnIds(content, this.ids)
  }

  /** The model has said this. Nothing to send back, as of an empty answer, is no message. */
  answer({ model, usage }: Answer, content: ReadonlyArray<AnswerPart>, at: number): void {
    if (content.length > 0) this.said.push({ message: { role: "assistant", model, content }, at })
    const tokens = AgentMessage.tokensOf(usage)
    this.counted = { tokens, messages: this.said.length }
    if (!this.isAnchored) this.shortened = Math.max(this.shortened, tokens)
    this.isAnchored = true
  }

  /** The calls of the latest answer came to this. */
  results(content: ReadonlyArray<ToolResult>, at: number): void {
    this.said.push({ message: { role: "tool", content }, at })
  }

  /** Whether a model has counted it once. */
  get isCounted(): boolean {
    return this.counted.tokens > 0
  }

  /** Tokens, rather too many than too few. */
  get size(): number {
    return Compaction.sizeOf(this.counted.tokens, this.said.slice(this.counted.messages))
  }

  /**
   * Whether it has to be made shorter before the model is asked again: it is over
   * its limit, and has grown by a tenth of that since this was last done. One that
   * cannot be made short enough would otherwise be made shorter at every turn, and
   * a summary paid for each time.
   */
  isLong(settings: Compaction.Settings): boolean {
    const limit = Compaction.limitOf(settings)
    return this.size > Math.max(limit, this.shortened + limit / 10)
  }

  /** Whether making it shorter has left it below where it should be. */
  isShort(settings: Compaction.Settings): boolean {
    return this.size <= Compaction.targetOf(settings)
  }

  /** Leaves out old results of tools. */
  microcompact(settings: Compaction.Settings, now: number): void {
    this.replace(Compaction.microcompact(this.said, settings, now))
  }

  /** How many messages there are in the middle, and the conversation up to their end in words. */
  middle(settings: Compaction.Settings): { readonly count: number; readonly words: () => ReadonlyArray<Message> } {
    const { first, middle } = Compaction.partsOf(this.said, settings)
    return { count: middle.length, words: () => Compaction.inWords([...first, ...middle]) }
  }

  /** Puts words in the place of the middle. */
  replaceMiddle(settings: Compaction.Settings, words: string): void {
    this.replace(Compaction.replaceMiddle(this.said, settings, words))
  }

  private replace(said: ReadonlyArray<Compaction.Said>): void {
    const before = Compaction.estimateOf(this.said)
    // What the model has counted also holds its instructions and tools, which stay.
    const beside = Math.max(0, this.size - before)
    this.said = [...said]
    this.counted = { tokens: beside + Compaction.estimateOf(said), messages: said.length }
    this.shortened = this.size
    this.isAnchored = false
  }
}
