// A Socket.IO client in one small file, so that the page works offline: WebSocket only, the default
// namespace, the default parser. It has the part of the official client's interface that the page
// uses, so the page runs on either.

const PACKET = /^([0-6])(?:(\d+)-)?(?:\/[^,]*,?)?(\d+)?(.*)$/s; // type, attachments, namespace, ack id, JSON
const EVENT = "2", ACK = "3", WITH_ATTACHMENTS = 3; // a type + 3 is the same type with attachments

export const io = (options) => new Socket(options).connect();

class Socket {
  id = undefined;
  connected = false;
  #path; #auth; #onFrame; #ws; #watchdog; #retry;
  #silence = 20_000; // how long the server may say nothing: its own number comes with the handshake
  #attempts = 0; #nextAck = 0;
  #acks = new Map(); #listeners = new Map();
  #partial = null; // a packet that waits for its attachments

  /** `onFrame("in" | "out", data)` sees every frame: a string, or an attachment's bytes. */
  constructor({ path = "/socket.io/", auth = {}, onFrame = () => {} } = {}) {
    this.#path = path; this.#auth = auth; this.#onFrame = onFrame;
  }

  connect() {
    clearTimeout(this.#retry);
    if (this.#ws) return this;
    const ws = (this.#ws = new WebSocket(`${location.origin.replace(/^http/, "ws")}${this.#path}?EIO=4&transport=websocket`));
    ws.binaryType = "arraybuffer";
    ws.onmessage = ({ data }) => {
      if (ws !== this.#ws) return;
      this.#onFrame("in", data);
      try { this.#receive(data); } catch (error) { reportError(error); this.#closed("parse error", true); }
    };
    ws.onclose = () => ws === this.#ws && this.#closed("transport close", true);
    this.#watch();
    return this;
  }

  disconnect() {
    if (this.connected) this.#write("41");
    this.#closed("io client disconnect", false);
    return this;
  }

  on(event, listener) { this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]); return this; }

  /** Sends an event; a function as the last argument is called with the answer. */
  emit(event, ...args) {
    const resolve = typeof args.at(-1) === "function" ? args.pop() : undefined;
    this.#event(event, args, resolve && { resolve });
    return this;
  }

  /** `timeout(ms).emitWithAck(..)` resolves with the answer, or rejects in time or at a disconnect. */
  timeout(ms) {
    return { emitWithAck: (event, ...args) => new Promise((resolve, reject) => {
      this.#event(event, args, { resolve, reject });
      setTimeout(reject, ms, new Error("operation has timed out"));
    }) };
  }

  #event(event, args, ack) {
    if (!this.connected) throw new Error("socket has been disconnected");
    const id = ack && this.#nextAck++;
    if (ack) this.#acks.set(id, ack);
    this.#send(EVENT, [event, ...args], id);
  }

  #send(type, data, id = "") {
    const attachments = [];
    const json = JSON.stringify(takeOut(data, attachments));
    const header = attachments.length ? `${Number(type) + WITH_ATTACHMENTS}${attachments.length}-` : type;
    this.#write(`4${header}${id}${json}`);
    for (const bytes of attachments) this.#write(bytes);
  }

  #write(data) {
    this.#onFrame("out", data);
    this.#ws.send(data);
  }

  #receive(data) { // Engine.IO
    if (typeof data !== "string") return this.#attachment(data);
    const rest = data.slice(1);
    switch (data[0]) {
      case "0": {
        const { pingInterval, pingTimeout } = JSON.parse(rest);
        this.#silence = pingInterval + pingTimeout;
        this.#write(`40${JSON.stringify(this.#auth)}`);
        return this.#watch();
      }
      case "1": return this.#closed("transport close", true);
      case "2": this.#write(`3${rest}`); return this.#watch();
      case "4": return this.#packet(rest);
    }
  }

  // The server pings; without a ping for that long the connection is dead, although nobody said so.
  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#closed("ping timeout", true), this.#silence);
  }

  #packet(text) {
    const match = PACKET.exec(text);
    if (!match || this.#partial) throw new Error(`unexpected packet: ${text.slice(0, 40)}`);
    const [, type, attachments = "0", id, json] = match;
    const packet = { type, id: id && Number(id), data: json && JSON.parse(json), missing: Number(attachments), found: [] };
    if (packet.missing > 0) this.#partial = packet; else this.#dispatch(packet);
  }

  #attachment(bytes) {
    const packet = this.#partial;
    if (!packet) throw new Error("an attachment without its packet");
    if (packet.found.push(bytes) < packet.missing) return;
    this.#partial = null;
    this.#dispatch({ ...packet, data: putBack(packet.data, packet.found) });
  }

  #dispatch({ type, id, data }) { // Socket.IO
    switch (type) {
      case "0": this.id = data.sid; this.connected = true; this.#attempts = 0; return this.#notify("connect");
      case "1": return this.#closed("io server disconnect", false);
      case "2": case "5": {
        const [event, ...args] = data;
        if (id !== undefined) args.push((...answer) => this.connected && this.#send(ACK, answer, id));
        return this.#notify(event, ...args);
      }
      case "3": case "6": this.#acks.get(id)?.resolve(...data); return this.#acks.delete(id);
      case "4": return this.#notify("connect_error", Object.assign(new Error(data.message), { data: data.data }));
    }
  }

  // Like the official client: a connection that was lost is made again, one that was ended is not.
  #closed(reason, again) {
    const [ws, wasConnected, pending] = [this.#ws, this.connected, this.#acks];
    clearTimeout(this.#watchdog); clearTimeout(this.#retry);
    Object.assign(this, { id: undefined, connected: false });
    this.#ws = this.#partial = null; this.#acks = new Map();
    ws?.close();
    // Half to one and a half of the delay: not everybody at once when the server comes back.
    if (again) this.#retry = setTimeout(() => this.connect(), Math.min(1000 * 2 ** this.#attempts++, 10_000) * (0.5 + Math.random()));
    for (const { reject } of pending.values()) reject?.(new Error("socket has been disconnected"));
    if (wasConnected) this.#notify("disconnect", reason);
    else if (again) this.#notify("connect_error", new Error("websocket error"));
  }

  #notify(event, ...args) { // a listener that throws is no reason to close the connection
    for (const listener of this.#listeners.get(event) ?? []) try { listener(...args); } catch (error) { reportError(error); }
  }
}

const mapValues = (value, change) => Array.isArray(value) ? value.map(change)
  : value && typeof value === "object" && !value.toJSON ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]))
  : value;

const takeOut = (value, found) => value instanceof ArrayBuffer || ArrayBuffer.isView(value)
  ? { _placeholder: true, num: found.push(value) - 1 }
  : mapValues(value, (inner) => takeOut(inner, found));

function putBack(value, found) {
  if (value?._placeholder !== true) return mapValues(value, (inner) => putBack(inner, found));
  if (!Number.isInteger(value.num) || !(value.num in found)) throw new Error("illegal attachments");
  return found[value.num];
}
