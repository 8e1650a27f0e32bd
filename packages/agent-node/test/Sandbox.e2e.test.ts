/** Commands in bubblewrap, seen from outside: what they reach, what they take, and what is left of them. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeSandbox from "@fermata/agent-node/NodeSandbox"
import * as Workspace from "@fermata/agent-node/Workspace"
import { type Executed, Sandbox } from "@fermata/agent/Sandbox"
import { Effect, Fiber, Logger, Result } from "effect"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A workspace with a folder around it, both gone with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const outside = mkdtempSync(join(tmpdir(), "fermata-sandbox-"))
    const root = join(outside, "space")
    for (const name of [".git/hooks", "keys/inner", ".ssh"]) mkdirSync(join(root, name), { recursive: true })
    const files = ["a.txt", ".env", "keys/inner/server.pem", ".ssh/config", ".git/config", "fermata.config.ts"]
    for (const name of files) writeFileSync(join(root, name), `content of ${name}\n`)
    writeFileSync(join(outside, "canary"), "the canary\n")
    symlinkSync("../canary", join(root, "way-out"))
    symlinkSync("a.txt", join(root, "link"))
    return { outside, root }
  }),
  ({ outside }) => Effect.sync(() => rmSync(outside, { recursive: true, force: true }))
)

const sandbox = (
  root: string,
  options: NodeSandbox.Options = {},
  space: Partial<Workspace.Options> = {}
) => NodeSandbox.make(options).pipe(Effect.provide(Workspace.layer({ root, ...space })))

const bash = (box: Sandbox["Service"], line: string, options = {}) => box.exec(box.shell, ["-c", line], options)

const clean = ({ exitCode, stderr, stdout }: Executed) => ({ exitCode, stderr, stdout })

/** How many processes of the machine have this word in their arguments. */
const marked = (mark: string): number =>
  readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(mark)
    } catch {
      return false
    }
  }).length

