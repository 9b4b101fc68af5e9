/** Sets what the person chooses, and shows what is set, whoever has set it. */

const { appState } = alive;

/** @param {{ detail: { key: string, value: any } }} event */
const show = ({ detail: { key, value } }) => {
  for (const control of document.querySelectorAll(`[data-setting="${CSS.escape(key)}"]`)) control.value = value;
  for (const preview of document.querySelectorAll(".settings .preview")) {
    preview.dataset[key] = value;
    if (key === "volume") preview.querySelector("meter").value = value;
  }
};

document.addEventListener("input", ({ target }) => {
  const key = target.dataset?.setting;
  if (key) appState.setState("settings", key, target.type === "range" ? target.valueAsNumber : target.value);
});
document.addEventListener("settings", show);
appState.registerForStateUpdates("settings", ["settings"], true, true);
