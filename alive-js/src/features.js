/** What templates may ask for beyond the core: every other event and modifier, and all that is more than a call. */
import "./hearing.js";
import "./model.js";
import "./triggers.js";
import "./pending.js";
import "./calling.js";
import "./submitting.js";
import "./hooks.js";
import "./resync.js";
import "./transitions.js";
import { start } from "./watching.js";

start();