/** Waits until it holds; a test that waits in vain runs out of time. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => holds() ? Effect.void : Effect.andThen(Effect.sleep(5), until(holds)))

describe("what a command in the sandbox is", () => {
  it.live("M-106: its output, its errors and its exit code are told", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      assert.isTrue(box.isolated)
      assert.strictEqual(box.shell, "/bin/bash")
      assert.deepStrictEqual(clean(yield* box.exec("echo", ["hi"])), { stdout: "hi\n", stderr: "", exitCode: 0 })
      assert.deepStrictEqual(clean(yield* bash(box, "echo out; echo no >&2; exit 3")), {
        stdout: "out\n",
        stderr: "no\n",
        exitCode: 3
      })
      assert.strictEqual((yield* bash(box, "kill -TERM $$")).exitCode, 143)
      assert.strictEqual((yield* box.exec("no-such-program")).exitCode, 127)
      assert.strictEqual((yield* box.exec("cat", [], { stdin: "given" })).stdout, "given")
      assert.strictEqual((yield* box.exec("cat")).stdout, "", "it has nothing to read by default")
      assert.strictEqual((yield* box.exec("pwd", [], { cwd: "keys" })).stdout, `${join(root, "keys")}\n`)
      assert.strictEqual((yield* bash(box, "true", { stdin: "x".repeat(10_000_000) })).exitCode, 0)
      const refused = yield* Effect.result(box.exec("pwd", [], { cwd: ".." }))
      assert.isTrue(Result.isFailure(refused) && refused.failure.problem === "lies outside of the workspace")
    }).pipe(Effect.scoped))

  it.live("P-60: it reads and writes the files of the workspace, as the sandbox itself does", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      yield* box.writeFile("made.txt", "made")
      assert.strictEqual((yield* box.exec("cat", ["made.txt"])).stdout, "made")
      yield* bash(box, "echo by the command > other.txt; mkdir -p deep && mv made.txt deep/")
      assert.strictEqual(yield* box.readFile("other.txt"), "by the command\n")
      assert.strictEqual(readFileSync(join(root, "deep/made.txt"), "utf8"), "made")
      const refused = yield* Effect.result(box.readFile(".env"))
      assert.isTrue(Result.isFailure(refused) && refused.failure.problem === "is hidden from agents")
    }).pipe(Effect.scoped))

  it.live("what it leaves running ends with it", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const ended = yield* bash(box, "setsid sleep 86399 & sleep 86399 & echo done")
      assert.strictEqual(ended.stdout, "done\n")
      assert.strictEqual(marked("86399"), 0)
    }).pipe(Effect.scoped))
})

describe("what a command in the sandbox does not reach", () => {
  it.live("no file outside, by any way", () =>
    Effect.gen(function*() {
      const { outside, root } = yield* folder
      const box = yield* sandbox(root)
      for (const way of [join(outside, "canary"), "../canary", "way-out", "/proc/1/root/" + outside + "/canary"]) {
        const { exitCode, stdout } = yield* box.exec("cat", [way])
        assert.deepStrictEqual([exitCode, stdout], [1, ""], way)
      }
      assert.strictEqual((yield* box.exec("ls", [outside])).stdout, "space\n")
      const made = yield* bash(
        box,
        "for f in /x /usr/x /etc/x /dev/x; do (echo x > $f) 2>/dev/null && echo $f; done; true"
      )
      assert.strictEqual(made.stdout, "")
      // The folder around the workspace lies in a /tmp that is the command's own.
      yield* bash(box, `echo x > ${outside}/x`)
      assert.isFalse(existsSync(join(outside, "x")))
      const rest = yield* bash(box, "ls -A /home /home/agent; ls -A /root; ls /proc | grep -c '^[0-9]'")
      assert.deepStrictEqual(rest.stdout.split("\n").slice(0, -2), ["/home:", "agent", "", "/home/agent:"])
      assert.isBelow(Number(rest.stdout.trim().split("\n").at(-1)), 8, "and no process of others")
      const keys = yield* bash(box, "find /etc -name private; test -d /etc/ssl/certs && echo certificates")
      assert.strictEqual(
        keys.stdout,
        existsSync("/etc/ssl/certs") ? "certificates\n" : "",
        "beside certificates no keys"
      )
    }).pipe(Effect.scoped))

  it.live("no hidden file, and none under another name", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const lines = [
        "cat .env",
        "cat keys/inner/server.pem",
        "cat .ssh/config",
        "mv keys moved; mv keys/inner moved; cat moved/inner/server.pem moved/server.pem",
        "cp .env copy; cat copy",
        "ln .env hard; cat hard",
        "mv .env away; cat away",
        "rm -rf .env; cat .env",
        "cat < .env",
        "umount .env; cat .env",
        "unshare -Urm cat .env",
        "grep -r content ."
      ]
      for (const line of lines) {
        const { stderr, stdout } = yield* bash(box, line)
        assert.notMatch(stdout + stderr, /content of (\.env|keys|\.ssh)/, line)
      }
      assert.strictEqual(readFileSync(join(root, ".env"), "utf8"), "content of .env\n")
      assert.strictEqual(
        readFileSync(join(root, "keys/inner/server.pem"), "utf8"),
        "content of keys/inner/server.pem\n"
      )
    }).pipe(Effect.scoped))

  it.live("protected files are read and not written, and nothing is in a workspace that is only read", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const before = ["a.txt", ".git/config", "fermata.config.ts"].map((name) => readFileSync(join(root, name), "utf8"))
      const box = yield* sandbox(root)
      assert.strictEqual((yield* box.exec("cat", [".git/config"])).stdout, "content of .git/config\n")
      const written = yield* bash(
        box,
        "for f in .git/config .git/hooks/pre-commit fermata.config.ts; do (echo x > $f) 2>/dev/null && echo $f; done; mv .git g; rm -f fermata.config.ts; true"
      )
      assert.strictEqual(written.stdout, "")
      const reading = yield* sandbox(root, {}, { readOnly: true })
      assert.include(reading.told, "only read")
      const tried = yield* bash(reading, "echo x > a.txt; touch b.txt; rm a.txt; echo x > /tmp/mine && cat /tmp/mine")
      assert.strictEqual(tried.stdout, "x\n", "its own folder is written")
      assert.include(tried.stderr, "Read-only file system")
      assert.deepStrictEqual(
        ["a.txt", ".git/config", "fermata.config.ts"].map((name) => readFileSync(join(root, name), "utf8")),
        before
      )
      assert.isFalse(existsSync(join(root, "b.txt")))
    }).pipe(Effect.scoped))

  it.live("no network, unless it is granted", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      let reached = 0
      const server = yield* Effect.acquireRelease(
        Effect.promise(() =>
          new Promise<ReturnType<typeof createServer>>((resolve) => {
            const server = createServer((socket) => {
              reached++
              socket.end()
            }).listen(0, "127.0.0.1", () => resolve(server))
          })
        ),
        (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
      )
      const { port } = server.address() as { readonly port: number }
      const line = `exec 3<>/dev/tcp/127.0.0.1/${port} && echo reached`
      const without = yield* bash(yield* sandbox(root), line)
      assert.include(without.stderr, "Connection refused")
      assert.strictEqual(reached, 0)
      const granted = yield* sandbox(root, { network: true })
      assert.strictEqual((yield* bash(granted, line)).stdout, "reached\n")
      assert.strictEqual(reached, 1)
      assert.include(granted.told, "the network is there")
    }).pipe(Effect.scoped))

  it.live("no variable of the process, unless it is granted by name", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(process.env, { CANARY_KEY: "canary-in-env", GRANTED: "granted" })),
        () =>
          Effect.sync(() => {
            delete process.env["CANARY_KEY"]
            delete process.env["GRANTED"]
          })
      )
      const box = yield* sandbox(root, { env: ["GRANTED"] })
      const { stdout } = yield* bash(box, "env; cat /proc/*/environ | tr '\\0' '\\n'", { env: { OWN: "own" } })
      assert.notInclude(stdout, "canary-in-env")
      const names = new Set(namesIn(stdout))
      assert.sameMembers([...names], ["PATH", "LANG", "HOME", "GRANTED", "OWN", "PWD", "SHLVL", "_"])
    }).pipe(Effect.scoped))

  it.live("no rights of its own: none to mount, to trace others, or to become somebody", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const { stdout } = yield* bash(
        yield* sandbox(root),
        "grep -E 'Cap(Eff|Bnd|Prm)|NoNewPrivs' /proc/self/status; id -u"
      )
      assert.deepStrictEqual(stdout.trim().split("\n").map((line) => line.split("\t").at(-1)), [
        "0000000000000000",
        "0000000000000000",
        "0000000000000000",
        "1",
        "1000"
      ])
    }).pipe(Effect.scoped))
})

