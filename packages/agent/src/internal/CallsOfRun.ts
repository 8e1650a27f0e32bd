/**
 * The calls of a run's latest answer, and which of its steps, questions and
 * subagents are about which of them: their entries name a tool and its arguments
 * and, but for steps, no call. Two calls of one tool with the same arguments are
 * taken in their order.
 */
import type { Answer } from "@fermata/core/AgentMessage"
import * as SameJson from "@fermata/core/SameJson"

/** A call that the model asked for. */
interface Call {
  readonly id: string
  readonly tool: string
  readonly params: unknown
}

/** What is known of the calls of the latest answer. */
export class CallsOfRun {
  private calls: ReadonlyArray<Call> = []
  private readonly asked = new Set<string>()
  private readonly begun = new Set<string>()
  private readonly settled = new Set<string>()
  private readonly approvals = new Map<string, string>()
  private readonly children = new Map<string, string>()

  /** The model has answered: its calls take the place of those before. */
  answered({ content }: Answer): void {
    this.calls = content.flatMap((part) => part.type === "call" ? [part] : [])
    this.asked.clear()
    this.begun.clear()
    this.settled.clear()
  }

  /** The call that a question is about, if it is about one. */
  question(key: string, tool: string, args: unknown): string | undefined {
    const call = this.find(tool, this.asked, (params) => SameJson.same(params, args))
    if (call !== undefined) this.approvals.set(key, call)
    return call
  }

  /** The call of a question, which is not made when that is its end. */
  decided(key: string, isRefused: boolean): string | undefined {
    const call = this.approvals.get(key)
    if (isRefused && call !== undefined) this.settled.add(call)
    return call
  }

  /** The call that a subagent was begun by. */
  child(run: string, agent: string, input: unknown): string | undefined {
    const call = this.find(agent, this.begun, (params) =>
      SameJson.same(params, input) ||
      SameJson.same((params as { readonly prompt?: unknown } | null)?.prompt, input))
    if (call !== undefined) this.children.set(run, call)
    return call
  }

  /** The call of a subagent that is over. */
  childEnded(run: string): string | undefined {
    const call = this.children.get(run)
    if (call !== undefined) this.settled.add(call)
    return call
  }

  /** A step tells what came of this call. */
  settle(call: string): void {
    this.settled.add(call)
  }

  /** Calls of which nothing has told what came of them. They are told once. */
  rest(): ReadonlyArray<string> {
    const rest = this.calls.flatMap(({ id }) => this.settled.has(id) ? [] : [id])
    this.calls = []
    return rest
  }

  private find(tool: string, taken: Set<string>, fits: (params: unknown) => boolean): string | undefined {
    const free = this.calls.filter((call) => call.tool === tool && !taken.has(call.id))
    const found = (free.find(({ params }) => fits(params)) ?? free[0])?.id
    if (found !== undefined) taken.add(found)
    return found
  }
}
