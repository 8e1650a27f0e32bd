/** What comes in, at the command: sensors, sources and bridges. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const fixture = (name: string) => fileURLToPath(new URL(`../../operations/fixtures/${name}.json`, import.meta.url))

describe("sensors, at the command", () => {
  it("R-25, R-26, R-58: take an event once, say whether it was new and what it came to, and list it", async () => {
    const { fermata, folder } = new Project()
    const file = join(folder, "mail.json")
    writeFileSync(
      file,
      JSON.stringify({
        sensor: "mail",
        dedupe: "mail:1",
        ref: "mail://box/1",
        payload: { text: "hi" },
        event: { name: "mail.came" },
        task: { kind: "reply" }
      })
    )
    const first = await fermata("sensors", "event", `@${file}`)
    assert.strictEqual(first.code, 0, first.stderr)
    assert.include(first.stderr, "new: mail:1 came in, at position 0000000000000001")
    assert.include(first.stderr, "event mail.came is published (sensor:mail:1)")
    assert.match(first.stderr, /a reply task is asked for in queue default \(sensor:[0-9a-f]{32}\)/)
    const again = await fermata("sensor-event", "--json", `@${file}`)
    assert.deepInclude(again.lines[0] as object, { duplicate: true })
    assert.include((await fermata("sensors", "event", `@${file}`)).stderr, "duplicate: mail:1 came in before")
    const bare = await fermata("sensors", "event", "{\"sensor\":\"mail\",\"dedupe\":\"mail:2\"}")
    assert.include(bare.stderr, "it comes to nothing but this record")

    const listed = await fermata("sensors", "ls")
    assert.match(listed.stdout, /^mail +mail:2 .* 0000000000000002 *$/m)
    assert.match(listed.stdout, /^mail +mail:1 .* 0000000000000001 +event mail\.came, task reply$/m)
    assert.include((await fermata("sensors", "ls", "--limit", "1")).stderr, "there are more; --limit 2")
    const shown = await fermata("sensors", "show", "0000000000000001")
    assert.deepInclude(JSON.parse(shown.stdout) as object, { ref: "mail://box/1", payload: { text: "hi" } })
  })

  it("R-28: say that a run is started, used again, or over", async () => {
    const { fermata, folder } = new Project()
    const contract = join(folder, "greet.json")
    writeFileSync(
      contract,
      JSON.stringify({
        schemaVersion: "fermata.contract.v1",
        id: "greet",
        version: "1.0.0",
        title: "Greets",
        entryStepId: "greet",
        steps: [{ id: "greet", name: "Greet", kind: "transform", set: { text: "{{ input.name }}" }, next: null }]
      })
    )
    await fermata("contracts", "add", contract)
    const event = (dedupe: string) =>
      JSON.stringify({ sensor: "door", dedupe, payload: { name: "Ada" }, run: { workflow: "greet", key: "ada" } })
    const first = await fermata("sensors", "event", event("1"))
    assert.match(first.stderr, /run [0-9a-f]{32} of greet is started \(key ada\)/)
    const second = await fermata("sensors", "event", event("2"))
    assert.match(second.stderr, /run [0-9a-f]{32} of greet is used again \(key ada\)$/m)
    assert.notInclude(second.stderr, "another key")
    await fermata("worker", "--until-idle")
    const third = await fermata("sensors", "event", event("3"))
    assert.include(third.stderr, "it is completed, so nothing more comes of this; another key starts another run")
    assert.lengthOf((await fermata("runs", "ls", "--json")).lines, 1)
  })

  it("R-58: refuse what is none with its place, and record nothing", async () => {
    const { fermata } = new Project()
    const says = async (event: string, text: string) => {
      const { code, stderr, stdout } = await fermata("sensors", "event", event)
      assert.deepStrictEqual([code, stdout], [2, ""], event)
      assert.include(stderr, text)
    }
    await says("{\"sensor\":\"mail\"}", "dedupe: Missing key")
    await says("{\"sensor\":\"mail\",\"dedupe\":\"d\",\"evnt\":{}}", "evnt: ")
    await says("{\"sensor\":\"mail\"", "event is not JSON")
    await says("@nothing.json", "there is no such file")
    await says("{\"sensor\":\"m\",\"dedupe\":\"d\",\"run\":{\"workflow\":\"none\"}}", "none")
    await says("{\"sensor_id\":\"m\",\"dedupe_key\":\"d\",\"proposed_task\":{}}", "proposed_task.kind: Missing key")
    assert.include((await fermata("sensors", "ls")).stderr, "nothing came in")
    assert.strictEqual((await fermata("sensors", "show", "1")).code, 2)
  })
})

describe("sources, at the command", () => {
  it("are declared, tried, paused and forgotten", async () => {
    const { fermata, folder } = new Project()
    const file = join(folder, "git.json")
    writeFileSync(
      file,
      JSON.stringify({
        description: "Issues",
        signature: { type: "github", secrets: [{ secret: "GIT" }] },
        mapping: {
          when: "headers.`x-github-event` = 'issues'",
          dedupe: "{{ body.id }}",
          event: { name: "issue.{{ body.action }}" }
        }
      })
    )
    const put = await fermata("sources", "put", "git", `@${file}`, "--as", "ada")
    assert.strictEqual(put.code, 0, put.stderr)
    assert.include(put.stderr, "source git takes what is signed (github) and sent to /hooks/git")
    assert.match((await fermata("sources", "ls")).stdout, /^git +github +open +ada +Issues$/m)
    const tried = await fermata(
      "sources",
      "test",
      "git",
      "--data",
      "{\"id\":1,\"action\":\"opened\"}",
      "--header",
      "X-GitHub-Event=issues"
    )
    assert.deepInclude(JSON.parse(tried.stdout) as object, {
      verdict: "accepted",
      event: { sensor: "git", dedupe: "git:1", payload: { id: 1, action: "opened" }, event: { name: "issue.opened" } }
    })
    const ignored = await fermata("sources", "test", "git", "--data", "{}")
    assert.deepStrictEqual([ignored.code, JSON.parse(ignored.stdout)], [0, { verdict: "ignored" }])
    const refused = await fermata("sources", "test", "git", "--data", "{}", "--header", "x-github-event=issues")
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stdout, "mapping.dedupe")
    await fermata("sources", "pause", "git", "--note", "moving")
    assert.match((await fermata("sources", "ls")).stdout, /paused: moving/)
    const shown = JSON.parse((await fermata("sources", "show", "git")).stdout) as object
    assert.deepInclude(shown, { name: "git", paused: true, note: "moving" })
    assert.include((await fermata("sources", "resume", "git")).stderr, "takes what is sent")
    assert.include((await fermata("sources", "rm", "git")).stderr, "forgotten")
    assert.include((await fermata("sources", "ls")).stderr, "no sources")
    assert.strictEqual((await fermata("sensors", "ls")).stdout, "")
  })

  it("are refused with their first mistake", async () => {
    const { fermata } = new Project()
    const says = async (args: ReadonlyArray<string>, text: string) => {
      const { code, stderr, stdout } = await fermata("sources", "put", ...args)
      assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
      assert.include(stderr, text)
    }
    await says(["git"], "nothing says what the source is")
    await says(["git", "{}"], "signature: Missing key")
    await says(["git", "{}", "--bridge", "github"], "give one of the two")
    await says(["git", "{}", "--secret", "A"], "--secret goes with --bridge")
    await says(["git", "--bridge", "discord", "--secret", "A"], "no bridge \"discord\" is for what is signed")
    await says(["git", "--bridge", "github"], "give --secret NAME")
    await says(["g t", "--bridge", "github", "--secret", "A"], "its name is none")
  })

  it("may have the mapping of a bridge", async () => {
    const { fermata } = new Project()
    const put = await fermata(
      "sources",
      "put",
      "github",
      "--bridge",
      "github",
      "--secret",
      "NEW",
      "--secret",
      "OLD",
      "--json"
    )
    assert.deepInclude(put.lines[0] as object, {
      name: "github",
      signature: { type: "github", secrets: [{ secret: "NEW" }, { secret: "OLD" }] }
    })
    const tried = await fermata("sources", "test", "github", "--data", `@${fixture("github-pr-merged")}`)
    assert.strictEqual((JSON.parse(tried.stdout) as { readonly verdict: string }).verdict, "accepted")
  })
})

describe("bridges, at the command", () => {
  it("R-66, R-67: take what was sent, once", async () => {
    const { fermata, folder } = new Project()
    const github = await fermata("bridge", "github", "--file", fixture("github-pr-merged"))
    assert.strictEqual(github.code, 0, github.stderr)
    assert.include(github.stderr, "a github-story task is asked for")
    const again = await fermata("bridge-github", "--file", fixture("github-pr-merged"), "--json")
    assert.deepInclude(again.lines[0] as object, { duplicate: true })
    const discord = await fermata("bridge-discord", "--file", fixture("discord-mention"))
    assert.include(discord.stderr, "a discord-reply task is asked for")
    const other = join(folder, "ping.json")
    writeFileSync(
      other,
      JSON.stringify({ ...JSON.parse(readFileSync(fixture("github-pr-merged"), "utf8")) as object, action: "opened" })
    )
    assert.include((await fermata("bridge", "github", "--file", other)).stderr, "nothing comes of it")
    assert.strictEqual((await fermata("bridge", "github", "--file", "nothing.json")).code, 2)
    assert.strictEqual((await fermata("sensors", "ls", "--json")).lines.length, 2)
  })
})