describe("what a command in the sandbox takes", () => {
  it.live("a fork bomb is ended", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root, { limits: { processes: 40 } })
      const ended = yield* bash(box, "bomb() { sleep 86398 & bomb; }; bomb")
      assert.match(ended.exceeded ?? "", /^it had \d+ processes, and 40 is the most$/)
      assert.strictEqual(marked("86398"), 0)
    }).pipe(Effect.scoped))

  it.live("memory, files and computing are bounded", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root, {
        limits: { memory: 128 * 1024 ** 2, fileSize: 1_000_000, cpuSeconds: 1, scratch: 1_000_000 }
      })
      const one = yield* bash(box, "set -o pipefail; head -c 400000000 /dev/zero | tail | wc -c")
      assert.notInclude(one.stdout, "400000000")
      assert.isTrue(one.exceeded !== undefined || one.exitCode !== 0, "one process cannot have it")
      const many = yield* bash(
        box,
        "for i in 1 2 3 4; do ({ head -c 50000000 /dev/zero; sleep 86397; } | tail) & done; wait"
      )
      assert.match(many.exceeded ?? "", /bytes of memory, and 134217728 is the most$/, "nor can several together")
      assert.strictEqual(marked("86397"), 0)
      const file = yield* bash(box, "head -c 5000000 /dev/zero > large; wc -c < large")
      assert.isAtMost(Number(file.stdout), 1_000_000)
      const scratch = yield* bash(
        box,
        "head -c 900000 /dev/zero > /tmp/a; head -c 900000 /dev/zero > /tmp/b; du -bc /tmp/a /tmp/b | tail -1"
      )
      assert.isAtMost(Number.parseInt(scratch.stdout), 1_100_000)
      assert.include(scratch.stderr, "No space left on device")
      assert.isTrue((yield* bash(box, "while :; do :; done")).exitCode >= 128, "nor does it compute for ever")
    }).pipe(Effect.scoped))

  it.live("its time is over, also for what ignores that, and what it has written until then is told", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const ended = yield* bash(box, "trap '' TERM HUP INT; echo begun; while :; do sleep 86396; done", {
        timeout: 500
      })
      assert.deepInclude(ended, { timedOut: true, stdout: "begun\n", exitCode: 137 })
      assert.strictEqual(marked("86396"), 0)
      const bounded = yield* sandbox(root, { limits: { timeoutMs: 200 } })
      assert.isTrue((yield* bash(bounded, "sleep 86396", { timeout: "1 hour" })).timedOut, "nobody asks for more")
    }).pipe(Effect.scoped))

  it.live("when it is interrupted, it is gone with all its children, whatever they ignore", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const line =
        "trap '' TERM; (trap '' TERM; setsid sleep 86395 & setsid bash -c 'trap \"\" TERM; sleep 86395' & wait) & wait"
      const fiber = yield* Effect.forkChild(bash(box, line))
      yield* until(() => marked("86395") >= 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(marked("86395"), 0)
    }).pipe(Effect.scoped))

  it.live("10 MB of output are told as head and tail, and given whole; more is not held", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const ended = yield* bash(box, "echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last", {
        maxOutput: 1_000
      })
      assert.isBelow(ended.stdout.length, 1_100)
      assert.isTrue(ended.stdout.startsWith("first\nxx") && ended.stdout.endsWith("xx\nlast\n"))
      assert.deepInclude(ended.written.stdout, { bytes: 10_000_012, cut: 9_999_012, isText: true })
      assert.strictEqual(ended.written.stdout.whole?.length, 10_000_012)
      const more = yield* bash(
        box,
        "echo first; head -c 40000000 /dev/zero | tr '\\0' x; echo; echo last >&2; echo last"
      )
      assert.isBelow(more.stdout.length, 30_100)
      assert.isTrue(more.stdout.startsWith("first\nxx") && more.stdout.endsWith("xx\nlast\n"))
      assert.notProperty(more.written.stdout, "whole")
      assert.strictEqual(more.stderr, "last\n")
    }).pipe(Effect.scoped))

  it.live("output that is no text is given as bytes, and no character is cut in two", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const box = yield* sandbox(root)
      const binary = yield* bash(box, "printf 'a\\0b\\377'")
      assert.deepStrictEqual(binary.written.stdout, {
        bytes: 4,
        cut: 0,
        isText: false,
        whole: new Uint8Array([97, 0, 98, 255])
      })
      const umlauts = yield* bash(box, "for i in $(seq 2000); do printf 'ä€😀'; done", { maxOutput: 1_001 })
      assert.notInclude(umlauts.stdout, "\u{FFFD}")
      assert.isTrue(umlauts.written.stdout.isText)
    }).pipe(Effect.scoped))
})

