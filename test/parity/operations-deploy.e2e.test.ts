import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { bin } from "../e2e/support/Bin.ts"
import { root } from "./Workflows.ts"

const folder = mkdtempSync(join(tmpdir(), "fermata-deploy-"))
const home = join(folder, "home")
const agent = join(home, "agents", "lumen")
const tools = join(folder, "tools")
const log = join(folder, "log")

/** Nothing of the machine's own but its programs. */
const env = {
  PATH: [tools, dirname(process.execPath), process.env["PATH"]].join(delimiter),
  HOME: home,
  XDG_RUNTIME_DIR: join(folder, "runtime"),
  GIT_CONFIG_GLOBAL: join(folder, "gitconfig"),
  NO_COLOR: "1"
}

const run = (
  cwd: string,
  command: string,
  args: ReadonlyArray<string>,
  more: Readonly<Record<string, string>> = {}
) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    env: { ...env, ...more },
    encoding: "utf8",
    input: "",
    timeout: 120_000
  })
  if (error !== undefined) throw error
  return { code: status, stdout, stderr }
}

const must = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { code, stderr, stdout } = run(cwd, command, args)
  assert.strictEqual(code, 0, `${command} ${args.join(" ")}\n${stdout}${stderr}`)
  return stdout
}

const fermata = (cwd: string, ...args: ReadonlyArray<string>) => run(cwd, process.execPath, [bin, ...args])

/** A program that stands before the machine's own: it is told of, fails where `FAIL` says so, and does what `does` says. */
const tool = (name: string, does: string) => {
  const file = join(tools, name)
  writeFileSync(
    file,
    `#!/usr/bin/env bash
echo "${name} $*" >> ${log}
if [ -n "\${FAIL:-}" ] && [[ "${name} $*" == $FAIL ]]; then echo "${name} was made to fail" >&2; exit 1; fi
${does}
`
  )
  chmodSync(file, 0o755)
}

