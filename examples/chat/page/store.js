// What the browser remembers of somebody from one visit to the next.

const AT = "koio-chat";
const NOBODY = { name: null, groups: [], seen: {}, unsent: [] };

/** `seen` is the last message read in each conversation, `unsent` what the server does not have yet. */
export const store = { key: unguessable(), ...NOBODY, ...read() };
write();

export function remember(changes) {
  Object.assign(store, changes);
  write();
}

/** Forgets all but the key: who comes back under the same name is known by it. */
export const forget = () => remember(NOBODY);

/** 48 characters. Whoever has the key has our name. */
export function unguessable() {
  return [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A browser may refuse to remember anything: the page works without.
function read() {
  try { return JSON.parse(localStorage.getItem(AT)); } catch { return {}; }
}

function write() {
  try { localStorage.setItem(AT, JSON.stringify(store)); } catch { /* only this visit, then */ }
}
