// What a packet of Engine.IO is, in words, for the panel that shows them going by.

import { key } from "/store.js";

const SOCKET_IO = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "EVENT", "ACK"]; // the last two with attachments
const HEADER = /^([0-6])(?:(\d+)-)?(?:\/[^,]*,)?(\d+)?/; // type, attachments, ack id
const EVENT_NAME = /^\["(?:[^"\\]|\\.)*"/;
const SHOWN = 2_000; // characters
const DIGITS = { open: 0, close: 1, ping: 2, pong: 3, message: 4, upgrade: 5, noop: 6 };

const asked = new Map(); // events that wait for an answer, by direction and ack id

export function describe(direction, type, data = "") {
  const frame = { direction, at: new Date(), type: type.toUpperCase(), event: "", ack: "", size: 0, text: "" };
  if (direction === "note") return { ...frame, type: "NOTE", event: type };
  if (typeof data !== "string") {
    const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
    const start = [...bytes.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return { ...frame, type: "BINARY", event: "attachment", size: bytes.length, text: bytes.length > 32 ? `${start} …` : start };
  }
  const whole = `${DIGITS[type] ?? ""}${data}`;
  Object.assign(frame, { size: new TextEncoder().encode(whole).length, text: shorten(whole) });
  if (type === "open") asked.clear(); // the numbers begin anew
  return type === "message" ? { ...frame, ...socketIo(direction, data) } : frame;
}

function socketIo(direction, data) {
  const [header, type, attachments, ack = ""] = HEADER.exec(data) ?? [""];
  if (!header) return {};
  const kind = SOCKET_IO[type];
  const name = kind === "EVENT" ? (EVENT_NAME.exec(data.slice(header.length).slice(0, 500))?.[0] ?? '[""').slice(1) : '""';
  let event = JSON.parse(name);
  if (kind === "EVENT" && ack) asked.set(`${direction} ${ack}`, event);
  if (kind === "ACK") {
    const question = `${direction === "in" ? "out" : "in"} ${ack}`;
    event = asked.get(question) ?? "";
    asked.delete(question);
  }
  return { type: attachments ? `${kind} + ${attachments}` : kind, event, ack };
}

/** Our key is nobody's business who looks over our shoulder. */
function shorten(text) {
  const hidden = text.replaceAll(key, "…");
  return hidden.length > SHOWN ? `${hidden.slice(0, SHOWN)} …` : hidden;
}
