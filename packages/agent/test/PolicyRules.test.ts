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
  Text: rulesOf({ permission: "network", subject: AgentTool.subject("text", "text") }),
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

    it("no text is nested too deep to be judged", () => {
      const mild = Policy.rules({ mode: "open", deny: ["Bash(rm:*)"] })
      for (const opening of ["$(", "\"$(", "<(", "coproc ", "((", "{ ", "`", "${x:-", "if a; then "]) {
        const line = opening.repeat(Math.floor(20_000 / opening.length))
        assert.notStrictEqual(policy(bash(line)).decision, "allow", opening)
        assert.strictEqual(mild(bash(line)).decision, "ask", opening)
      }
    })

    it("paths begin in every folder that a line may have gone to, for what is allowed and for what is forbidden", () => {
      const allowing = Policy.rules({ allow: ["Bash(risk:reads)", "Bash(echo:*)", "Bash(cd:*)", "Write(src/**)"] })
      assert.strictEqual(allowing(bash("echo x > src/a")).decision, "allow")
      for (const line of ["cd evil && echo x > src/a", "cd /etc; echo x > src/a", "(cd $X; echo x > src/a)"]) {
        assert.strictEqual(allowing(bash(line)).decision, "ask", line)
      }
      const forbidding = Policy.rules({ mode: "open", deny: ["Write(config/x)", "Read(secrets/key)"] })
      for (const line of ["cd config && echo 1 > x", "cd a; cd ../config; echo 1 > x", "cd secrets && cat key"]) {
        assert.strictEqual(forbidding(bash(line)).decision, "deny", line)
      }
      assert.strictEqual(forbidding(bash("cd src && echo 1 > x")).decision, "allow")
      const far = Array.from({ length: 40 }, (_, at) => `cd d${at}`).join(" && ")
      assert.strictEqual(forbidding(bash(`${far} && cat a`)).decision, "allow")
      assert.strictEqual(allowing(bash(far)).decision, "ask", "so many folders are not followed")
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

  it("a star in the middle opens no such option, nor a rule with one of them another one, nor a star a way up", () => {
    const policy = Policy.rules({
      allow: ["Bash(sort * x)", "Bash(find . -exec grep:*)", "Bash(cat src/*)", "Bash(git diff main*)"]
    })
    for (const line of ["sort -n x", "find . -exec grep x {} ';'", "cat src/a/b", "git diff main..dev"]) {
      assert.strictEqual(policy(bash(line)).decision, "allow", line)
    }
    for (
      const line of [
        "sort --output=package.json x",
        "find . -exec grep x {} ';' -delete",
        "cat src/../../etc/passwd",
        "cat src/..",
        "cat src/a=../x"
      ]
    ) assert.strictEqual(policy(bash(line)).decision, "ask", line)
  })

  it("where some commands are not simply done, what runs whatever it is given is asked about in the mode open too", () => {
    const lines = [
      "env rm a",
      "bash -c 'rm a'",
      "ls | xargs rm",
      "find . -exec rm {} +",
      "/usr/bin/env rm a",
      "eval rm a"
    ]
    for (const rules of [{ deny: ["Bash(rm:*)"] }, { ask: ["Bash(rm:*)"] }]) {
      const policy = Policy.rules({ mode: "open", allow: ["Bash(npm test)", "Bash(time ls)"], ...rules })
      for (const line of lines) assert.strictEqual(policy(bash(line)).decision, "ask", line)
      for (const line of ["npm test", "ls; npm test", "time ls", "find . -name x", "whatever"]) {
        assert.strictEqual(policy(bash(line)).decision, "allow", line)
      }
    }
    for (const rules of [{}, { deny: ["Write(other)"] }]) {
      for (const line of lines) {
        assert.strictEqual(Policy.rules({ mode: "open", ...rules })(bash(line)).decision, "allow", line)
      }
    }
  })

  it("what is forbidden is forbidden in upper and lower case, and what is allowed is allowed as it is written", () => {
    const policy = Policy.rules({ allow: ["Write(src/**)"], deny: ["Read(**/.env)", "Write(src/.git/**)"] })
    assert.strictEqual(policy(call("Read", { path: "a/.Env" })).decision, "deny")
    assert.strictEqual(policy(call("Write", { path: "src/.GIT/config" })).decision, "deny")
    assert.strictEqual(policy(call("Write", { path: "SRC/a" })).decision, "ask")
  })

  it("no text of a call takes a rule more than the time to read it", () => {
    const rules = ["x*a*b*a*b*c", "*a*a*a*a*a*b", "src/*a*b*a*b*c", "src/**/a/**/b/**/c", "echo *a*b*a*b*c"]
    const policy = Policy.rules({
      allow: ["Bash", "Write", "WebFetch"].flatMap((tool) => rules.map((rule) => `${tool}(${rule})`))
    })
    const texts = ["x" + "ab".repeat(500_000), "a".repeat(1_000_000), "src/" + "a/b/".repeat(200_000)]
    for (const text of [...texts, ...texts.map((text) => text.slice(0, 4_000))]) {
      for (
        const each of [call("Text", { text }), call("Write", { path: text }), bash(`echo ${text.slice(0, 19_000)}`)]
      ) {
        assert.strictEqual(policy(each).decision, "ask")
      }
    }
    const about = Policy.rules({ allow: ["Text(x*a*b*a*b*c)", "Text(a*a)"] })
    const decided = (text: string) => about(call("Text", { text })).decision
    assert.strictEqual(decided(`${texts[0]!}d`), "ask")
    assert.strictEqual(decided(`x${"ab".repeat(500_000)}c`), "allow")
    assert.deepStrictEqual(["a", "aa", "aba", "xababc", "xabac"].map(decided), [
      "ask",
      "allow",
      "allow",
      "allow",
      "ask"
    ])
  })

  it("a star stands for anything, as an expression would have it", () => {
    const letter = fc.constantFrom("a", "b", "*", ".")
    fc.assert(fc.property(fc.string({ unit: letter, minLength: 1 }), fc.string({ unit: letter }), (rule, text) => {
      const meant = new RegExp(`^${rule.replaceAll(".", "\\.").replaceAll("*", "[^]*")}$`).test(text)
      assert.strictEqual(
        Policy.rules({ allow: [`Text(x${rule})`] })(call("Text", { text: `x${text}` })).decision,
        meant ? "allow" : "ask"
      )
    }))
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