/** What was done since it was asked last, without how it is done. */
const told = (): ReadonlyArray<string> => {
  if (!existsSync(log)) return []
  const lines = readFileSync(log, "utf8").split("\n").filter((line) => line !== "")
  rmSync(log)
  return lines
}

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  must(cwd, "/usr/bin/env", "git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...args).trim()

/** A commit that is pushed and not yet on the machine of the agent. */
const pushed = (work: string, text: string): string => {
  writeFileSync(join(work, "NEWS.md"), text)
  git(work, "add", "-A")
  git(work, "commit", "-qm", text)
  git(work, "push", "-q", "origin", "HEAD:main")
  return git(work, "rev-parse", "HEAD")
}

const update = (more: Readonly<Record<string, string>> = {}, ...args: ReadonlyArray<string>) =>
  run(home, join(agent, "deploy/update.sh"), ["--agent", "lumen", ...args], more)

const work = join(folder, "work")

beforeAll(() => {
  for (const made of [home, tools, env.XDG_RUNTIME_DIR, join(home, "agents"), join(home, ".config/fermata")]) {
    mkdirSync(made, { recursive: true })
  }
  writeFileSync(env.GIT_CONFIG_GLOBAL, "[init]\n\tdefaultBranch = main\n")
  tool("systemctl", "exit 0")
  tool("npm", `if [ "$1" = ci ]; then ln -sfn ${join(root, "node_modules")} node_modules; fi`)
  tool("npx", `shift 2; exec ${process.execPath} ${bin} "$@"`)
  tool("ssh", "exec bash -c \"${@: -1}\"")
  tool("curl", "exit 0")
  assert.strictEqual(fermata(folder, "init", "lumen").code, 0)
  cpSync(join(folder, "lumen"), work, { recursive: true })
  git(work, "init", "-q")
  git(work, "add", "-A")
  git(work, "commit", "-qm", "An agent")
  git(folder, "init", "-q", "--bare", "origin.git")
  git(work, "remote", "add", "origin", join(folder, "origin.git"))
  git(work, "push", "-q", "origin", "HEAD:main")
  git(home, "clone", "-q", join(folder, "origin.git"), agent)
  symlinkSync(join(root, "node_modules"), join(agent, "node_modules"))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("an agent on a machine", () => {
  it("R-92, R-97: a new agent is made of the template, finds nothing wrong, and works; a configuration that is not there is named", () => {
    const { code, stderr, stdout } = fermata(agent, "doctor")
    assert.strictEqual(code, 0, stdout + stderr)
    assert.match(stdout, /ok +configuration: fermata\.config\.ts/)
    const beat = fermata(agent, "run", "contracts/heartbeat.json", "--json")
    assert.strictEqual(beat.code, 0, beat.stderr)
    assert.deepInclude(JSON.parse(beat.stdout), { status: "completed", output: { alive: true } })
    assert.strictEqual(
      must(agent, process.execPath, bin, "contracts", "check", "contracts/heartbeat.json").trim(),
      "contracts/heartbeat.json: ok"
    )

    const lost = fermata(agent, "doctor", "--config", "config/runtime.json")
    assert.strictEqual(lost.code, 2)
    assert.include(lost.stderr, "--config: there is no file config/runtime.json")
    const again = fermata(agent, "init", ".")
    assert.strictEqual(again.code, 2)
    assert.include(again.stderr, "there is a file .gitignore already")
    assert.strictEqual(fermata(folder, "init", "not a name").code, 2)
    assert.isFalse(existsSync(join(folder, "not a name")))
  })

  it("R-05: an agent that has run has made files under its own folder for them alone", () => {
    assert.deepStrictEqual(
      git(agent, "status", "--porcelain", "--ignored").split("\n").sort(),
      ["!! .fermata/", "?? node_modules"]
    )
  })

  it("R-43, R-60: status brings an older database up to date, once, and says what there is to do", () => {
    const db = join(folder, "older.db")
    writeFileSync(
      db,
      spawnSync("gzip", ["-dc", join(root, "packages/host-node/test/databases/12.db.gz")], { maxBuffer: 1 << 26 })
        .stdout
    )
    const version = () => {
      const open = new DatabaseSync(db, { readOnly: true })
      const { user_version } = open.prepare("PRAGMA user_version").get()!
      open.close()
      return Number(user_version)
    }
    assert.strictEqual(version(), 12)
    const first = fermata(folder, "status", "--db", db, "--json")
    assert.strictEqual(first.code, 0, first.stderr)
    assert.isAbove(version(), 12)
    const { lastEvent, runs, suspended } = JSON.parse(first.stdout)
    assert.isAbove(runs.suspended, 0)
    assert.isAbove(suspended.timer, 0)
    assert.isNull(lastEvent)
    const now = version()
    assert.strictEqual(fermata(folder, "emit", "person.arrived", "--data", "{}", "--db", db).code, 0)
    const second = fermata(folder, "status", "--db", db)
    assert.strictEqual(version(), now)
    assert.match(
      second.stdout,
      /^runs {8}.*\d+ suspended.*\nsuspended {3}.*\d+ timer.*\nworkers {5}none\nlast event {2}/
    )
  })

  it("R-98, R-99, R-100: the units are in order; the server's serves, and the one of the timer does a round of work", async () => {
    const deploy = join(agent, "deploy")
    const units = readdirSync(deploy).filter((name) => /\.(service|timer)$/.test(name))
    assert.sameMembers(units, ["fermata-server@.service", "fermata-run-once@.service", "fermata-dispatch@.timer"])
    const verified = run(deploy, "systemd-analyze", ["verify", "--user", ...units.map((name) => join(deploy, name))])
    assert.deepStrictEqual(verified, { code: 0, stdout: "", stderr: "" })
    assert.include(readFileSync(join(deploy, "fermata-dispatch@.timer"), "utf8"), "Unit=fermata-run-once@%i.service")

    /** The command of a unit, as systemd starts it. */
    const commandOf = (unit: string) => {
      const text = readFileSync(join(deploy, unit), "utf8")
      const variables = Object.fromEntries(
        [...text.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!])
      )
      return { line: /^ExecStart=(.*)$/m.exec(text)![1]!, variables }
    }
    const once = commandOf("fermata-run-once@.service")
    assert.strictEqual(fermata(agent, "run", "contracts/heartbeat.json", "--detach", "--key", "timer").code, 0)
    const round = run(agent, "bash", ["-c", once.line], once.variables)
    assert.strictEqual(round.code, 0, round.stderr)
    const runs = must(agent, process.execPath, bin, "runs", "ls", "--status", "queued", "--json")
    assert.strictEqual(runs, "")

    const { line, variables } = commandOf("fermata-server@.service")
    const server = spawn("bash", ["-c", `exec ${line}`], {
      cwd: agent,
      env: { ...env, ...variables, FERMATA_PORT: "0" },
      stdio: ["ignore", "ignore", "pipe"]
    })
    try {
      const at = await new Promise<string>((resolve, reject) => {
        let said = ""
        server.stderr.on("data", (data: Buffer) => {
          said += String(data)
          const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]
          if (url !== undefined) resolve(url)
        })
        server.once("exit", () => reject(new Error(said)))
      })
      const health = await fetch(`${at}/api/health`)
      assert.deepInclude(await health.json(), { status: "healthy" })
    } finally {
      server.kill("SIGTERM")
    }
    told()
  })

  it("R-47, R-101, R-102: an update goes through its steps in order, here and on another machine, and keeps a copy of before", () => {
    const steps = (lines: ReadonlyArray<string>) =>
      lines.filter((line) => !line.startsWith("npx --no-install fermata backup"))
    const expected = [
      "systemctl --user stop fermata-dispatch@lumen.timer fermata-run-once@lumen.service",
      "npm ci --no-audit --no-fund",
      "npm run --silent --if-present typecheck",
      "npm run --silent --if-present test",
      "npx --no-install fermata doctor --setup",
      "npx --no-install fermata status",
      "systemctl --user restart fermata-server@lumen",
      "systemctl --user start fermata-dispatch@lumen.timer"
    ]
    const first = pushed(work, "first")
    const here = update()
    assert.strictEqual(here.code, 0, here.stdout + here.stderr)
    assert.deepStrictEqual(steps(told()), expected)
    assert.strictEqual(git(agent, "rev-parse", "HEAD"), first)

    const second = pushed(work, "second")
    const there = update({}, "--host", "ada@lumen.lan", "--folder", agent, "--port", "4314")
    assert.strictEqual(there.code, 0, there.stdout + there.stderr)
    const lines = told()
    assert.isAbove(lines.filter((line) => line.startsWith("ssh -o BatchMode=yes ada@lumen.lan ")).length, 8)
    assert.deepStrictEqual(
      steps(lines.filter((line) => !line.startsWith("ssh"))),
      [...expected, "curl --silent --fail --max-time 2 http://127.0.0.1:4314/api/health"]
    )
    assert.strictEqual(git(agent, "rev-parse", "HEAD"), second)

    const backups = readdirSync(join(agent, "backups"))
    assert.isAtLeast(backups.length, 1)
    assert.match(backups[0]!, /^\d{8}T\d{6}Z-\d+\.db$/)
    const copy = new DatabaseSync(join(agent, "backups", backups[0]!), { readOnly: true })
    assert.deepEqual(copy.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }])
    assert.deepEqual(copy.prepare("SELECT count(*) AS n FROM runs").get(), { n: 2 })
    copy.close()
  })

  it("R-102: where a step fails, none behind it is done; the version of before goes on, or both ways out are said", () => {
    const before = git(agent, "rev-parse", "HEAD")
    const next = pushed(work, "third")
    const backFrom: ReadonlyArray<readonly [fails: string, step: string]> = [
      ["npx * backup *", "back up the database"],
      ["npm run * typecheck", "check types"],
      ["npm run * test", "test"],
      ["npx * doctor *", "examine the installation"]
    ]
    for (const [fails, step] of backFrom) {
      const { code, stderr } = update({ FAIL: fails })
      assert.strictEqual(code, 1, step)
      assert.include(stderr, `update: "${step}" failed; done before it: stop the rounds of work`)
      assert.include(stderr, "The version of before goes on.")
      assert.strictEqual(git(agent, "rev-parse", "HEAD"), before, step)
      const lines = told()
      assert.deepStrictEqual(lines.slice(-2), [
        "npm ci --no-audit --no-fund",
        "systemctl --user start fermata-dispatch@lumen.timer"
      ])
      assert.notInclude(lines.join("\n"), "fermata status", step)
      assert.notInclude(lines.join("\n"), "restart", step)
    }
    // What is new cannot be had, or is not simply newer.
    const away = join(folder, "away.git")
    cpSync(join(folder, "origin.git"), away, { recursive: true })
    rmSync(join(folder, "origin.git"), { recursive: true })
    const lost = update()
    assert.strictEqual(lost.code, 1)
    assert.include(
      lost.stderr,
      "update: \"take what is new\" failed; done before it: stop the rounds of work, back up the database"
    )
    assert.strictEqual(git(agent, "rev-parse", "HEAD"), before)
    cpSync(away, join(folder, "origin.git"), { recursive: true })
    told()

    const first = update({ FAIL: "systemctl --user stop *" })
    assert.strictEqual(first.code, 1)
    assert.include(first.stderr, "update: \"stop the rounds of work\" failed; done before it: nothing")
    assert.deepStrictEqual(told(), [
      "systemctl --user stop fermata-dispatch@lumen.timer fermata-run-once@lumen.service"
    ])

    for (
      const [fails, step, ...rest] of [
        ["npx * status", "bring the database up to date"],
        ["systemctl --user restart *", "start again"],
        ["curl *", "ask the server", "--port", "4314"]
      ] as const
    ) {
      // The server is asked again and again, for as long as it may take to start.
      if (step === "ask the server") tool("sleep", "exit 0")
      const { code, stderr } = update({ FAIL: fails }, ...rest)
      rmSync(join(tools, "sleep"), { force: true })
      assert.strictEqual(code, 1, step)
      assert.include(stderr, `update: "${step}" failed`)
      assert.include(stderr, "the old one does not open")
      assert.include(stderr, `git reset --hard ${git(agent, "rev-parse", "HEAD") === next ? "" : before}`)
      assert.match(
        stderr,
        /put backups\/\d{8}T\d{6}Z-\d+\.db in the place of the database, then: npx fermata doctor --restored/
      )
      assert.strictEqual(git(agent, "rev-parse", "HEAD"), next, step)
    }
    told()
    for (
      const args of [[], ["--agent"], ["--agent", "a b"], ["--agent", "lumen", "--prot", "1"], [
        "--agent",
        "lumen",
        "--port",
        "x"
      ]]
    ) {
      const { code, stderr } = run(home, join(agent, "deploy/update.sh"), args)
      assert.strictEqual(code, 2, args.join(" "))
      assert.match(stderr, /^update: /)
    }
    assert.deepStrictEqual(told(), [])
  })

  it("R-94, N-33: what is true of the machine alone stands outside of what is deployed, and is there after two deployments", () => {
    const own = join(home, ".config/fermata/lumen.config.ts")
    writeFileSync(
      own,
      `export default { extends: ${
        JSON.stringify(join(agent, "fermata.config.ts"))
      }, tasks: { heartbeat: () => { throw new Error("of this machine") } } }\n`
    )
    const text = readFileSync(own, "utf8")
    const deploy = (news: string) => {
      pushed(work, news)
      assert.strictEqual(update({ FAIL: "" }).code, 0)
      // As `rsync --delete` leaves it: only what is in the commit, and the database.
      git(agent, "clean", "-qfd")
      if (!existsSync(join(agent, "node_modules"))) symlinkSync(join(root, "node_modules"), join(agent, "node_modules"))
    }
    deploy("fourth")
    deploy("fifth")
    assert.strictEqual(readFileSync(own, "utf8"), text)
    const beat = fermata(agent, "run", "contracts/heartbeat.json", "--config", own, "--json")
    assert.strictEqual(beat.code, 1, beat.stderr)
    assert.include(beat.stdout, "of this machine")
  })

  it("R-95: the example of a machine's own configuration extends that of the folder, and nothing that is shipped has a secret", () => {
    const example = readFileSync(join(agent, "deploy/host.example.config.ts"), "utf8")
    const file = join(folder, "host.config.ts")
    writeFileSync(file, example.replace("/home/me/agents/lumen", agent))
    const { code, stdout } = fermata(folder, "doctor", "--setup", "--config", file)
    assert.strictEqual(code, 0, stdout)
    for (const name of git(agent, "ls-files").split("\n")) {
      assert.notMatch(
        readFileSync(join(agent, name), "utf8"),
        /sk-[A-Za-z0-9]{8}|frm_[0-9a-f]{12}|whsec_|-----BEGIN|(?:token|password|secret|api_?key)\s*[:=]\s*["'][^"']/i,
        name
      )
    }
  })
})
