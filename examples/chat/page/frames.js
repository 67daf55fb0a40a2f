// The panel "How messages travel": the frames of this very connection, and a switch for its transport.

import { connection, TRANSPORTS } from "/connection.js";
import { $, arrange, element, heard, kilobytes } from "/elements.js";
import { describe } from "/frame.js";
import { rest } from "/ways.js";

const KEPT = 200;
const TO_THE_TENTH = { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 };

const kept = []; // elements, the oldest first
let isPaused = false;
let missed = 0;

/** A packet goes by. It is made an element only if somebody looks. */
export function show(direction, type, data) {
  if (isPaused) {
    missed += 1;
    $("frames-missed").textContent = `${missed} since`;
    return;
  }
  kept.push(describe(direction, type, data));
  if (kept.length > KEPT) kept.shift();
  plan();
}

let planned = false;
function plan() {
  if (planned || $("travel").hidden) return;
  planned = true;
  requestAnimationFrame(() => { planned = false; draw(); });
}

const rows = new WeakMap();
function draw() {
  const list = $("frames");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  arrange(list, kept.map((frame) => {
    if (!rows.has(frame)) rows.set(frame, row(frame));
    return rows.get(frame);
  }));
  $("no-frames").hidden = kept.length > 0;
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

const DIRECTIONS = { in: ["↓", "received"], out: ["↑", "sent"], note: ["•", ""] };

function row({ direction, at, type, event, ack, size, text }) {
  const [arrow, words] = DIRECTIONS[direction];
  const way = element("span", { className: "way", textContent: arrow });
  way.setAttribute("aria-hidden", "true");
  const time = element("time", { dateTime: at.toISOString(), textContent: at.toLocaleTimeString([], TO_THE_TENTH) });
  const cells = [way, heard(`${words} `), time,
    element("span", { className: "type", textContent: type }),
    element("bdi", { className: "event", textContent: event, title: event }),
    element("span", { className: "ack", textContent: ack && `#${ack}` }),
    element("span", { className: "size", textContent: size ? kilobytes(size) : "" })];
  const item = element("li", { className: direction }, text
    ? element("details", {}, element("summary", {}, ...cells), element("pre", { textContent: text }))
    : element("div", { className: "cells" }, ...cells));
  item.dataset.type = type;
  return item;
}

/** Opens or closes the panel. */
export function toggle(isOpen = $("travel").hidden) {
  $("travel").hidden = !isOpen;
  $("travel-toggle").setAttribute("aria-expanded", String(isOpen));
  document.body.classList.toggle("travelling", isOpen);
  if (isOpen) { draw(); $("frames").scrollTop = $("frames").scrollHeight; $("travel-close").focus(); }
  else { rest(); $("travel-toggle").focus(); }
}

$("travel-toggle").addEventListener("click", () => toggle());
$("travel-close").addEventListener("click", () => toggle(false));
$("travel").addEventListener("keydown", (event) => { if (event.key === "Escape") toggle(false); });
$("frames-clear").addEventListener("click", () => { kept.length = 0; draw(); });
$("frames-pause").addEventListener("click", () => {
  isPaused = !isPaused;
  missed = 0;
  $("frames-missed").textContent = "";
  $("frames-pause").setAttribute("aria-pressed", String(isPaused));
});

/** `onChoice(transport)` connects over another one, or throws. */
export function offerTransports(onChoice) {
  for (const [choice, { title }] of Object.entries(TRANSPORTS)) {
    const radio = element("input", { type: "radio", name: "transport", value: choice });
    radio.onchange = async () => {
      $("transport-notice").textContent = "";
      try { await onChoice(choice); } catch (error) { $("transport-notice").textContent = error.message; }
      drawTransport();
    };
    $("transports").append(element("label", {}, radio, element("span", { textContent: title })));
  }
}

export function drawTransport() {
  for (const radio of $("transports").querySelectorAll("input")) radio.checked = radio.value === connection.choice;
  $("client").textContent = connection.isOfficial
    ? "Running on the official client."
    : "Running on the page's own client, which speaks WebSocket only. The others need the official one.";
}
