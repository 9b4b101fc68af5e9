/** The words of the wire and of the page; `docs/protocol.md` tells what they mean. */

export const PROTOCOL = 1;

/** The attribute of a component's root element: its token. It begins with the instance. */
export const STATE = "data-asok-state";
/** The attribute of the `<template>` that stands for a child in its parent's text. */
export const CHILD = "data-asok";
/** Rows are told apart by this attribute, or by their id. */
export const KEY = "ws-key";
/** What is inside of an element with this attribute is left alone. */
export const IGNORE = "ws-ignore";
/** The class of a root whose answer is late. */
export const LOADING = "ws-loading";
export const LOADING_AFTER = 150;

/** So many events of an instance are under way at once; more wait in its queue. */
export const WINDOW = 32;
/** The server takes messages up to 64 KiB. */
export const MESSAGE_SIZE = 60_000;

export const SESSION_ENDED = 4401;
export const REFUSED = 4403;
/** The server did not take a message for what it is: it would not take it a second time either. */
export const UNREADABLE = [1003, 1009, 4400];
