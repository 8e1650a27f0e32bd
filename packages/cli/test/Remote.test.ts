/**
 * One list of command lines, typed twice: on a database that a worker works on,
 * and on a server of another one. Both come to the same, to the byte, but for
 * ids, times and the order of the fields of JSON. Every command is in the list, or says why it works on this
 * machine alone.
 */
import type { Command } from "effect/cli"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "vitest"
import { commandFermata } from "../src/commands/Fermata.ts"
import { sideOf } from "../src/Sides.ts"
import { fixtures, type Outcome, Project } from "./support/Project.ts"
import { served } from "./support/Served.ts"

const config = join(fixtures, "remote.config.ts")

const fixture = (name: string) => join(fixtures, "../../../packages/operations/fixtures", `${name}.json`)

const leaves = (command: Command.Command.Any, path: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const below = command.subcommands.flatMap(({ commands }) => commands)
  return below.length === 0 ? [path.join(" ")] : below.flatMap((child) => leaves(child, [...path, child.name]))
}

/** What lines before have come to, by the names that a line gives it. */
interface Known {
  readonly folder: string
  readonly ids: Map<string, string>
}

/** A line of words, with `$name` for what an earlier one came to. */
interface Line {
  readonly words: ReadonlyArray<string>
  readonly exit: number
  /** Names what the line came to: the id of a run, or another field of its JSON. */
  readonly keeps?: readonly [name: string, field: string]
}

const line = (text: string, exit = 0, keeps?: Line["keeps"]): Line => ({
  words: [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!),
  exit,
  ...(keeps === undefined ? {} : { keeps })
})

