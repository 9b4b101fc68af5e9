/** A page in which a test morphs by hand: `await become("<p>…</p>")` shows that in `#root`, as an update would. */
window.alive ??= {};
if (!location.search.includes("core")) {
  await import("/src/keeping.js");
  await import("/src/strangers.js");
}
const { morph } = await import("/src/morph.js");

const template = document.createElement("template");

window.morph = morph;
window.become = (html, childRoot = () => undefined) => {
  const root = document.querySelector("#root");
  template.innerHTML = `<div id="root">${html}</div>`;
  morph(root, template.content.firstElementChild, childRoot);
  root.dispatchEvent(new Event("alive:updated", { bubbles: true }));
};
document.documentElement.dataset.ready = "";
