/** `alive.call(element, "method", 1, "two")`: a promise of what the method returns. */

const { alive } = window;

/** @type {Map<string, { resolve: (value: any) => void, reject: (error: Error) => void }>} by instance and sequence */
const calls = (alive.calls = new Map());

alive.call = (element, method, ...args) => {
  const component = alive.around(element);
  if (!component) return Promise.reject(Error("there is no component around this element"));
  const { promise, resolve, reject } = Promise.withResolvers();
  const event = alive.enqueue(component, method, { result: 1, args });
  calls.set(event[1] + event[2], { resolve, reject });
  return promise;
};
