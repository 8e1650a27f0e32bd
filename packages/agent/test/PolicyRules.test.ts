import { assert, describe, it } from "@effect/vitest"
import { AgentTool, CommandRisk, Policy } from "@fermata/agent"
import type { Schema } from "effect"
import * as fc from "fast-check"
import corpus from "./policy/command-lines.json" with { type: "json" }
import risks from "./policy/command-risks.json" with { type: "json" }

const rulesOf = (given: Parameters<typeof AgentTool.rules>[0]) =>
  AgentTool.rulesOf({ annotations: AgentTool.rules(given) } as Parameters<typeof AgentTool.rulesOf>[0])

const tools: Readonly<Record<string, AgentTool.Rules>> = {
  Bash: rulesOf({ permission: "process", subject: AgentTool.subject("command", "command") }),
  Read: rulesOf({ permission: "read", subject: AgentTool.subject("path", "path") }),
  Grep: rulesOf({ permission: "read", subject: AgentTool.subject("path", "path", ".") }),
  Write: rulesOf({ permission: "write", subject: AgentTool.subject("path", "path") }),
  WebFetch: rulesOf({ permission: "network", subject: AgentTool.subject("url", "url") }),
  ApiCall: rulesOf({
    permission: "network",
    subject: {
      kind: "text",
      of: (params) => {
        const { method, path, service } = params as Record<string, string>
        return `${service} ${method} ${path}`
      }
    }
  }),
  Todo: rulesOf({ permission: "write" }),
  mcp__github__search: rulesOf({ permission: "network" })
}

const call = (tool: string, params: Schema.Json): Policy.Call => ({
  agent: "coder",
  depth: 0,
  tool,
  params,
  rules: tools[tool] ?? rulesOf({})
})

const bash = (command: string) => call("Bash", { command })