/** Every command that works on both, in an order in which each has something to do. */
const script: ReadonlyArray<Line> = [
  line("status"),
  line("runs ls"),
  line("runs ls --json"),
  line("approvals ls"),
  line("events ls"),
  line("contracts ls"),
  line("policy ls"),
  line("agent ls"),
  line("agent ls --json"),

  line("run Echo --input '{\"text\":\"hi\"}' --title 'One word' --label team=navy --json", 0, ["echo", "runId"]),
  line("run Echo --input '{\"text\":\"hi\"}'"),
  line("run Echo --input '{\"text\":1}'", 2),
  line("run Echo --input '{\"text\":1}' --json", 2),
  line("run Nobody", 2),
  line("run Echo --event '{}'", 2),
  line("run Failing --input '{\"id\":\"1\"}' --json", 1, ["failed", "runId"]),
  line("run Failing --input '{\"id\":\"1\"}' --json", 1),
  line("run Shop --input '{\"id\":\"1\"}' --json", 3, ["shop", "runId"]),
  line("run Shop --input '{\"id\":\"2\"}' --detach", 0, ["paused", ""]),
  line("run Keeping --input '{\"id\":\"1\"}' --json", 0, ["keeping", "runId"]),

  line("contracts check approval.json"),
  line("contracts check ten-mistakes.json", 2),
  line("contracts check ten-mistakes.json approval.json --json", 2),
  line("contracts check nothing.json", 2),
  line("contracts add wait.json"),
  line("contracts add ten-mistakes.json", 2),
  line("contracts add wait.json --json"),
  line("contracts ls"),
  line("contracts ls --json"),
  line("run approval.json --input '{\"cents\":5}' --key five --json", 3, ["asked", "runId"]),
  line("run approval.json --event '{\"cents\":7}' --json", 3, ["denied", "runId"]),
  line("run expense --input '{\"cents\":9}' --json", 3, ["edited", "runId"]),
  line("run expense --input '{\"cents\":5}' --key five --json", 3),
  line("run ten-mistakes.json", 2),
  line("run parcel --event '{\"id\":\"p-1\"}' --event-name parcel.sent --json", 3, ["parcel", "runId"]),

  line("approvals ls"),
  line("approvals ls --json"),
  line("approvals ls --mine"),
  line("approvals ls --run $denied --json"),
  line("approve $asked", 2),
  line("approve $asked --choice card"),
  line("approve $asked --choice card", 2),
  line("approvals approve $edited --choice cash --edit '{\"cents\":1}' --json"),
  line("approvals approve $edited --choice cash", 2),
  line("approvals approve $edited --choice cash --no-wait --json --hash 0000", 2),
  line("approvals delegate $denied --to dana --note 'on holiday' --json"),
  line("approvals delegate $denied --to dana", 2),
  line("approvals delegate $denied --to finance"),
  line("deny $denied --note 'too much' --json"),
  line("approvals deny $edited --no-wait", 2),
  line("runs diff $asked $edited"),
  line("runs diff $asked $edited --json"),

  line("signal $shop paid --data '{\"cents\":\"x\"}'", 3),
  line("signal $shop paid --data '{\"cents\":12}' --id one --json"),
  line("signal $shop paid --data '{\"cents\":12}'", 2),
  line("runs pause $paused", 0),
  line("runs show $paused --json"),
  line("runs resume $paused --json", 3),
  line("runs raise $paused --tokens 5", 3),
  line("runs raise $paused", 2),
  line("runs settle $paused record --retry", 2),
  line("runs cancel $paused --reason 'wrong order'"),
  line("runs cancel $paused", 2),
  line("runs retry $paused", 2),
  line("runs retry $failed --json", 2),
  line("runs show $paused --json"),
  line("runs pause --filter workflow=Shop --dry-run --json"),
  line("runs cancel --filter workflow=parcel --reason 'no parcels' --json"),
  line("runs retry --filter workflow=Shop --dry-run"),
  line("runs cancel --filter colour=red", 2),
  line("runs confirm $asked", 2),
  line("runs confirm --all --dry-run --json"),
  line("runs confirm --filter workflow=Shop --json"),
  line("runs fork $echo --at record --json", 0, ["fork", "runId"]),
  line("runs fork $echo --at nothing", 2),
  line("runs fork $echo --at record --detach --json"),

  line("emit parcel.arrived --data '{\"id\":\"p-1\",\"place\":\"door\"}' --key e-1 --json"),
  line("emit parcel.sent --data '{\"id\":\"p-2\"}' --no-wait --key e-2"),
  line("emit 'not a name'", 2),
  line("events ls --name 'parcel.arrived'"),
  line("events ls --json --limit 1"),

  line(
    "sensors event '{\"sensor\":\"mail\",\"dedupe\":\"m-1\",\"payload\":{\"a\":1},\"event\":{\"name\":\"mail.came\"}}'"
  ),
  line("sensor-event --json '{\"sensor_id\":\"mail\",\"dedupe_key\":\"m-1\"}'", 0),
  line("sensors event '{\"sensor\":\"mail\"}'", 2),
  line("sensors event '{\"sensor\":\"mail\",\"dedupe\":\"m-2\",\"run\":{\"workflow\":\"nothing\"}}'", 2),
  line("sensors ls"),
  line("sensors ls --sensor mail --json"),
  line("sensors show 0000000000000001"),
  line("sensors show 77", 2),
  line("sources put git --bridge github --secret GIT --json"),
  line("sources put git '{\"signature\":{}}'", 2),
  line("sources ls"),
  line("sources ls --json"),
  line("sources show git"),
  line("sources show nothing", 2),
  line("sources test git --data '{\"action\":\"opened\"}' --header x-github-event=pull_request"),
  line("sources pause git --note moving"),
  line("sources resume git --json"),
  line("sources rm git"),
  line("sources rm git", 2),
  line(`bridge github --file ${fixture("github-pr-merged")}`),
  line(`bridge-github --file ${fixture("github-pr-merged")} --json`),
  line(`bridge discord --file ${fixture("discord-mention")}`),
  line(`bridge-discord --file ${fixture("github-pr-merged")}`),

  line("agent run typist --input 'ls' --id t-1 --json", 3, ["typed", "runId"]),
  line("agent run nobody --input 'ls'", 2),
  line("approve $typed --always 1 --json"),
  line("policy ls"),
  line("policy ls --json", 0, ["rule", "id"]),
  line("agent run typist --input 'ls' --id t-2"),
  line("policy rm $rule"),
  line("policy rm $rule", 2),
  line("agent ls"),
  line("agent ls --json"),
  line("agent status $typed"),
  line("agent status $typed --json"),
  line("agent status ffffffffffff", 2),
  line("agent raise typist 500tokens --note 'a large release' --json"),
  line("agent raise typist 2.50", 2),
  line("agent raise nobody 500tokens", 2),
  line("runs transcript $typed"),
  line("runs transcript $typed --out $folder/transcript --json"),

  line("runs ls"),
  line("runs ls --status completed --json"),
  line("runs ls --label team=navy --limit 1"),
  line("runs ls --id $echo"),
  line("runs show $echo"),
  line("runs show $typed --json"),
  line("runs show zzzz", 2),
  line("runs show zzzz --json", 2),
  line("runs journal $echo"),
  line("runs journal $typed --json --from 3"),
  line("runs tail $typed"),
  line("runs tail $asked --json"),
  line("runs artifact $keeping"),
  line("runs artifact $keeping --json"),
  line("runs artifact $keeping build.log"),
  line("runs artifact $keeping chart.png --json"),
  line("runs artifact $keeping chart.png --out $folder/chart.png --json"),
  line("runs artifact $keeping twice", 2),
  line("runs artifact $keeping nothing", 2),

  line("export $echo --out $folder/echo.json --json"),
  line("export $echo --out $folder/echo.json", 2),
  line("export zzzz", 2),
  line("import $folder/echo.json", 2),
  line("import $folder/nothing.json", 2),
  line("runs delete $echo"),
  line("import $folder/echo.json --json"),
  line("runs show $echo --json"),
  line("runs delete $paused"),
  line("runs delete $paused", 2),
  line("runs delete $failed --json"),
  line("runs delete --filter workflow=Keeping --dry-run"),
  line("runs delete --filter workflow=Keeping --json"),
  line("runs prune --older-than 30d --dry-run --json"),
  line("runs prune --older-than soon", 2),
  line("runs prune --older-than 9d --status failed --workflow Echo --json"),
  line("retention ls"),
  line("retention set", 2),
  line("retention set --max-age 30d --max-count 100"),
  line("retention set --workflow Echo --status failed --max-age 365d --json"),
  line("retention ls"),
  line("retention ls --json"),
  line("retention rm --status failed", 2),
  line("retention rm --workflow Echo --status failed"),
  line("retention rm --json"),
  line("tasks add report --id t1 --payload {\"week\":12} --subject Weekly --priority 5"),
  line("tasks add report --id t1", 0),
  line("tasks add --task {\"id\":\"t2\",\"kind\":\"report\"} --json"),
  line("tasks add", 2),
  line("tasks add report --queue engine.webhooks", 2),
  line("tasks ls"),
  line("tasks ls --status queued --json"),
  line("tasks show t1"),
  line("tasks show t1 --json"),
  line("tasks show none", 2),
  line("tasks cancel t1"),
  line("tasks cancel t1 --queued-only", 2),
  line("tasks retry t1 --json"),
  line("tasks retry t1", 2),
  line("queue set reports --concurrency 2 --rate 10/60 --attempts 3"),
  line("queue set reports --delays 1", 2),
  line("queue set Reports! --none", 2),
  line("queue pause reports"),
  line("queue ls"),
  line("queue ls --json"),
  line("queue resume reports --json"),
  line("queue pause", 2),
  line("queue pause --all"),
  line("queue resume --all"),
  line("webhooks put ops --url https://hooks.example.com/f --event ticket.* --secret HOOK --header x-a=b --retry 0,10"),
  line("webhooks put ops --url ftp://hooks.example.com --event ticket.*", 2),
  line("webhooks put Ops! --url https://hooks.example.com/f --event ticket.*", 2),
  line("webhooks put ops --url https://hooks.example.com/f", 2),
  line("webhooks put ops --url https://hooks.example.com/f --event a --header host=b", 2),
  line("webhooks put ops --url https://hooks.example.com/f --event a --retry soon", 2),
  line("webhooks ls"),
  line("webhooks ls --json"),
  line("webhooks rotate ops NEXT --overlap 2 --json"),
  line("webhooks pause ops"),
  line("webhooks test none", 2),
  line("webhooks deliveries ops"),
  line("webhooks deliveries ops --status dead --event ticket.created --json"),
  line("webhooks delivery ops wh_none", 2),
  line("webhooks redeliver ops", 2),
  line("webhooks redeliver ops wh_none", 2),
  line("webhooks redeliver ops --dead --json"),
  line("webhooks resume ops --json"),
  line("webhooks rm ops"),
  line("webhooks rm ops", 2),

  line(
    "schedule-create {\"name\":\"checkin\",\"interval_seconds\":31536000,\"task\":{\"kind\":\"checkin\",\"priority\":5}}"
  ),
  line("schedule-create {\"name\":\"checkin\",\"interval_seconds\":0,\"task\":{\"kind\":\"checkin\"}}", 2),
  line(
    "schedule-create {\"name\":\"own\",\"spec\":{\"cron\":\"@yearly\"},\"target\":{\"event\":{\"name\":\"own\"}}} --json"
  ),
  line("schedule-tick"),
  line("schedules put nightly", 2),
  line("schedules put nightly --every 0s --event tick", 2),
  line("schedules put nightly --cron @reboot --event tick", 2),
  line("schedules put nightly --cron @yearly --event tick --data {\"n\":1} --note x"),
  line("schedules put nightly --cron @yearly --event tick --data {\"n\":1} --note x --json"),
  line(
    "schedules put beat --schedule {\"spec\":{\"everyMs\":86400000},\"target\":{\"task\":{\"kind\":\"beat\",\"dedupe\":\"b\"}}}"
  ),
  line("schedules put second --every 1d --task {\"kind\":\"beat\"} --producer b", 2),
  line("schedules ls"),
  line("schedules show beat"),
  line("schedules show beat --json"),
  line("schedules show none", 2),
  line("schedules pause beat"),
  line("schedules run beat"),
  line("schedules resume beat --json"),
  line("schedules backfill beat", 2),
  line("schedules backfill beat --from 2031-01-01", 2),
  line("schedules next nightly --count 2"),
  line("schedules firings beat"),
  line("schedules firings nightly --json"),
  line("schedules tick"),
  line("schedules tick --json"),
  line("schedules rm beat"),
  line("schedules rm beat", 2),

  line("token create", 2),
  line("token create finance --scope read --scope admin --json", 0, ["secret", "token"]),
  line("token create ada --scope read --scope approve --group finance --json", 0, ["token", "id"]),
  line("token ls --json"),
  line("token rm $token"),
  line("token rm $token", 2),
  line("tenants ls"),
  line("tenants limit acme --open-runs 5 --streams 2"),
  line("tenants limit acme --none --json"),
  line("tenants limit acme", 2),
  line("tenants limit Acme! --none", 2),
  line("tenants delete acme", 2),
  line("tenants delete acme --confirm acme --json"),
  line("runs ls --tenant nobody"),
  line("runs ls --tenant nobody --json"),
  line("runs show $typed --tenant nobody", 2),

  // What stands there says by which way it came, so that only what both have is compared.
  line("audit ls --who nobody"),
  line("audit ls --who nobody --json"),
  line("audit ls --run nowhere", 2),
  line("audit verify --head x", 2)
]

