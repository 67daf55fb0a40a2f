// One message on the screen. It keeps its element while it goes from waiting to delivered.

import { avatar, element, heard, icon, kilobytes, named } from "/elements.js";
import { discard, retry } from "/outbox.js";
import { state } from "/conversations.js";

const LINK = /https?:\/\/[^\s<>"]+/gi;
const AFTER_A_LINK = /[.,;:!?'»”)\]}]+$/; // ends a sentence rather than an address
const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\u200d\ufe0f]*\s?){1,3}$/u;

const lines = new WeakMap();

/** Its line in the log. `isFirst`: the first one of a few in a row by the same person. */
export function line(message, isFirst) {
  if (!lines.has(message)) lines.set(message, new Line(message));
  const made = lines.get(message);
  made.update(isFirst);
  return made.node;
}

class Line {
  #message; #drawn;
  #time = element("time");
  #mark = element("span", { className: "mark" });
  #failure = element("p", { className: "failure", hidden: true });

  constructor(message) {
    this.#message = message;
    this.node = element("li", { className: "message" },
      avatar(message.from),
      element("div", { className: "said" },
        element("header", {}, named(message.from, "author"), this.#time),
        element("div", { className: "line" }, message.image ? picture(message.image) : words(message.text), this.#mark),
        this.#failure));
    this.node.classList.toggle("own", message.from === state.me);
  }

  update(isFirst) {
    const { at, state, delivered, reason } = this.#message;
    this.node.classList.toggle("first", isFirst);
    const drawn = [at, state, delivered, reason].join();
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const time = new Date(at);
    Object.assign(this.#time, { textContent: clock(time), dateTime: time.toISOString(), title: time.toLocaleString() });
    if (!state) return;
    this.node.dataset.state = state;
    const [name, title] = {
      waiting: ["clock", "Waiting to be sent"],
      sent: ["tick", "Sent"],
      delivered: ["ticks", delivered > 1 ? `Delivered to ${delivered}` : "Delivered"],
      failed: ["alert", "Not sent"],
    }[state];
    this.#mark.title = title;
    this.#mark.replaceChildren(icon(name), heard(title));
    this.#failure.hidden = state !== "failed";
    if (state === "failed") this.#failure.replaceChildren(icon("alert"),
      element("span", { textContent: `Not sent: ${reason}` }),
      element("span", {},
        element("button", { type: "button", className: "plain", textContent: "Retry", onclick: () => retry(this.#message) }),
        element("button", { type: "button", className: "plain", textContent: "Delete", onclick: () => discard(this.#message) })));
  }
}

export const clock = (time) => time.toLocaleTimeString([], { timeStyle: "short" });

function words(text) {
  const made = element("p", { className: "text", dir: "auto" });
  made.classList.toggle("emoji", EMOJI_ONLY.test(text));
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const address = found.replace(AFTER_A_LINK, "");
    if (!URL.canParse(address)) continue;
    made.append(text.slice(end, index), element("a", { href: address, textContent: address, target: "_blank", rel: "noopener noreferrer" }));
    end = index + address.length;
  }
  made.append(text.slice(end));
  return made;
}

// A blob without a type: the browser looks at the bytes, and shows an image or nothing at all.
function picture({ name, bytes }) {
  const url = URL.createObjectURL(new Blob([bytes]));
  const image = element("img", { alt: name, src: url });
  const button = element("button", { type: "button", className: "picture", onclick: () => enlarge(image) }, image);
  image.onerror = () => {
    URL.revokeObjectURL(url);
    button.replaceWith(element("p", { className: "text" }, named(name), " is not an image that this browser can show."));
  };
  button.title = `${name}, ${kilobytes(bytes.byteLength)}`;
  return button;
}

/** In full, until Escape or a click. */
function enlarge({ src, alt }) {
  const close = element("button", { className: "round", title: "Close" }, icon("close"), heard("Close"));
  const dialog = element("dialog", { className: "picture-view" }, element("img", { src, alt }), element("p", { textContent: alt, dir: "auto" }), close);
  dialog.setAttribute("aria-label", alt);
  dialog.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}
