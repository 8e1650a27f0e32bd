/**
 * An agent with the tools of two MCP servers: one has a handbook, which it reads, and the other remembers what
 * was found in there, for every run that comes later. What it is to remember is looked at by a person.
 */
import * as Agent from "@fermata/agent/Agent"
import * as Policy from "@fermata/agent/Policy"
import { Schema } from "effect"

export const Researcher = Agent.make("researcher", {
  description: "Answers a question about a service from the handbook, and remembers what it has found",
  instructions: "You answer questions about services. Look first at what is remembered. What is not, look up in the " +
    "handbook, and remember it as an entity, with an observation for each fact and one that says from which file it " +
    "is. Say where your answer is from.",
  input: Schema.Struct({ service: Schema.String }),
  output: Schema.Struct({
    owner: Schema.String,
    onCall: Schema.String,
    /** The file of the handbook that says so. */
    source: Schema.String,
    /** Whether an earlier run had found it. */
    remembered: Schema.Boolean
  }),
  mcp: ["handbook", "memory"],
  // Both servers are trusted, so that what they say only reads is done; of the rest nothing is but to remember, if the librarian agrees.
  policy: Policy.rules({
    deny: [
      "mcp__handbook__write_file",
      "mcp__handbook__edit_file",
      "mcp__handbook__move_file",
      "mcp__memory__delete_*"
    ],
    approvers: ["librarian"]
  })
})
