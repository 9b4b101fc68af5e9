/** What templates may ask for beyond the core: every other event and modifier, and all that is more than a call. */
import "./keeping.js";
import "./overlay.js";
import "./pending.js";
import "./refusing.js";
import "./hearing.js";
import "./model.js";
import "./triggers.js";
import "./calling.js";
import "./submitting.js";
import "./hooks.js";
import "./resync.js";
import "./virtual.js";
import "./transitions.js";
import "./lazy.js";
import { start } from "./watching.js";

start();
