// The other windows of this browser. One name is in one window: the last one that entered has it, and
// the others wait until somebody wants them.

const PATIENCE = 200; // for the others to say that they are there

const channel = new BroadcastChannel("koio-chat");
const same = (one, other) => one?.toLowerCase() === other?.toLowerCase(); // as the server compares names

/** `name()` is who this window is, null for nobody; `onTaken()` is called when another one takes the name. */
export function share(name, onTaken) {
  channel.addEventListener("message", ({ data: { asks, enters } }) => {
    const here = name();
    if (here !== null && same(here, asks)) channel.postMessage({ has: here });
    if (here !== null && same(here, enters)) onTaken();
  });
}

/** Tells the others that this window enters under the name. */
export const take = (name) => channel.postMessage({ enters: name });

/** Whether another window has the name. */
export function isTaken(name) {
  return new Promise((resolve) => {
    const answered = ({ data: { has } }) => { if (same(has, name)) done(true); };
    const done = (isTaken) => { channel.removeEventListener("message", answered); resolve(isTaken); };
    channel.addEventListener("message", answered);
    setTimeout(done, PATIENCE, false);
    channel.postMessage({ asks: name });
  });
}
