import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { bridges } from "../src/Bridges.ts"
import * as SourceMapping from "../src/SourceMapping.ts"
import { readSample } from "../src/Sources.ts"

interface Body {
  [name: string]: unknown
}
const fixture = (name: string): Body =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), "utf8")) as Body
const through = (name: string, body: unknown, headers = {}) =>
  readSample(name, bridges.find((bridge) => bridge.name === name)!.mapping, { body, headers })

describe("every bridge", () => {
  it.each(bridges)("$name has a mapping in which nothing is wrong", ({ mapping }) => {
    assert.isUndefined(SourceMapping.check(mapping))
  })
})

describe("the bridge of GitHub", () => {
  const merged = fixture("github-pr-merged")

  it.effect("makes one github-story task of a pull request that was merged, under a key that is signed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* through("github", merged, { "X-GitHub-Delivery": "72d3162e" }), {
        sensor: "github",
        dedupe: "github:merged-example-org/runtime#218",
        eventId: "72d3162e",
        ref: "https://github.com/example-org/runtime/pull/218",
        payload: {
          repo: "example-org/runtime",
          number: 218,
          title: "Lease tasks before they are claimed",
          author: "ada",
          mergedBy: "grace",
          mergedAt: "2026-11-30T17:58:01Z",
          commit: "5d2f8a1c9be04b1e8f37f0a4a0c6a9d17c3e52b8",
          url: "https://github.com/example-org/runtime/pull/218"
        },
        task: {
          kind: "github-story",
          source: "github",
          subject: "example-org/runtime#218: Lease tasks before they are claimed",
          payload: {
            repo: "example-org/runtime",
            summary: "Lease tasks before they are claimed\n\nTwo dispatchers could claim one task.\n\nFixes #214.",
            url: "https://github.com/example-org/runtime/pull/218"
          }
        }
      })
    }))

  it.effect("takes one without a description, and a title that is long", () =>
    Effect.gen(function*() {
      const pull = merged["pull_request"] as Body
      const event = yield* through("github", {
        ...merged,
        pull_request: { ...pull, body: null, title: "x".repeat(9_000) }
      })
      assert.strictEqual((event!.task!.payload as Body)["summary"], "x".repeat(4_000))
      assert.lengthOf(event!.task!.subject!, 500)
    }))

  it.effect("has no use for anything else that GitHub sends", () =>
    Effect.gen(function*() {
      const pull = merged["pull_request"] as Body
      for (
        const body of [
          { ...merged, pull_request: { ...pull, merged: false } },
          { ...merged, action: "opened" },
          { zen: "Keep it logically awesome.", hook_id: 1 },
          { action: "closed", issue: { number: 1 } },
          [],
          null
        ]
      ) assert.isUndefined(yield* through("github", body))
    }))
})

describe("the bridge of Discord", () => {
  const mention = fixture("discord-mention")
  const message = mention["d"] as Body

  it.effect("makes one discord-reply task of a mention, as it comes from a gateway and by itself", () =>
    Effect.gen(function*() {
      const event = yield* through("discord", mention)
      assert.deepStrictEqual(event, {
        sensor: "discord",
        dedupe: "discord:message-1311740000000000123",
        eventId: "1311740000000000123",
        ref: "discord://1189910000000000077/message-1311740000000000123",
        payload: message,
        task: {
          kind: "discord-reply",
          source: "discord",
          subject: "Reply to Ada L.",
          payload: {
            channel: "1189910000000000077",
            message: "1311740000000000123",
            author: "ada",
            text: "<@1200000000000000555> when is the next release?"
          }
        }
      })
      assert.deepStrictEqual(yield* through("discord", message), event)
      const author = { ...message["author"] as Body, global_name: null }
      assert.strictEqual((yield* through("discord", { ...message, author }))?.task?.subject, "Reply to ada")
    }))

  it.effect("has no use for what mentions nobody, and for what a bot says", () =>
    Effect.gen(function*() {
      const bot = { ...message["author"] as Body, bot: true }
      for (
        const body of [{ ...message, mentions: [] }, { ...message, author: bot }, { t: "PRESENCE_UPDATE", d: {} }, {}]
      ) assert.isUndefined(yield* through("discord", body))
    }))
})
