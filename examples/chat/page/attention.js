// Unread messages for those who look elsewhere: the title and the icon of the tab, and a word for those
// who hear the page.

import { conversations } from "/conversations.js";
import { $, element } from "/elements.js";

const icon = document.querySelector("link[rel=icon]");
const plain = icon.href;
let shown = 0;

export function drawAttention() {
  const unread = [...conversations.values()].reduce((sum, conversation) => sum + conversation.unread, 0);
  if (unread === shown) return;
  shown = unread;
  document.title = unread ? `(${unread}) koio chat` : "koio chat";
  icon.href = unread ? badge(unread > 9 ? "9+" : String(unread)) : plain;
}

const badges = new Map(); // ten at most, kept: a browser may load one after the next is there

function badge(count) {
  if (!badges.has(count)) badges.set(count, draw(count));
  return badges.get(count);
}

function draw(count) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M4.5 1.5h7a3 3 0 0 1 3 3v4a3 3 0 0 1-3 3H8l-3.4 2.8a.4.4 0 0 1-.6-.3v-2.5a3 3 0 0 1-2.5-3v-4a3 3 0 0 1 3-3z" fill="#2f7d74"/>
    <circle cx="11" cy="5" r="5" fill="#c2331f"/><text x="11" y="7.6" font-family="sans-serif" font-size="7" font-weight="700" text-anchor="middle" fill="#fff">${count}</text></svg>`;
  return URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
}

export function announce({ title, kind }, { from }) {
  const where = kind === "person" ? "to you" : `to ${title}`;
  $("news").replaceChildren(element("span", { textContent: `New message from ${from} ${where}` }));
}
