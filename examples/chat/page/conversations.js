// Conversations: everyone, groups, and one for each person we talk to in private. Pure state: what is
// drawn of it is the business of others, who are told by `changed`.

import { remember, store } from "/store.js";

const KEPT = 500; // messages of one conversation that stay on the page

export const state = {
  me: null, // the name we are known by, once we are
  online: [],
  current: null, // the conversation that is open
  isLooking: () => true, // whether somebody sees it
};
export const conversations = new Map(); // by key: `everyone`, `#group`, `@person`
export const unsent = []; // what the server does not have yet, in the order in which it was written

const listeners = [];
let planned = false;
export const onChange = (listener) => listeners.push(listener);

/** Draws everything anew, once for all the changes of this moment. */
export function changed() {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    for (const listener of listeners) listener();
  });
}

export function conversation(key) {
  if (!conversations.has(key)) conversations.set(key, new Conversation(key));
  return conversations.get(key);
}

/** For the next visit, if this one ends before they are sent. Images are too big to be remembered. */
function keepUnsent() {
  remember({ unsent: unsent.filter(({ text }) => text).map(({ tag, room, text, at }) => ({ tag, room, text, at })) });
  changed();
}

class Conversation {
  messages = []; // what the server has, in the order of its ids
  unread = 0;
  firstUnread = null; // where the line "New" is drawn
  typing = new Map(); // who, and the timer that ends it
  draft = "";
  images = []; // chosen and not sent yet
  #known = new Map(); // by who wrote it and its id
  #delivered = new Map(); // how many have a message that we do not know by its id yet

  constructor(key) {
    this.key = key;
    this.kind = key[0] === "#" ? "group" : key[0] === "@" ? "person" : "everyone";
    this.title = this.kind === "everyone" ? "Everyone" : key.slice(1);
  }

  get unsent() { return unsent.filter(({ room }) => room === this.key); }
  get last() { return this.unsent.at(-1) ?? this.messages.at(-1); }
  get isOnline() { return this.kind !== "person" || state.online.includes(this.title); }
  get isRead() { return state.current === this && state.isLooking(); }

  /** What the server says again (after a reconnect, in the history) changes nothing. */
  receive(message) {
    if (this.#known.has(named(message))) return;
    const ours = message.from === state.me && message.tag && unsent.find(({ tag }) => tag === message.tag);
    if (ours) return this.settle(ours, message);
    this.#insert(message.from === state.me ? { state: "sent", ...message } : message);
    clearTimeout(this.typing.get(message.from));
    this.typing.delete(message.from);
    this.#count(message);
    changed();
  }

  receiveHistory(messages) {
    // What was said before we ever came is not news, unless it was said to us alone.
    if (!(this.key in store.seen) && this.kind !== "person") this.#remember(messages.at(-1)?.id ?? 0);
    for (const message of messages) this.receive(message);
    this.#tidy();
  }

  add(message) {
    unsent.push(message);
    this.firstUnread = null;
    keepUnsent();
  }

  /** The server has a message of ours: it takes the place and the time that it has for everybody. */
  settle(message, { id, at }) {
    this.drop(message);
    if (this.#known.has(named({ id, from: state.me }))) return;
    const delivered = this.#delivered.get(id);
    this.#delivered.delete(id);
    this.#insert(Object.assign(message, { id, at, delivered, state: delivered ? "delivered" : "sent" }));
    this.#tidy();
  }

  drop(message) {
    const at = unsent.indexOf(message);
    if (at >= 0) unsent.splice(at, 1);
    keepUnsent();
  }

  deliver(id, count) {
    const message = this.#known.get(named({ id, from: state.me }));
    if (message) Object.assign(message, { state: "delivered", delivered: count });
    else this.#delivered.set(id, count);
    changed();
  }

  read() {
    const last = this.messages.at(-1)?.id ?? 0;
    this.unread = 0;
    if (last > (store.seen[this.key] ?? 0)) this.#remember(last);
    changed();
  }

  #remember(seen) { remember({ seen: { ...store.seen, [this.key]: seen } }); }

  #count({ id, from }) {
    if (this.isRead) return this.read();
    if (from === state.me) this.unread = 0; // who answers has read what came before
    else if (id > (store.seen[this.key] ?? 0)) this.unread += 1;
    if (this.unread === 0) this.firstUnread = null;
    else this.firstUnread ??= id;
  }

  #insert(message) {
    let at = this.messages.length;
    while (at > 0 && isLater(this.messages[at - 1], message)) at -= 1;
    this.messages.splice(at, 0, message);
    this.#known.set(named(message), message);
  }

  #tidy() {
    for (const message of this.messages.splice(0, this.messages.length - KEPT)) this.#known.delete(named(message));
  }
}

// Two servers may give one id to two messages at the same moment, but never to two of one person's.
const named = ({ id, from }) => `${id} ${from.toLowerCase()}`;

const isLater = (one, other) => one.id > other.id || (one.id === other.id && named(one) > named(other));
