/**
 * What an agent does that says nothing else, in one place. Where other engines
 * are open by default and this one is closed, a named profile gives their
 * behaviour: see `Policy.open`.
 */

/** Defaults of agents. Times are in ms, sizes in tokens unless they say otherwise. */
export const defaults = {
  /** The model, when an agent names none. */
  model: "claude-opus-5-5",
  /** Longest answer, before a first one that was cut. */
  maxTokens: 8_192,
  /** Longest answer after one that was cut, as far as the model can. */
  raisedMaxTokens: 65_536,
  /** How often a model is asked to go on after an answer that was cut once more. */
  continuations: 3,
  /** Further attempts after one that failed. */
  maxRetries: 2,
  /** Further attempts while a model says that it is overloaded. */
  maxOverloads: 4,
  /** The first wait before a further attempt; each is twice as long. */
  retryBaseMs: 500,
  /** The longest of them. */
  retryMaxMs: 30_000,
  /** Model calls of one run. */
  maxTurns: 50,
  /** Agents below an agent. */
  maxDepth: 5,
  /** One model call. */
  turnTimeoutMs: 300_000,
  /** Time in which a run does something. */
  runTimeoutMs: 1_800_000,
  /** Safe tools of one answer side by side. */
  toolConcurrency: 10,
  /** Characters of a tool's result that the model is shown. */
  maxResultCharacters: 100_000,
  /** Tokens that a model takes, question and answer together. */
  contextLimit: 200_000,
  /** What is done about a conversation that grows too long. */
  compaction: "auto",
  /** The share of what the model takes at which that is done. */
  compactionThreshold: 0.85,
  /** The latest messages, which stay as they are. */
  keepLast: 6,
  /** Tokens of a summary. */
  summaryMaxTokens: 4_096,
  /** How old a tool's result must be to be left out. */
  microcompactAgeMs: 300_000,
  /** How often a model is asked again for an answer that fits its schema. */
  repairs: 2,
  /** An MCP server, until it has said what it has. */
  mcpConnectTimeoutMs: 10_000,
  /** One call of a tool of an MCP server. */
  mcpCallTimeoutMs: 60_000,
  /** The same, however often its server says how far it is. */
  mcpLongestCallMs: 3_600_000,
  /** An MCP server, to end by itself. */
  mcpShutdownTimeoutMs: 5_000
} as const
