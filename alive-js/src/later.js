/** Calls it after so many milliseconds, or as soon as the network is back. @param {() => unknown} call  @param {number} delay */
export const later = (call, delay) => {
  let over = false;
  const once = () => {
    removeEventListener("online", once);
    if (!over) call();
    over = true;
  };
  addEventListener("online", once);
  setTimeout(once, delay);
};
