// The list of conversations: everyone and the groups, then people, those who are online first.

import { conversations, conversation, state } from "/conversations.js";
import { $, arrange, avatar, element, heard, icon, named } from "/elements.js";
import { clock } from "/message.js";
import { store } from "/store.js";

const entries = new WeakMap(); // by conversation

export function drawSidebar(open) {
  const groups = store.groups.map((name) => `#${name}`);
  const talked = [...conversations.values()].filter((one) => one.kind === "person" && (one.last || one === state.current)).map(({ title }) => title);
  const others = [...new Set([...state.online, ...talked])].filter((name) => name !== state.me);
  const isAway = (name) => !state.online.includes(name);
  others.sort((one, two) => isAway(one) - isAway(two) || one.localeCompare(two));
  arrange($("rooms"), ["everyone", ...groups].map((key) => entry(key, open)));
  arrange($("people"), others.map((name) => entry(`@${name}`, open)));
  const online = state.online.filter((name) => name !== state.me).length;
  $("online").textContent = online ? `${online} online` : "";
  $("alone").hidden = others.length > 0;
}

/** The arrow keys go through the list, as they do in any other. */
export function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = [...$("sidebar").querySelectorAll("li button")];
  const at = all.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  all[(at + step + all.length) % all.length].focus();
}

/** The conversation before or after the one on the screen. */
export function neighbour(step) {
  const keys = [...$("sidebar").querySelectorAll("li button")].map(({ dataset }) => dataset.key);
  const at = keys.indexOf(state.current.key);
  return conversation(keys[(at + step + keys.length) % keys.length]);
}

function entry(key, open) {
  const shown = conversation(key);
  if (!entries.has(shown)) entries.set(shown, new Entry(shown, open));
  const made = entries.get(shown);
  made.update();
  return made.node;
}

class Entry {
  #conversation; #button;
  #presence = element("span", { className: "presence" });
  #time = element("time");
  #preview = element("span", { className: "preview", dir: "auto" });
  #unread = element("span", { className: "unread" });

  constructor(conversation, open) {
    this.#conversation = conversation;
    const { kind, title, key } = conversation;
    const face = kind === "person" ? avatar(title) : element("span", { className: "avatar room" }, icon(kind));
    this.#button = element("button", { type: "button", onclick: () => open(conversation) },
      element("span", { className: "face" }, face, this.#presence),
      element("span", { className: "title" }, named(title)), this.#time, this.#preview, this.#unread);
    this.#button.dataset.key = key;
    this.node = element("li", {}, this.#button);
  }

  update() {
    const { kind, isOnline, last, unread, typing, draft } = this.#conversation;
    this.#button.classList.toggle("away", !isOnline);
    this.#button.classList.toggle("news", unread > 0);
    if (state.current === this.#conversation) this.#button.setAttribute("aria-current", "true");
    else this.#button.removeAttribute("aria-current");
    this.#presence.hidden = kind !== "person";
    set(this.#presence, kind === "person" && isOnline ? ", online" : "");
    set(this.#time, last ? when(last.at) : "");
    set(this.#preview, typing.size && kind === "person" ? "typing …" : draft && state.current !== this.#conversation ? `Draft: ${draft}` : preview(last));
    const count = unread > 99 ? "99+" : String(unread);
    if (this.#unread.dataset.count !== count) {
      this.#unread.dataset.count = count;
      this.#unread.replaceChildren(unread ? count : "", heard(unread ? " unread" : ""));
    }
    this.#unread.hidden = unread === 0;
  }
}

function set(node, text) { if (node.textContent !== text) node.textContent = text; }

function preview(message) {
  if (!message) return "";
  const text = message.image ? "Image" : message.text;
  if (message.state === "failed") return `Not sent: ${text}`;
  if (message.from === state.me) return `You: ${text}`;
  return message.room?.[0] === "@" ? text : `${message.from}: ${text}`;
}

function when(at) {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? clock(time) : time.toLocaleDateString([], { day: "numeric", month: "short" });
}
