/** What stands around runs. */
export * as SourceMapping from "./SourceMapping.ts"
export * as Sources from "./Sources.ts"
export * as WebhookSignature from "./WebhookSignature.ts"
