/** What stands around runs. */
export * as Bridge from "./Bridge.ts"
export * as Bridges from "./Bridges.ts"
export * as RunBody from "./RunBody.ts"
export * as SourceMapping from "./SourceMapping.ts"
export * as Sources from "./Sources.ts"
export * as Webhooks from "./Webhooks.ts"
export * as WebhookSignature from "./WebhookSignature.ts"
