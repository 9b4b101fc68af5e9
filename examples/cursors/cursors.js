/** Writes where this pointer is, and puts the others' where they are. */

const INTERVAL = 50;
const pointers = alive.store("pointers");
let places = {};
let next;
let timer;

const send = () => {
  timer = next && setTimeout(send, INTERVAL);
  if (next) pointers.set(...next);
  next = undefined;
};

const draw = () => {
  for (const pointer of document.querySelectorAll("[data-pointer]")) {
    const place = places[pointer.dataset.pointer];
    pointer.toggleAttribute("data-placed", Boolean(place));
    if (place) Object.assign(pointer.style, { left: `${place.x / 10}%`, top: `${place.y / 10}%` });
  }
};

document.addEventListener("pointermove", (event) => {
  const board = event.target.closest(".cursors .board");
  if (!board) return;
  const { left, top, width, height } = board.getBoundingClientRect();
  const thousandth = (part) => Math.min(1000, Math.max(0, Math.round(part * 1000)));
  next = [board.dataset.me, { x: thousandth((event.clientX - left) / width), y: thousandth((event.clientY - top) / height) }];
  timer ?? send();
});
document.addEventListener("alive:updated", draw);
pointers.subscribe("", (all) => {
  places = all;
  draw();
});
