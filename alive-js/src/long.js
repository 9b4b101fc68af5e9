/** Pages with keys get what makes updates of long lists cheap, when there is a line to fetch it over. */
import { have } from "./fetching.js";
import { KEY } from "./protocol.js";

/** @param {{ target: any }} event */
const look = ({ target }) => target.querySelector(`[${KEY}]`) && have("keyed.js").catch(console.warn);

document.addEventListener("alive:updated", look);
look({ target: document });
