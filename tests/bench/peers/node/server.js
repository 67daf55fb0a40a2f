// The events of the bench on Socket.IO. It prints `listening on ADDRESS` and ends with its standard input.
//
// `--redis redis://ADDRESS` joins the cluster there. `--deflate 1` compresses messages.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values: asked } = parseArgs({ options: { redis: { type: "string" }, deflate: { type: "string" } } });
const http = createServer();
const io = new Server(http, { serveClient: false, perMessageDeflate: asked.deflate === "1" });

if (asked.redis) {
  const publishes = createClient({ url: asked.redis });
  const subscribes = publishes.duplicate();
  await Promise.all([publishes.connect(), subscribes.connect()]);
  io.adapter(createAdapter(publishes, subscribes));
}

io.on("connection", (socket) => {
  for (const event of ["echo", "json", "value", "struct", "binary"]) {
    socket.on(event, (argument, ack) => ack(argument));
  }
  for (const event of ["await", "overlap"]) {
    socket.on(event, async (text, ack) => {
      await null;
      ack(text);
    });
  }
  socket.on("pause", (text, ack) => setTimeout(ack, 20, text));
  socket.on("cast", (text) => io.emit("news", text));
  socket.on("cast-json", (value) => io.emit("news", value));
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack();
  });
  socket.on("say", (room, text) => io.to(room).emit("news", text));
});

http.listen(0, "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
process.stdin.resume().on("end", () => process.exit(0));
