// Writes payloads as Engine.IO 3's own parser does, for koio's unit tests:
//
//     node record-eio3.js > ../../koio/src/wire/tests/engineio_3.txt
//
// One JSON object a line: the packets (text, or the hex of a binary message), whether the client takes bytes, and the hex of the
// payload.
import { createRequire } from "node:module";

const require = createRequire(createRequire(import.meta.url).resolve("socket.io-client-2"));
const parser = require("engine.io-parser");

const TYPES = Object.keys(parser.packets);
const conversations = [
  [],
  ["4hello"],
  ["4"],
  ["6"],
  ["1"],
  ["6", "1"],
  ["2probe", "3probe", "5"],
  ['0{"sid":"x"}', "40"],
  ['42["a",1]', '42["b"]', "40/chat,"],
  ["4héllo €"],
  ["4😀", "4a😀b😀"],
  ["4\u{10ffff}\u{0}\n:1:"],
  ["4" + "x".repeat(9_998), "4é"],
  [{ hex: "" }],
  [{ hex: "01020304" }],
  [{ hex: "ff".repeat(200) }],
  ['451-["e",{"_placeholder":true,"num":0}]', { hex: "00ff3a31" }, "4é😀"],
  ["4a", { hex: "0a" }, "4b", { hex: "0b0c" }],
];

for (const packets of conversations) {
  for (const bytes of [true, false]) {
    const decoded = packets.map((packet) =>
      typeof packet === "string"
        ? { type: TYPES[packet[0]], data: packet.length > 1 ? packet.slice(1) : undefined }
        : { type: "message", data: Buffer.from(packet.hex, "hex") },
    );
    parser.encodePayload(decoded, bytes, (body) => {
      console.log(JSON.stringify({ packets, bytes, body: Buffer.from(body).toString("hex") }));
    });
  }
}