/** The names of variables, without those that keep Git from starting what a repository names. */
const namesIn = (variables: string): ReadonlyArray<string> =>
  variables.trim().split("\n").map((line) => line.split("=")[0]!).filter((name) => !name.startsWith("GIT_"))

describe("a machine without bubblewrap", () => {
  /** Such a machine has nothing in its `PATH`. */
  const bare = Effect.acquireRelease(
    Effect.sync(() => {
      const path = process.env["PATH"]
      process.env["PATH"] = "/nowhere"
      return path
    }),
    (path) => Effect.sync(() => process.env["PATH"] = path)
  )

  it.live("P-61: commands are refused, and how to get it is told", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      yield* bare
      const refused = yield* Effect.result(sandbox(root))
      assert.include(Result.isFailure(refused) ? refused.failure.message : "", "apt-get install bubblewrap")
    }).pipe(Effect.scoped))

  it.live("commands run all the same where that is allowed, which is logged and told", () =>
    Effect.gen(function*() {
      const { outside, root } = yield* folder
      yield* bare
      const logged: Array<string> = []
      const box = yield* sandbox(root, { without: "allow" }).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))]))
      )
      assert.isFalse(box.isolated)
      assert.include(box.told, "WITHOUT a sandbox")
      assert.deepStrictEqual(logged, [box.told])
      assert.strictEqual((yield* box.exec("/bin/cat", [join(outside, "canary")])).stdout, "the canary\n")
      const names = namesIn((yield* box.exec("/usr/bin/env")).stdout)
      assert.sameMembers([...names], ["PATH", "LANG", "HOME"])
      const line = "trap '' TERM; /bin/sleep 86394 & /usr/bin/setsid /bin/sleep 86394 & wait"
      const fiber = yield* Effect.forkChild(bash(box, line))
      yield* until(() => marked("86394") === 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(marked("86394"), 0)
      yield* bash(box, "/bin/sleep 86393 & echo done")
      yield* until(() => marked("86393") === 0)
      const missing = yield* Effect.result(box.exec("/no/program"))
      assert.isTrue(Result.isFailure(missing))
    }).pipe(Effect.scoped))
})
