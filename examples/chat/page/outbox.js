// Sends what we say: in order, one message at a time, once. A message that was sent but not answered is
// sent again under the same tag, by which the server knows it.

import { connection } from "/connection.js";
import { changed, conversation, state, unsent } from "/conversations.js";
import { store, unguessable } from "/store.js";

const WAIT_IF_TOO_FAST = 1_000;

let isSending = false;
let isOpen = false; // connected and logged in

export function send(room, content) {
  write({ tag: unguessable(), room, at: Date.now(), ...content });
  pump();
}

/** What an earlier visit could not send. */
export function restore() {
  for (const message of store.unsent) if (!unsent.some(({ tag }) => tag === message.tag)) write(message);
}

const write = (message) => conversation(message.room).add({ ...message, from: state.me, state: "waiting" });

export function open() { isOpen = true; pump(); }

export function close() { isOpen = false; }

export function retry(message) {
  Object.assign(message, { state: "waiting", reason: null });
  changed();
  pump();
}

export const discard = (message) => conversation(message.room).drop(message);

async function pump() {
  if (isSending) return;
  isSending = true;
  for (let message; isOpen && (message = unsent.find((one) => one.state === "waiting"));) {
    try {
      conversation(message.room).settle(message, await connection.ask(...asEvent(message)));
    } catch (error) {
      if (error.code === "too_fast") await new Promise((resolve) => setTimeout(resolve, WAIT_IF_TOO_FAST));
      // Without a connection it waits for the next one; with one, somebody has to decide.
      else if (connection.connected) fail(message, error);
      else break;
      changed();
    }
  }
  isSending = false;
}

function fail(message, { code, message: words }) {
  Object.assign(message, { state: "failed", reason: code ? words : "The server did not answer." });
}

function asEvent({ tag, room, text, image }) {
  if (image) return ["image", { room, tag, ...image }];
  if (room === "everyone") return ["sendMsg", { newAccount: text, tag }];
  const name = room.slice(1);
  return room[0] === "#" ? ["group", { room: name, text, tag }] : ["private", { to: name, text, tag }];
}
