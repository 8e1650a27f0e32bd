import * as subject from "./subject.ts"

if (Object.keys(subject).length === 0) process.exit(1)
