/** What the runtime puts into the page for everybody. */
interface Window {
  alive: import("./page.js").Alive;
}
