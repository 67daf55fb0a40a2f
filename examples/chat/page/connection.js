// The connection to the server: on which client, over which transport, and whether it is up. What
// listens to it does not notice when it changes to another transport.

import { io as builtIn } from "/client.js";

const PATIENCE = 15_000; // for an answer
const ROUND_TRIP_EVERY = 5_000;

/** What the visitor can choose from. The built-in client knows the first one only. */
export const TRANSPORTS = {
  websocket: { title: "WebSocket", transports: ["websocket"] },
  polling: { title: "Long polling", transports: ["polling"] },
  upgrade: { title: "Polling, then upgrade", transports: ["polling", "websocket"] },
};

class Connection {
  isOfficial = false;
  choice = "websocket";
  transport = null; // in use now
  roundTrip = null; // ms
  #socket = null;
  #listeners = [];
  #onChange = () => {};
  #onFrame = () => {};

  get connected() { return this.#socket?.connected ?? false; }

  /** `onFrame(direction, type, data)`: every packet of Engine.IO; `onChange()`: transport or round-trip time. */
  watch({ onChange, onFrame }) {
    this.#onChange = onChange;
    this.#onFrame = onFrame;
    setInterval(() => { if (!document.hidden) this.measure(); }, ROUND_TRIP_EVERY);
  }

  on(event, listener) { this.#listeners.push([event, listener]); }

  /** Connects, instead of however it was connected before. */
  async use(choice, isOfficial) {
    if (isOfficial) await loadOfficial();
    const old = this.#socket;
    Object.assign(this, { choice, isOfficial, transport: null, roundTrip: null });
    this.#socket = isOfficial ? this.#official(TRANSPORTS[choice].transports) : this.#builtIn();
    old?.disconnect();
    const socket = this.#socket;
    for (const [event, listener] of this.#listeners) {
      socket.on(event, (...args) => { if (socket === this.#socket) listener(...args); });
    }
    this.#onChange();
  }

  reconnect() {
    this.#socket.connect();
    if (this.isOfficial) this.#watchEngine(this.#socket);
  }

  disconnect() { this.#socket.disconnect(); }

  /** Sends an event and waits for its answer; an answer that says `error` is thrown. */
  async ask(event, ...payload) {
    // The official client would keep the event and send it before the new connection has logged in.
    if (!this.connected) throw new Error("There is no connection to the server.");
    const answer = await this.#socket.timeout(PATIENCE).emitWithAck(event, ...payload);
    if (answer?.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer;
  }

  /** Sends what may be lost. */
  hint(event, payload) { if (this.connected) this.#socket.emit(event, payload); }

  async measure() {
    if (!this.connected) return;
    const [socket, started] = [this.#socket, performance.now()];
    try { await this.ask("rtt"); } catch { return; }
    if (socket !== this.#socket) return;
    this.roundTrip = performance.now() - started;
    this.#onChange();
  }

  #builtIn() {
    this.transport = "websocket";
    return builtIn({
      onFrame: (direction, data) => typeof data === "string"
        ? this.#onFrame(direction, ENGINE[data[0]], data.slice(1))
        : this.#onFrame(direction, "message", data),
    });
  }

  #official(transports) {
    const socket = window.io({ transports, forceNew: true });
    // The engine of the next attempt exists as soon as the manager has finished announcing it.
    socket.io.on("reconnect_attempt", () => queueMicrotask(() => this.#watchEngine(socket)));
    this.#watchEngine(socket);
    return socket;
  }

  #watchEngine(socket) {
    const { engine } = socket.io;
    if (!engine || engine.isWatched) return;
    engine.isWatched = true;
    const isOurs = () => socket === this.#socket || this.#socket === null;
    const used = () => { if (isOurs()) { this.transport = engine.transport.name; this.#onChange(); } };
    engine.on("packet", ({ type, data }) => { if (isOurs()) this.#onFrame("in", type, data); });
    engine.on("packetCreate", ({ type, data }) => { if (isOurs()) this.#onFrame("out", type, data); });
    engine.on("open", used);
    if (engine.transport.name === "polling") engine.transport.on("poll", () => { if (isOurs()) this.#onFrame("note", "GET, waits for news"); });
    engine.on("upgrading", ({ name }) => { if (isOurs()) this.#onFrame("note", `probing ${name}`); });
    engine.on("upgrade", ({ name }) => { if (isOurs()) this.#onFrame("note", `upgraded to ${name}`); used(); });
  }
}

const ENGINE = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

async function loadOfficial() {
  if (window.io) return;
  try {
    await import("/socket.io/socket.io.min.js");
  } catch {
    throw new Error("The server was started without the official client. Run npm install socket.io-client, and start it with CLIENT_DIR=node_modules/socket.io-client/dist.");
  }
}

export const connection = new Connection();
