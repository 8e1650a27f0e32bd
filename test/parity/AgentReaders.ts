/** Readers of the streams of agents: those of the AI SDK and of AG-UI themselves, and one that keeps what AG-UI tells. */
import { HttpAgent } from "@ag-ui/client"
import type { Message } from "@ag-ui/core"
import { EventSchema } from "@ag-ui/core/schemas"
import type { Sent } from "@fermata/agent/AgentEncoding"
import type { UIMessage, UIMessageChunk } from "ai"
import { readUIMessageStream } from "ai"

/** Where a reader goes on who has heard these: its last id. */
export const lastId = (heard: ReadonlyArray<Sent>): string | undefined =>
  heard.findLast(({ id }) => id !== undefined)?.id

/** The message that the AI SDK makes of these on top of another. Throws what its reader throws. */
export const uiMessage = async (sent: ReadonlyArray<Sent>, message?: UIMessage): Promise<UIMessage | undefined> => {
  const chunks = sent.flatMap(({ data }) => data === "[DONE]" ? [] : [JSON.parse(data) as UIMessageChunk])
  let last = message
  const reading = readUIMessageStream({
    ...(message === undefined ? {} : { message: structuredClone(message) }),
    stream: new ReadableStream<UIMessageChunk>({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      }
    }),
    terminateOnError: true
  })
  for await (const each of reading) last = each
  return last === undefined ? undefined : JSON.parse(JSON.stringify(last)) as UIMessage
}

/** What a client of AG-UI shows. */
export interface Shown {
  readonly texts: Record<string, string>
  readonly calls: Record<string, string>
  readonly results: Record<string, unknown>
  readonly questions: Record<string, string>
  readonly below: Record<string, string>
  readonly steps: Array<string>
  end: string
}

/** What is shown after these, each of which the schemas of AG-UI have to take. */
export const agUi = (sent: ReadonlyArray<Sent>): Shown => {
  const shown: Shown = { texts: {}, calls: {}, results: {}, questions: {}, below: {}, steps: [], end: "" }
  for (const { data } of sent) {
    const event = EventSchema.parse(JSON.parse(data))
    switch (event.type) {
      case "TEXT_MESSAGE_START":
      case "REASONING_MESSAGE_START":
        if (event.messageId in shown.texts) throw new Error(`${event.messageId} begins twice`)
        shown.texts[event.messageId] = ""
        break
      case "TEXT_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_CONTENT":
        if (!(event.messageId in shown.texts)) throw new Error(`${event.messageId} has not begun`)
        shown.texts[event.messageId] += event.delta
        break
      case "TOOL_CALL_START":
        if (event.toolCallId in shown.calls) throw new Error(`${event.toolCallId} begins twice`)
        shown.calls[event.toolCallId] = `${event.toolCallName} `
        break
      case "TOOL_CALL_ARGS":
        shown.calls[event.toolCallId] += event.delta
        break
      case "TOOL_CALL_RESULT":
        shown.results[event.toolCallId] = event.content
        break
      case "STEP_STARTED":
      case "STEP_FINISHED":
        shown.steps.push(`${event.type} ${event.subagentRunId ?? ""} ${event.stepName}`)
        break
      case "SUBAGENT_STARTED":
      case "SUBAGENT_FINISHED":
        shown.below[event.subagentRunId] = `${shown.below[event.subagentRunId] ?? ""} ${event.type}`
        break
      case "CUSTOM": {
        if (event.name === "fermata.restart") { for (const id of event.value.messages) delete shown.texts[id] }
        if (event.name.startsWith("fermata.approval")) shown.questions[event.value.approval] = event.name
        break
      }
      case "RUN_FINISHED":
        shown.end = event.outcome?.type ?? "success"
        break
      default:
        break
    }
  }
  // Steps of several runs come as they happen.
  shown.steps.sort()
  return shown
}

/**
 * The messages that AG-UI's own client has after a whole stream, without those that
 * were named as void. Rejects where the client refuses an event: it checks that what
 * begins ends, and that nothing goes on that has not begun.
 */
export const agUiMessages = async (sent: ReadonlyArray<Sent>): Promise<ReadonlyArray<Message>> => {
  const agent = new HttpAgent({
    url: "http://agent.test",
    fetch: () =>
      Promise.resolve(
        new Response(sent.map(({ data }) => `data: ${data}\n\n`).join(""), {
          headers: { "content-type": "text/event-stream" }
        })
      )
  })
  const isVoid = new Set<unknown>()
  await agent.runAgent({}, {
    onCustomEvent: ({ event }) => {
      if (event.name === "fermata.restart") { for (const id of event.value.messages) isVoid.add(id) }
    }
  })
  return agent.messages.filter(({ id }) => !isVoid.has(id))
}
