import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as SensorEvent from "../src/SensorEvent.ts"

const problemOf = (value: unknown): string | undefined =>
  Result.match(SensorEvent.read(value), { onFailure: ({ problem }) => problem, onSuccess: () => undefined })

describe("what a sensor saw", () => {
  it("is read as it is", () => {
    const event: SensorEvent.SensorEvent = {
      sensor: "discord-mentions",
      dedupe: "discord:message-123",
      eventId: "123",
      ref: "discord://channel/message-123",
      payload: { text: "hi" },
      event: { name: "discord.mention", correlationId: "c" },
      run: { workflow: "goal-loop", key: "k", input: 1, title: "t", labels: { a: "b" } }
    }
    assert.deepStrictEqual(SensorEvent.read(event), Result.succeed(event))
    assert.deepStrictEqual(SensorEvent.read({ sensor: "s", dedupe: "d" }), Result.succeed({ sensor: "s", dedupe: "d" }))
  })

  it("is read in the reference's form as the same", () => {
    assert.deepStrictEqual(
      SensorEvent.read({
        sensor_id: "discord-mentions",
        event_id: "message-123",
        source_ref: "discord://channel/message-123",
        dedupe_key: "discord:message-123",
        payload: { text: "hi" },
        proposed_task: {
          kind: "discord-reply",
          source: "discord",
          priority: 5,
          subject: "Reply",
          payload: { text: "hi" },
          requested_profile: "lumen",
          requested_adapter: "script",
          schedule: { delay_minutes: 30 }
        },
        proposed_workflow: {
          template: "goal-loop",
          instance_key: "discord-message-123",
          context: { summary: "s", objective: "o" }
        }
      }),
      Result.succeed({
        sensor: "discord-mentions",
        dedupe: "discord:message-123",
        eventId: "message-123",
        ref: "discord://channel/message-123",
        payload: { text: "hi" },
        task: {
          kind: "discord-reply",
          source: "discord",
          priority: 5,
          subject: "Reply",
          payload: { text: "hi" },
          profile: "lumen",
          adapter: "script",
          delayMs: 1_800_000
        },
        run: { workflow: "goal-loop", key: "discord-message-123", input: { summary: "s", objective: "o" } }
      })
    )
  })

  it.each([
    [{}, "sensor: Missing key"],
    [{ sensor: "s" }, "dedupe: Missing key"],
    [{ sensor: "", dedupe: "d" }, "sensor: "],
    [{ sensor: "acme~s", dedupe: "d" }, "sensor: "],
    [{ sensor: "engine.bulk", dedupe: "d" }, "sensor: "],
    [{ sensor: "s", dedupe: "" }, "dedupe: "],
    [{ sensor: "s", dedupe: "d".repeat(501) }, "dedupe: "],
    [{ sensor: "s", dedupe: "d", event: { name: "no name" } }, "event.name: "],
    [{ sensor: "s", dedupe: "d", evnt: { name: "a" } }, "evnt: "],
    [{ sensor: "s", dedupe: "d", task: { queue: "q" } }, "task.kind: Missing key"],
    [{ sensor: "s", dedupe: "d", task: { kind: "k", queue: "Q" } }, "task.queue: "],
    [{ sensor: "s", dedupe: "d", run: { key: "k" } }, "run.workflow: Missing key"],
    [{ sensor: "s", dedupe: "d", run: { workflow: "w", labels: { a: 1 } } }, "run.labels.a: "],
    [{ sensor_id: "s" }, "dedupe_key: Missing key"],
    [{ sensor_id: "s", dedupe: "d" }, "dedupe: Expected no excess property"],
    [{ sensor_id: "s", dedupe_key: "d", proposed_workflow: { template: "t" } }, "proposed_workflow.instance_key: "],
    [null, ""],
    ["text", ""],
    [[], ""]
  ])("is refused with the place of the first mistake: %j", (value, problem) => {
    const told = problemOf(value)
    assert.isDefined(told)
    assert.isTrue(told!.startsWith(problem), told)
  })
})
