/** The table of suspensions in the README of the command is the one that the code goes by. */
import { assert, describe, it } from "@effect/vitest"
import { suspendReasons } from "@fermata/core/RunStatus"
import { clauseOf, suspensions } from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import { readFileSync } from "node:fs"
import { fermata } from "../src/Invocation.ts"
import { nextCommands } from "../src/NextCommands.ts"

const heading = "### Why a run is suspended"

/** A wait as runs have it, for each reason. */
const waits: ReadonlyArray<Wait> = suspendReasons.map((reason): Wait => ({
  reason,
  key: { approval: "manager", signal: "paid", child: "CHILD", operator: "pause", timer: "1" }[reason as string] ??
    "charge",
  ...(reason === "approval" ? { who: ["ada"] } : {}),
  ...(reason === "timer" ? { until: 0 } : {})
}))

/** The lines of the table, as the code has them. */
const table = waits.map((wait) => {
  const { endedBy, event } = suspensions[wait.reason]
  const said = clauseOf(wait, { now: 0 }).replace(/^until .*$/, "until TIME")
  const commands = nextCommands({ runId: "RUN", workflow: "AGENT", waits: [wait], as: "ada" })
    .map((command) => command.slice(command.indexOf(fermata("")) + fermata("").length + 1))
  const done = commands.length === 0 ? "it goes on by itself" : commands.map((command) => `\`${command}\``).join(", ")
  return `| \`${wait.reason}\` | waits ${said} | ${endedBy} | \`${event}\` | ${done} |`
})

describe("the reasons of suspensions", () => {
  it("are documented as the table in core has them: sentence, who ends it, event, and the commands that are printed", () => {
    const [, section = ""] = readFileSync(new URL("../README.md", import.meta.url), "utf8").split(`\n${heading}\n\n`)
    const lines = section.split("\n").filter((line) => line.startsWith("| `"))
    assert.deepStrictEqual(lines.slice(0, table.length), table)
  })

  it("are in the order in which a run with several waits is reported", () => {
    assert.deepStrictEqual(Object.keys(suspensions), [...suspendReasons])
  })
})