/** JSON says the same in whatever order its fields stand. */
const sorted = (text: string): string =>
  text.replaceAll(/\{.*\}$/gm, (one) => {
    try {
      return JSON.stringify(
        JSON.parse(one),
        (_, value: unknown) =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
            : value
      )
    } catch {
      return one
    }
  })

/** Ids, times and places, which are others each time, under names that say which they are. */
const normalised = (text: string, { folder, ids }: Known, at: string): string => {
  const names = new Map<string, string>()
  let count = 0
  const nameOf = (id: string) => {
    for (const [known, name] of names) if (known.startsWith(id) || id.startsWith(known)) return name
    const given = [...ids].find(([, known]) => known.startsWith(id) || id.startsWith(known))?.[0]
    const name = given ?? `id${count++}`
    names.set(id, name)
    return name
  }
  return sorted(text)
    .replaceAll(at, "<place>")
    .replaceAll(folder, "<folder>")
    .replaceAll(/"owner":"[^"]*"/g, "\"owner\":\"<owner>\"")
    .replaceAll(/,"usedAt":\d+/g, "")
    .replaceAll(/"activeMs":\d+/g, "\"activeMs\":<n>")
    .replaceAll(/"durationMs":\d+/g, "\"durationMs\":<n>")
    // Who works on a run is another process at a server, always.
    .replaceAll(/"(executed|epoch|entries)":\d+/g, "\"$1\":<n>")
    .replaceAll(/"([a-z]+):\w{8,}:\d+"/g, "\"$1:<n>\"")
    .replaceAll(/"token":"frm_[^"]*"/g, "\"token\":\"<token>\"")
    .replaceAll(/"position":"[^"]*"/g, "\"position\":\"<position>\"")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?Z?/g, "<time>")
    .replaceAll(/\b1[78]\d{11}\b/g, "<ms>")
    .replaceAll(/\b\d+(\.\d+)? (ms|s|min|h)\b/g, "<while>")
    .replaceAll(/\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b/g, (id) => `<${nameOf(id)}>`)
    .replaceAll(/ {2,}/g, " ")
}

