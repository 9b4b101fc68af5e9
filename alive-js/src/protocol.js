/** The words of the wire and of the page; `docs/protocol.md` tells what they mean. */

export const PROTOCOL = 1;
/** An instance is named by so many characters; a token and a placeholder begin with them. */
export const INSTANCE_LENGTH = 12;

/** The attribute of a component's root element: its token. */
export const STATE = "data-asok-state";
/** The attribute of the `<template>` that stands for a child in its parent's text. */
export const CHILD = "data-asok";
/** The attribute of a slot's content: the instance that it belongs to. */
export const SLOT = "data-asok-slot";
/** Who an event belongs to is the nearest of these around it, as long as it is in the page. */
export const OWNER = `:root [${STATE}],:root [${SLOT}]`;
/** The attribute of an element whose text follows a store: the key under which the server knows it. */
export const REACT = "data-asok-react";
/** The attribute with the write to a store that a click does. */
export const DO = "data-asok-do";
/** Rows are told apart by this attribute, or by their id. */
export const KEY = "ws-key";
/** The inside of an element with this attribute is left alone. */
export const IGNORE = "ws-ignore";
/** So is that of one with this, whose rows come one by one. */
export const STREAM = "ws-stream";
/** The property of an element whose inside the next morph passes over. A form's fields are properties of it, and none is called so. */
export const SHUT = "ws-";
/** The class of a root whose answer is late; the module `loading` sets it. */
export const LOADING = "ws-loading";

/** So many events of an instance are under way at once; more wait in its queue. */
export const WINDOW = 32;
/** What joins in one message is at most so many bits of characters longer than one token: it has to stay below 64 KiB. */
export const BATCH = 13;
/** The server reads no message of more bytes. */
export const LONGEST = 64 * 1024;
/** Nor one of more than 10,000 values; an event that goes again has one more. */
export const MOST_VALUES = 9999;
/** Nor one that is nested deeper. */
export const MOST_LEVELS = 32;
/** Of which an event's own arrays and object take three. */
export const DEEPEST = MOST_LEVELS - 3;

/** An answer is late after so many milliseconds. */
export const LATE = 150;
/** It is that late so many milliseconds later that the page says so. */
export const LONG = 250;
/** Without a WebSocket for so many milliseconds, something else is tried. */
export const PATIENCE = 3000;
export const FIRST_DELAY = 250;
export const LONGEST_DELAY = 15_000;
/** What `.debounce` and `.throttle` mean without a number. */
export const PAUSE = 300;
/** Modifiers that a number of milliseconds may follow. */
export const PAUSES = ["debounce", "throttle"];
/** Modifiers that ask for a key to be held. */
export const HELD = ["ctrl", "shift", "alt", "meta"];
/** All others; any other word in the name of an attribute is a key. */
export const MODIFIERS = ["prevent", "stop", "self", "once", "window", "document", "outside", "passive", "capture", ...HELD];

/** Close codes after which connecting again is no answer: too big, unreadable, session ended, refused. */
export const FINAL = /1009|440[013]/;
export const LOST = 1006;
export const TOO_BIG = 1009;
export const RESTARTS = 1012;
export const CUT = 1013;
/** What we say when nothing was heard; the server does as for any other. */
export const SILENT = 4000;
export const SESSION_ENDED = 4401;
export const REFUSED = 4403;
