import "./subject.ts"
