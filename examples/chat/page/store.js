// What is remembered of somebody from one visit to the next: by the browser who they were last and the
// key to their names, by the window who they are in it, and for each name what goes with it.

const AT = "koio-chat";
const NOTHING = { groups: [], seen: {}, unsent: [] };

/** `seen` is the last message read in each conversation, `unsent` what the server does not have yet. */
export const store = { name: null, ...NOTHING };
export const { key, lastName } = { key: unguessable(), lastName: null, ...read(localStorage, AT) };
write(localStorage, AT, { key, lastName });
if (read(sessionStorage, AT)) recall(read(sessionStorage, AT));

/** From here on this window is `name`, also after a reload. */
export function enter(name) {
  recall(name);
  write(sessionStorage, AT, name);
  write(localStorage, AT, { key, lastName: name });
}

function recall(name) {
  Object.assign(store, NOTHING, read(localStorage, `${AT} ${name}`), { name });
}

export function remember(changes) {
  const { name, groups, seen, unsent } = Object.assign(store, changes);
  write(localStorage, `${AT} ${name}`, { groups, seen, unsent });
}

/** All but the key: who comes back under the same name is known by it. */
export function forget() {
  remember(NOTHING);
  write(localStorage, AT, { key, lastName: null });
  write(sessionStorage, AT, null);
  store.name = null;
}

/** 48 characters. Whoever has the key has our name. */
export function unguessable() {
  return [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A browser may refuse to remember anything: the page works without.
function read(storage, at) {
  try { return JSON.parse(storage.getItem(at)); } catch { return null; }
}

function write(storage, at, value) {
  try { storage.setItem(at, JSON.stringify(value)); } catch { /* only this visit, then */ }
}
