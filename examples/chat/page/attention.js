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
  if (icon.href !== plain) URL.revokeObjectURL(icon.href);
  icon.href = unread ? badge(unread > 9 ? "9+" : unread) : plain;
}

function badge(count) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 3h12v8H7l-3 3v-3H2z" fill="#2f7d74"/>
    <circle cx="11" cy="5" r="5" fill="#c2331f"/><text x="11" y="7.6" font-family="sans-serif" font-size="7" font-weight="700" text-anchor="middle" fill="#fff">${count}</text></svg>`;
  return URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
}

export function announce({ title, kind }, { from }) {
  const where = kind === "person" ? "to you" : `to ${title}`;
  $("news").replaceChildren(element("span", { textContent: `New message from ${from} ${where}` }));
}
