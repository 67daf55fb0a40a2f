// The ways for news to reach a page, side by side: this page opens four more sessions with the server, one over each way, and the
// server sends a postcard to all of them. Each way is written out below, as short as it can be: what goes by is all there is.

import { connection } from "/connection.js";
import { $, arrange, element, heard, kilobytes } from "/elements.js";

const PATH = "/socket.io/?EIO=4&transport=";
const EVERY = 2_000; // ms from one question of short polling to the next
const KEPT = 100; // frames
const SEPARATOR = "\x1e"; // between the packets of a body
const page = crypto.randomUUID(); // which page the postcards are for
const size = (text) => new TextEncoder().encode(text).length;

/** A session over one way: what it has cost, and when postcards came. */
class Way {
  requests = 0; bytes = 0; arrived = 0; took = null;
  state = "closed";
  #sent = []; // when the postcards were sent that have not come

  constructor(title) { this.title = title; }

  async open() {
    Object.assign(this, { requests: 0, bytes: 0, arrived: 0, took: null, state: "opening" });
    this.#sent = [];
    const { signal } = (this.closing = new AbortController());
    try { await this.run(signal); } catch (error) {
      if (!signal.aborted) this.end(error.message);
    }
  }

  close() {
    if (this.state === "closed") return;
    const wasOpen = this.state === "open" || this.state === "opening";
    this.end("closed");
    this.closing.abort();
    if (wasOpen) this.leave();
  }

  end(state) { if (this.state !== "closed") { this.state = state; plan(); } }

  expect() { if (this.state === "open") this.#sent.push(performance.now()); }

  /** A packet of Engine.IO has come. */
  receive(packet) {
    show(this, "in", packet);
    if (packet[0] === "0") return this.write(`40/travel,${JSON.stringify({ page })}`);
    if (packet[0] === "2") return this.write("3");
    if (packet[0] === "1" || packet.startsWith("44/")) return this.end(packet[0] === "1" ? "ended" : "not served here");
    if (packet.startsWith("40/")) this.state = "open";
    if (packet.startsWith('42/travel,["postcard"')) {
      const sent = this.#sent.shift();
      this.arrived += 1;
      if (sent) this.took = performance.now() - sent;
    }
    plan();
  }

  write(packet) {
    show(this, "out", packet);
    return this.send(packet);
  }

  spend(requests, text) { this.requests += requests; this.bytes += size(text); plan(); }
}

/** What polling and EventSource have in common: packets go up by POST. */
class OverHttp extends Way {
  sid = "";
  query = "";

  url() { return `${PATH}${this.transport}${this.query}${this.sid && `&sid=${this.sid}`}`; }

  note(packet) { if (packet[0] === "0") this.sid = JSON.parse(packet.slice(1)).sid; }

  async send(packet) {
    this.spend(1, packet);
    await fetch(this.url(), { method: "POST", body: packet });
  }

  /** Says goodbye. A poll that waits is answered by that; a page that goes away has no time for its answer. */
  leave() { if (this.sid) fetch(this.url(), { method: "POST", body: "1", keepalive: true }).catch(() => {}); }
}

class Polling extends OverHttp {
  transport = "polling";
  pause = 0;

  async run(signal) {
    this.sid = "";
    for (;;) {
      this.spend(1, "");
      const answer = await fetch(this.url(), { cache: "no-store" });
      const body = await answer.text();
      if (signal.aborted) return;
      if (!answer.ok) throw new Error("refused");
      this.spend(0, body);
      for (const packet of body.split(SEPARATOR)) { this.note(packet); await this.receive(packet); }
      if (this.pause && this.state === "open") await new Promise((resolve) => setTimeout(resolve, this.pause));
      if (signal.aborted || this.state === "ended") return;
    }
  }
}

class ShortPolling extends Polling {
  query = "&wait=0";
  pause = EVERY;
}

class Stream extends OverHttp {
  transport = "eventsource";

  async run(signal) {
    this.sid = "";
    this.spend(1, "");
    const source = new EventSource(this.url());
    signal.addEventListener("abort", () => source.close());
    source.onmessage = ({ data }) => {
      this.spend(0, `data: ${data}\n\n`);
      this.note(data);
      Promise.resolve(this.receive(data)).catch(() => {});
    };
    source.onerror = () => { source.close(); if (!signal.aborted) this.end("ended"); };
  }
}

class OverWebSocket extends Way {
  #socket;

  async run(signal) {
    this.spend(1, "");
    const socket = (this.#socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${PATH}websocket`));
    socket.onmessage = ({ data }) => { if (!signal.aborted) { this.spend(0, data); this.receive(data); } };
    socket.onclose = () => { if (!signal.aborted) this.end("ended"); };
  }

  send(packet) { this.spend(0, packet); this.#socket.send(packet); }
  leave() { this.#socket.close(); }
}

const ways = [new ShortPolling("Short polling"), new Polling("Long polling"), new Stream("EventSource"), new OverWebSocket("WebSocket")];
const frames = []; // elements, the oldest first

/** A packet goes by. */
function show(way, direction, packet) {
  const arrow = element("span", { className: "way", textContent: direction === "in" ? "↓" : "↑" });
  arrow.setAttribute("aria-hidden", "true");
  frames.push(element("li", { className: direction }, arrow, heard(direction === "in" ? "received over " : "sent over "),
    element("span", { className: "over", textContent: way.title }),
    element("code", { textContent: packet.replaceAll(page, "…").slice(0, 200) })));
  if (frames.length > KEPT) frames.shift();
  plan();
}

let planned = false;
function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => { planned = false; draw(); });
}

const isOpen = () => ways.some(({ state }) => state === "open" || state === "opening");
const cells = new Map(ways.map((way) => [way, ["state", "requests", "bytes", "took"].map((name) => element("td", { className: name }))]));
$("ways-rows").append(...ways.map((way) => element("tr", {}, element("th", { scope: "row", textContent: way.title }), ...cells.get(way))));

const duration = (ms) => ms === null ? "–" : ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(1)} s`;

function draw() {
  for (const way of ways) {
    const { state, requests, bytes, took } = way;
    const texts = [state, String(requests), kilobytes(bytes), duration(took)];
    cells.get(way).forEach((cell, at) => { if (cell.textContent !== texts[at]) cell.textContent = texts[at]; });
  }
  const list = $("ways-frames");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  arrange(list, frames);
  if (isAtEnd) list.scrollTop = list.scrollHeight;
  $("ways-send").disabled = !ways.some(({ state }) => state === "open");
  $("ways-open").textContent = isOpen() ? "Close all" : "Open all four";
  $("ways-open").setAttribute("aria-pressed", String(isOpen()));
}

/** Closes all: nobody looks. */
export function rest() { for (const way of ways) way.close(); }

$("ways-open").addEventListener("click", () => {
  if (isOpen()) return rest();
  frames.length = 0;
  for (const way of ways) way.open();
  plan();
});
$("ways-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("ways-notice").textContent = "";
  for (const way of ways) way.expect();
  try { await connection.ask("postcard", { page, text: $("ways-text").value }); } catch (error) { $("ways-notice").textContent = error.message; }
});
$("ways").addEventListener("toggle", () => { if (!$("ways").open) rest(); });
addEventListener("pagehide", rest);
draw();
