/** The HTTP surface of Fermata. */
export * as Access from "./Access.ts"
export * as Api from "./Api.ts"
export * as ApiErrors from "./ApiErrors.ts"
export * as Client from "./Client.ts"
export * as Problem from "./Problem.ts"
export * as RunsGroup from "./RunsGroup.ts"
export * as StreamsGroup from "./StreamsGroup.ts"
export * as SystemGroup from "./SystemGroup.ts"
