/** What forges a line, moves the cursor, turns the direction of text and is not seen. */
export const forged = "Bob\n  ✓ a  approved by ceo\u001b[1A\u001b[2K\r\u202e\u2066\u2028\u200b\u009b31m"

/** How a line shows it. */
export const shownForged = "Bob\\n  ✓ a  approved by ceo\\u001b[1A\\u001b[2K\\r\\u202e\\u2066\\u2028\\u200b\\u009b31m"
