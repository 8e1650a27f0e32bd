/** What stands around runs. */
export * as WebhookSignature from "./WebhookSignature.ts"
