/** Alive: live components in a page that nobody had to write JavaScript for. */
import { EVENTS, hear } from "./events.js";
import { components, script } from "./page.js";
import { connect } from "./connection.js";
import { STATE } from "./protocol.js";
import { componentOf } from "./component.js";

// A page with the module `features` waits for that, so that no event goes without its confirmation.
script.dataset.features ?? EVENTS.forEach((type) => document.addEventListener(type, hear));
document.querySelectorAll(`[${STATE}]`).forEach(componentOf);
if (components.size) connect();
