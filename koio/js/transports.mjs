// Two more transports for the official client: server-sent events, and short polling. No dependencies.
//
//   import * as client from "socket.io-client"; // or a server's own "/socket.io/socket.io.esm.min.js"
//   import { transports } from "./transports.mjs";
//
//   const { EventSourceTransport, ShortPolling } = transports(client);
//   const socket = client.io({ transports: [EventSourceTransport, client.WebSocket] });
//
// The session, acks, binary, rooms, reconnecting and the upgrade to WebSocket are the client's own. The server allows
// EventSource by `config.engine.event_source = true`. Short polling needs nothing.

/** How often, and after how many milliseconds, a lost stream is asked for again. One that has lasted for longer begins anew. */
const TRIES = [0, 250, 1_000];

/** Milliseconds from an answer of the server to the next poll. */
const DELAY = 1_000;

/** The classes, made of those of a client: its module (`import * as client`), or any object with its `Fetch`. */
export function transports({ Fetch }) {
  if (typeof Fetch !== "function") {
    throw new TypeError("transports(client) needs the client's `Fetch`: `import * as client from \"socket.io-client\"`, 4.8 or later");
  }
  // `Fetch` is a polling transport, and that is a transport, which no client exports by itself.
  const Transport = Object.getPrototypeOf(Object.getPrototypeOf(Fetch));

  /** Packets down as server-sent events, and up with POSTs. */
  class EventSourceTransport extends Fetch {
    get name() {
      return "eventsource";
    }

    doOpen() {
      this.received = 0;
      this.released = false;
      this.tries = 0;
      this.listen();
    }

    /** Asks for the stream: the first one, or another behind what was received. */
    listen() {
      this.begun = Date.now();
      const events = {
        data: (data) => this.onEvent(data),
        // The server's answer can't be read: it refuses, or is no server of koio's.
        refused: (error) => this.onError("eventsource error", error),
        lost: (error) => this.onLost(error),
      };
      const native = typeof EventSource === "function" && !this.opts.extraHeaders && !this.opts.fetchEvents;
      this.stream = native ? nativeStream(this, events) : fetchStream(this, events);
    }

    uri() {
      if (this.query.sid) this.query.received = this.received;
      return super.uri();
    }

    onEvent(data) {
      this.received++;
      this.tries = 0;
      // A text with a line break.
      if (data[0] === "t") data = fromBase64(data.slice(1));
      Transport.prototype.onData.call(this, data);
    }

    onPacket(packet) {
      // Behind a noop the server holds further packets back, until it knows that this client stays.
      this.released = packet.type === "noop";
      if (packet.type === "open" && this.readyState === "opening") this.onOpen();
      if (packet.type === "close") {
        this.stop();
        // The client takes the packets before it a tick later.
        const closed = () => this.readyState !== "closed" && this.onClose({ description: "transport closed by the server" });
        this.setTimeoutFn(closed, 0);
        return;
      }
      super.onPacket(packet);
      if (this.released) this.emitReserved("released");
    }

    /** The stream has ended: a proxy does so, or a line breaks. */
    onLost(error) {
      // A proxy may end each stream between two packets.
      if (Date.now() - this.begun > TRIES.at(-1)) this.tries = 0;
      const delay = TRIES[this.tries++];
      const goesOn = this.readyState === "open" || this.readyState === "pausing";
      if (!goesOn || delay === undefined) return this.onError("eventsource error", error);
      this.again = this.setTimeoutFn(() => this.listen(), delay);
    }

    /** Called when the client moves to another transport: waits for what is under way. */
    pause(onPause) {
      this.readyState = "pausing";
      let left = 2;
      const ready = () => {
        if (--left > 0) return;
        this.readyState = "paused";
        this.stop();
        onPause();
      };
      this.released ? ready() : this.once("released", ready);
      this.writable ? ready() : this.once("drain", ready);
    }

    /** As the client's own, but cuts what is longer than the server takes at once. */
    doWrite(payload, callback) {
      const bodies = cut(payload, this.socket._maxPayload || Infinity);
      const next = () => (bodies.length > 0 ? super.doWrite(bodies.shift(), next) : callback());
      next();
    }

    close() {
      if (this.readyState === "pausing") this.onClose();
      return super.close();
    }

    doClose() {
      // A client that is still opening has no session to say goodbye to.
      if (this.readyState === "open") this.write([{ type: "close" }]);
      this.stop();
    }

    stop() {
      this.clearTimeoutFn(this.again);
      this.stream?.close();
    }

    onClose(details) {
      this.stop();
      super.onClose(details);
    }

    onError(reason, description, context) {
      this.stop();
      return super.onError(reason, description, context);
    }
  }

  /** Polls that the server answers at once, each a while after the last: `transportOptions: { polling: { delay: 500 } }`. */
  class ShortPolling extends Fetch {
    uri() {
      this.query.wait = 0;
      return super.uri();
    }

    doPoll() {
      // Nothing is awaited while it opens, or moves to another transport.
      if (this.readyState !== "open") return super.doPoll();
      this.poll = () => {
        this.poll = undefined;
        this.clearTimeoutFn(this.timer);
        if (this.readyState !== "closed") super.doPoll();
      };
      this.timer = this.setTimeoutFn(this.poll, this.opts.delay ?? DELAY);
    }

    pause(onPause) {
      super.pause(onPause);
      this.poll?.();
    }

    onClose(details) {
      this.clearTimeoutFn(this.timer);
      super.onClose(details);
    }
  }

  return { EventSourceTransport, ShortPolling };
}

/** A stream by the browser's EventSource. */
function nativeStream(transport, events) {
  const source = new EventSource(transport.uri(), { withCredentials: transport.opts.withCredentials });
  source.onmessage = ({ data }) => events.data(data);
  source.onerror = (error) => {
    // It would ask for the first stream again.
    const refused = source.readyState === EventSource.CLOSED;
    source.close();
    refused ? events.refused(error) : events.lost(error);
  };
  return source;
}

/** A stream by `fetch`: where there is no EventSource, and with headers of the application's own. */
function fetchStream(transport, events) {
  const abort = new AbortController();
  const { opts, socket } = transport;
  const headers = new Headers(opts.extraHeaders);
  headers.set("accept", "text/event-stream");
  socket._cookieJar?.appendCookies(headers);
  const read = async () => {
    const answer = await fetch(transport.uri(), {
      headers,
      cache: "no-store",
      credentials: opts.withCredentials ? "include" : "omit",
      signal: abort.signal,
    });
    socket._cookieJar?.parseCookies(answer.headers.getSetCookie());
    if (!answer.ok) return events.refused(answer.status);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines) {
        if (abort.signal.aborted) return;
        if (line.startsWith("data: ")) events.data(line.slice(6));
      }
    }
    events.lost();
  };
  read().catch((error) => abort.signal.aborted || events.lost(error));
  return { close: () => abort.abort() };
}

function fromBase64(text) {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

/** Cuts a payload between its packets, so that no body has more bytes; a packet that has more stays whole. */
function cut(payload, max) {
  // No character has more than three bytes in UTF-8.
  if (payload.length * 3 <= max) return [payload];
  const size = new TextEncoder();
  const bodies = [];
  let left = 0;
  for (const packet of payload.split("\x1e")) {
    const bytes = size.encode(packet).length + 1;
    if (bytes <= left) {
      bodies.push(`${bodies.pop()}\x1e${packet}`);
    } else {
      bodies.push(packet);
      left = max;
    }
    left -= bytes;
  }
  return bodies;
}
