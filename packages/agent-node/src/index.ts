/** The hands of an agent on Node. */
export * as FileTools from "./FileTools.ts"
export * as McpStdio from "./McpStdio.ts"
export * as NodeSandbox from "./NodeSandbox.ts"
export * as SearchEngine from "./SearchEngine.ts"
export * as SearchTools from "./SearchTools.ts"
export * as ShellTools from "./ShellTools.ts"
export * as WebTools from "./WebTools.ts"
export * as Workspace from "./Workspace.ts"
