/** Runs Fermata programs on Node with SQLite. */
export {}