describe("rules of a policy", () => {
  describe("lines for a shell", () => {
    const policy = Policy.rules(corpus.rules)
    it(`N-10, M-208: ${corpus.lines.length} lines are judged by every command in them`, () => {
      const wrong = corpus.lines.flatMap(({ line, want }) => {
        const { decision } = policy(bash(line))
        return decision === want ? [] : [{ line, want, decision }]
      })
      assert.deepStrictEqual(wrong, [])
      assert.isAtLeast(corpus.lines.length, 60)
    })

    it("what nobody allows is asked about, also where nothing is forbidden", () => {
      const { allow, workspace } = corpus.rules
      const mild = Policy.rules({ allow, workspace })
      const lines = corpus.lines.filter(({ line, want }) => want !== "deny" && !line.startsWith("git push"))
      assert.deepStrictEqual(
        lines.flatMap(({ line, want }) => mild(bash(line)).decision === want ? [] : [line]),
        []
      )
    })

    it("what is refused in a line is refused wherever the line stands in another one", () => {
      const inside: ReadonlyArray<(line: string) => string> = [
        (line) => `echo $( ${line} )`,
        (line) => `git log && ${line}`,
        (line) => `${line} | cat`,
        (line) => `if true; then ${line}; fi`,
        (line) => `( ${line} )`,
        (line) => `echo "\${x:-$( ${line} )}"`,
        (line) => `while true; do ${line}; done`,
        (line) => `echo \`${line}\``,
        (line) => `cat <<END\n$( ${line} )\nEND`
      ]
      fc.assert(fc.property(fc.array(fc.constantFrom(...inside), { maxLength: 4 }), (wraps) => {
        const line = wraps.reduce((line, wrap) => wrap(line), "rm -rf src")
        // Backticks within backticks end each other, so that what stands in them is a word and no command.
        fc.pre(line.split("`").length <= 3)
        assert.strictEqual(policy(bash(line)).decision, "deny", line)
      }))
    })

    it("no text makes it throw, and none that is not plain is allowed", () => {
      const pieces = fc.constantFrom(
        "git log",
        " ",
        ";",
        "&&",
        "|",
        "$(",
        ")",
        "`",
        "\"",
        "'",
        "\\",
        "\n",
        "<<E",
        ">",
        "{",
        "}",
        "rm",
        "$x",
        "#",
        "\0"
      )
      fc.assert(fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const line = parts.join("")
        const { decision } = policy(bash(line))
        if (decision === "allow") assert.isFalse(/rm|\$x|\0/.test(line.replaceAll(/'[^']*'|#.*/g, "")), line)
      }))
    })

    it("says why it asks, and how dangerous the line is", () => {
      const asked = policy(bash("git push --force"))
      assert.strictEqual(asked.decision, "ask")
      if (asked.decision !== "ask") return
      assert.match(asked.prompt!, /coder.*Bash.*rule Bash\(git push:\*\).*Its risk: destroys \(git push throws away/s)
      assert.deepStrictEqual(asked.approvers, ["operator"])
    })
  })

  it("M-207: a call is made, by rule, or refused, as the mode says", () => {
    const write = call("Write", { path: "a.ts" })
    assert.strictEqual(Policy.rules({ mode: "open" })(write).decision, "allow")
    assert.strictEqual(Policy.rules({ mode: "rules" })(write).decision, "ask")
    assert.strictEqual(Policy.rules({ mode: "rules", allow: ["Write"] })(write).decision, "allow")
    assert.strictEqual(Policy.rules({ mode: "locked", allow: ["Write"] })(write).decision, "deny")
    assert.strictEqual(Policy.rules({ mode: "open", deny: ["Write(*.ts)"] })(write).decision, "deny")
  })

  it("N-24: without a rule what reads inside of the workspace is done, and all else is asked about", () => {
    const policy = Policy.rules({ workspace: "/srv/space" })
    const decisions = {
      "Read src/a.ts": policy(call("Read", { path: "src/a.ts" })),
      "Read /srv/space/a.ts": policy(call("Read", { path: "/srv/space/a.ts" })),
      "Read /etc/passwd": policy(call("Read", { path: "/etc/passwd" })),
      "Read ../b": policy(call("Read", { path: "../b" })),
      "Read /srv/spaceship/b": policy(call("Read", { path: "/srv/spaceship/b" })),
      "Read a/../../b": policy(call("Read", { path: "a/../../b" })),
      "Read ../space/b": policy(call("Read", { path: "../space/b" })),
      "Grep": policy(call("Grep", { pattern: "x" })),
      "Write": policy(call("Write", { path: "a.ts" })),
      "WebFetch": policy(call("WebFetch", { url: "https://example.com" })),
      "Bash": policy(bash("ls")),
      "unknown": policy(call("Whatever", {}))
    }
    assert.deepStrictEqual(
      Object.fromEntries(Object.entries(decisions).map(([name, { decision }]) => [name, decision])),
      {
        "Read src/a.ts": "allow",
        "Read /srv/space/a.ts": "allow",
        "Read /etc/passwd": "ask",
        "Read ../b": "ask",
        "Read /srv/spaceship/b": "ask",
        "Read a/../../b": "ask",
        "Read ../space/b": "allow",
        "Grep": "allow",
        "Write": "ask",
        "WebFetch": "ask",
        "Bash": "ask",
        "unknown": "ask"
      }
    )
  })

  it("M-208: rules decide by tool, by file, by address and by text, and what forbids wins", () => {
    const policy = Policy.rules({
      allow: [
        "Write(src/**)",
        "WebFetch(domain:*.example.com)",
        "mcp__github__*",
        "ApiCall(crm GET /people/*)",
        "Todo"
      ],
      ask: ["Write(src/secret/**)"],
      deny: ["Read(**/.env)", "Write(package.json)", "WebFetch(domain:evil.example.com)", "ApiCall(crm DELETE *)"],
      approvers: ["ada"]
    })
    const table: ReadonlyArray<readonly [Policy.Call, Policy.Decision["decision"]]> = [
      [call("Write", { path: "src/a.ts" }), "allow"],
      [call("Write", { path: "./src/./b/../a.ts" }), "allow"],
      [call("Write", { path: "src/../a.ts" }), "ask"],
      [call("Write", { path: "src/secret/a" }), "ask"],
      [call("Write", { path: "src/package.json" }), "deny"],
      [call("Write", { path: 7 }), "ask"],
      [call("Write", null), "ask"],
      [call("Read", { path: ".env" }), "deny"],
      [call("Read", { path: "/etc/x/.env" }), "deny"],
      [call("Read", { path: "../.env" }), "deny"],
      [call("Read", { path: "src/../.env" }), "deny"],
      [call("WebFetch", { url: "https://docs.example.com/a" }), "allow"],
      [call("WebFetch", { url: "https://DOCS.example.com./a" }), "allow"],
      [call("WebFetch", { url: "https://notexample.com/" }), "ask"],
      [call("WebFetch", { url: "https://example.com/" }), "ask"],
      [call("WebFetch", { url: "https://example.com.evil.org/" }), "ask"],
      [call("WebFetch", { url: "https://docs.example.com@evil.org/" }), "ask"],
      [call("WebFetch", { url: "https://evil.example.com/" }), "deny"],
      [call("WebFetch", { url: "no address" }), "ask"],
      [call("mcp__github__search", {}), "allow"],
      [call("ApiCall", { service: "crm", method: "GET", path: "/people/7" }), "allow"],
      [call("ApiCall", { service: "crm", method: "DELETE", path: "/people/7" }), "deny"],
      [call("Todo", {}), "allow"]
    ]
    for (const [each, want] of table) {
      assert.strictEqual(policy(each).decision, want, `${each.tool} ${JSON.stringify(each.params)}`)
    }
  })

  it("a rule about something of a tool that shows nothing to go by asks where it forbids, and allows nothing", () => {
    assert.strictEqual(Policy.rules({ deny: ["Todo(x)"], allow: ["Todo"] })(call("Todo", {})).decision, "ask")
    assert.strictEqual(Policy.rules({ allow: ["Todo(x)"] })(call("Todo", {})).decision, "ask")
  })

  it("a rule of a risk means the commands of that risk", () => {
    const policy = Policy.rules({ allow: ["Bash(risk:reads)"], deny: ["Bash(risk:destroys)"] })
    assert.strictEqual(policy(bash("git log | head -5")).decision, "allow")
    assert.strictEqual(policy(bash("git log; touch x")).decision, "ask")
    assert.strictEqual(policy(bash("git log; git reset --hard")).decision, "deny")
    assert.strictEqual(policy(bash("cat /etc/passwd")).decision, "ask")
  })

  it("a rule that leaves the rest of a command open does not open the options by which it does more than it is known for", () => {
    const policy = Policy.rules({ allow: ["Bash(git:*)", "Bash(find:*)", "Bash(sort:*)", "Bash(rg --pre:*)"] })
    for (const line of ["git log -p", "git commit -m x", "find . -name x", "sort a", "rg --pre x y"]) {
      assert.strictEqual(policy(bash(line)).decision, "allow", line)
    }
    for (const line of ["git log --output=x", "git -c a.b=c log", "git grep -O x", "find . -delete", "sort -o a b"]) {
      assert.strictEqual(policy(bash(line)).decision, "ask", line)
    }
  })

  it("the very line that a rule has is allowed, whatever it is", () => {
    const policy = Policy.rules({ allow: ["Bash(bash -c 'make all')"], deny: ["Bash(make:*)"] })
    assert.strictEqual(policy(bash("bash -c 'make all'")).decision, "allow")
    assert.strictEqual(policy(bash("bash -c 'make  all'")).decision, "ask")
  })

  it("says what is wrong with a rule that is none", () => {
    for (
      const [rule, problem] of [
        ["Bash(git log", /is no rule.*name of a tool/],
        ["", /is no rule/],
        ["Bash()", /is no rule|nothing between/],
        ["Read(~/x)", /whose home/],
        ["Bash(risk:none)", /a risk is one of reads, writes/],
        ["Bash git", /is no rule/]
      ] as const
    ) assert.throws(() => Policy.rules({ allow: [rule] }), problem)
  })
})

describe("the risk of a line", () => {
  it(`N-10: ${risks.lines.length} lines have the risk that they have`, () => {
    assert.deepStrictEqual(
      risks.lines.flatMap(({ line, risk }) => {
        const judged = CommandRisk.of(line)
        return judged.risk === risk ? [] : [{ line, risk, judged }]
      }),
      []
    )
  })

  it("a line that only reads has no reason against it, and every other has one", () => {
    for (const { line } of risks.lines) {
      const { reasons, risk } = CommandRisk.of(line)
      assert.strictEqual(reasons.length === 0, risk === "reads", line)
    }
  })
})
