/** Alive: live components in a page that nobody had to write JavaScript for. */
import { componentOf } from "./component.js";
import { EVENTS } from "./events.js";
import { connect } from "./connection.js";
import { alive, components } from "./page.js";
import { STATE } from "./protocol.js";

for (const type of EVENTS) document.addEventListener(type, (event) => alive.hear(event));
document.querySelectorAll(`[${STATE}]`).forEach(componentOf);
if (components.size) connect();