/** Types the script, and gives what each line came to. */
const typed = async (project: Project, at: ReadonlyArray<string>, env: Record<string, string | undefined>) => {
  const known: Known = { folder: project.folder, ids: new Map() }
  const told: Array<readonly [line: string, code: number, stdout: string]> = []
  for (const { exit, keeps, words } of script) {
    const given = words.map((word) =>
      word.replace(
        /\$(\w+)/,
        (_, name: string) => name === "folder" ? project.folder : known.ids.get(name) ?? `no ${name}`
      )
    )
    const outcome: Outcome = await project.type([...given, ...at], {
      env: { ...env, FERMATA_TOKEN: known.ids.get("secret") }
    })
    assert.strictEqual(outcome.code, exit, `${given.join(" ")}\n${outcome.stdout}${outcome.stderr}`)
    if (keeps !== undefined) {
      const [name, field] = keeps
      const id = field === ""
        ? outcome.stdout.trim()
        : String((JSON.parse(outcome.stdout.split("\n")[0]!) as Record<string, unknown>)[field])
      known.ids.set(name, id)
    }
    told.push([words.join(" "), outcome.code, normalised(outcome.stdout, known, at.join(" "))])
  }
  return told
}

describe("command lines at a server", () => {
  it("come to what they come to on a database: every command, to the byte", { timeout: 240_000 }, async () => {
    const [here, there] = [new Project(), new Project()]
    const anonymous = { COLUMNS: "400", FERMATA_AS: "finance", FERMATA_SERVER: undefined, FERMATA_TOKEN: undefined }
    await served({ db: here.db, config, as: "finance" })
    const { url } = await served({ db: there.db, config, as: "finance" })
    const local = await typed(here, ["--db", here.db, "--config", config], anonymous)
    const remote = await typed(there, ["--server", url, "--config", config], {
      ...anonymous,
      FERMATA_AS: "somebody else"
    })
    const others = local.flatMap((told, index) =>
      isDeepStrictEqual(remote[index], told) ? [] : [{ here: told, there: remote[index] }]
    )
    assert.deepStrictEqual(others, [])
  })

  it("are of every command that does not say why it works on this machine alone", () => {
    const tried = new Set(script.map(({ words }) => words.join(" ")))
    const isTried = (path: string) => [...tried].some((text) => `${text} `.startsWith(`${path} `))
    const silent = leaves(commandFermata).filter((path) =>
      sideOf(commandFermata, path.split(" ")) === "either" && !isTried(path)
    )
    assert.deepStrictEqual(silent, [])
  })
})
