/** The server's store cannot follow: as `slow_down`. */
export { default } from "./slow_down.js";
