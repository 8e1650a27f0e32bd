import { assert, describe, it } from "@effect/vitest"
import type { Command } from "effect/cli"
import { commandFermata } from "../src/commands/Fermata.ts"
import { flags } from "../src/Globals.ts"
import { looking, looksAtServer, onlyLooks, valued } from "../src/Looking.ts"

const leaves = (command: Command.Command.Any, path: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const below = command.subcommands.flatMap(({ commands }) => commands)
  return below.length === 0 ? [path.join(" ")] : below.flatMap((child) => leaves(child, [...path, child.name]))
}

describe("command lines that only look", () => {
  it("are told from those that load code of the user: every command is one or the other", () => {
    const working = [
      "run",
      "runs cancel",
      "runs pause",
      "runs resume",
      "runs settle",
      "runs confirm",
      "runs raise",
      "runs retry",
      "runs fork",
      "approvals approve",
      "approvals deny",
      "approvals delegate",
      "approve",
      "deny",
      "policy rm",
      "signal",
      "emit",
      "sensors event",
      "sources put",
      "sources test",
      "sources pause",
      "sources resume",
      "sources rm",
      "bridge github",
      "bridge discord",
      "sensor-event",
      "bridge-github",
      "bridge-discord",
      "agent run",
      "agent ls",
      "agent status",
      "agent raise",
      "worker",
      "workers reap",
      "mcp ls",
      "mcp login",
      "mcp logout",
      "serve",
      "token create",
      "token rm",
      "tenants limit",
      "tenants delete",
      "import",
      "retention rm",
      "retention set",
      "runs delete",
      "runs prune",
      "schedule-create",
      "schedule-tick",
      "schedules put",
      "schedules pause",
      "schedules resume",
      "schedules run",
      "schedules backfill",
      "schedules rm",
      "schedules tick",
      "tasks add",
      "tasks cancel",
      "tasks retry",
      "queue set",
      "queue pause",
      "queue resume",
      "webhooks put",
      "webhooks test",
      "webhooks redeliver",
      "webhooks rotate",
      "webhooks pause",
      "webhooks resume",
      "webhooks rm",
      "replay",
      "upgrade check",
      "contracts check",
      "contracts graph",
      "contracts add",
      "backup",
      "doctor",
      "init",
      "instances create",
      "instances ls",
      "instances show",
      "instances move",
      "run-once"
    ]
    assert.sameMembers([...leaves(commandFermata)], [...looking, ...working])
    for (const path of looking) assert.isTrue(onlyLooks(path.split(" ")), path)
    for (const path of working) assert.isFalse(onlyLooks(path.split(" ")), path)
  })

  it("may have any global option before the command", () => {
    for (const { id } of flags) {
      const name = `--${id.split("/").at(-1)}`
      const before = valued.has(name) ? [name, "run"] : [name]
      assert.isTrue(onlyLooks([...before, "runs", "ls"]), name)
      assert.isFalse(onlyLooks([...before, "run", "ls"]), name)
      if (valued.has(name)) assert.isTrue(onlyLooks([`${name}=run`, "runs", name, "x", "ls"]), name)
    }
  })

  it("ask for help anywhere but behind --", () => {
    for (const help of ["--help", "-h", "--version", "-v", "--completions", "--completions=zsh"]) {
      assert.isTrue(onlyLooks(["run", "x", help]), help)
      assert.isFalse(onlyLooks(["run", "--", help]), help)
    }
    assert.isTrue(onlyLooks([]))
    assert.isTrue(onlyLooks(["--complete", "bash", "fermata run "]))
  })

  it("are told from those that look at a server", () => {
    const looks = (args: ReadonlyArray<string>, env = {}) => looksAtServer(args, env, "/")
    assert.isTrue(looks(["runs", "ls", "--server", "x"]))
    assert.isTrue(looks(["--server=x", "runs", "ls"]))
    assert.isTrue(looks(["runs", "ls"], { FERMATA_SERVER: "x" }))
    assert.isTrue(looks(["--complete", "bash", "fermata --server http://x runs show "]))
    assert.isTrue(looks(["--complete", "zsh", "--server=x", "runs", "show", ""]))
    assert.isFalse(looks(["runs", "ls"], { FERMATA_SERVER: "" }))
    assert.isFalse(looks(["runs", "ls", "--help"], { FERMATA_SERVER: "x" }))
    assert.isFalse(looks(["--complete", "bash", "fermata runs show "]))
  })

  it("are never guessed at: behind an unknown option anything may be a value", () => {
    assert.isFalse(onlyLooks(["--what", "runs", "ls"]))
    assert.isFalse(onlyLooks(["--db"]))
    assert.isFalse(onlyLooks(["runs"]))
    assert.isFalse(onlyLooks(["runs", "sl"]))
  })
})
