/** The `fermata` command, and the types of its configuration. */
export * as Config from "./Config.ts"
