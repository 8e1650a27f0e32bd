/** The `fermata` command. */
export {}
