/** How many events are not settled yet. One component may have two names. @param {import("./page.js").Alive} alive */
export const waits = ({ components }) => [...new Set(components.values())].reduce((sum, { queue }) => sum + queue.length, 0);
