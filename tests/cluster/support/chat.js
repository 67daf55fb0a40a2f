// The chat of examples/chat on a server of Node with the stock adapter, page included: `REDIS_URL=redis://.. node chat.js`. It shares
// names, rooms and history with the chats of koio on that Redis. What they say to each other is in examples/chat/src/nodes.rs.
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const pub = createClient({ url: process.env.REDIS_URL });
const sub = pub.duplicate();
for (const client of [pub, sub]) client.on("error", () => {}); // it connects again
await Promise.all([pub.connect(), sub.connect()]);

// ---- The page, as koio's chat serves it.

const KINDS = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
const folder = fileURLToPath(new URL("../../../examples/chat/page/", import.meta.url));
const files = Object.fromEntries(readdirSync(folder).map((name) => [`/${name}`, readFileSync(folder + name)]));
const http = createServer(({ url }, response) => {
  const path = url === "/" ? "/index.html" : url.split("?")[0];
  if (!(path in files)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": KINDS[path.split(".").at(-1)] }).end(files[path]);
});

// ---- Who is there.

const io = new Server(http, { adapter: createAdapter(pub, sub), maxHttpBufferSize: 1_300_000 });
const EVERYONE = "everyone";
const people = new Map(); // by room: everybody who was seen, with their keys
const roomOf = ({ id }) => `@${id.toLowerCase()}`;
const refused = (code, message) => Object.assign(new Error(message), { code });

/** Everybody who is logged in on any server, by room. Of two who claim one name the one of this server may have to go. */
async function look() {
  const online = new Map();
  for (const socket of await io.in(EVERYONE).fetchSockets()) {
    const { data } = socket;
    if (!data.id) continue;
    const other = online.get(roomOf(data));
    const isOnePerson = data.key && data.key === other?.data.key;
    const isLater = other && (data.since > other.data.since || (data.since === other.data.since && socket.id > other.id));
    const [stays, goes] = !other || isLater === Boolean(isOnePerson) ? [socket, other] : [other, socket];
    if (goes) io.sockets.sockets.get(goes.id)?.disconnect();
    online.set(roomOf(data), stays);
    people.set(roomOf(data), stays.data);
  }
  return online;
}

const names = (online) => [...online.keys()].sort().map((room) => online.get(room).data.id);

let announced = "";
async function announce() {
  const users = names(await look());
  if (String(users) === announced) return;
  announced = String(users);
  io.local.emit("users", users);
}
// A server that dies tells nobody.
setInterval(() => announce().catch(() => {}), 3_000);
io.on("people", () => announce().catch(() => {}));

// ---- What was said: `by`, `to` (of a private message) and `message`. Bytes are base64 between servers.

const history = new Map(); // by id and author
const order = ({ by, message }) => `${String(message.id).padStart(16)} ${roomOf(by)}`;
const sorted = () => [...history.keys()].sort().map((key) => history.get(key));
const kept = (one) => { if (!history.has(order(one))) history.set(order(one), one); };

/** As its author sees it, or as others do. */
function shown({ by, to, message: { tag, room, image, ...message } }, isOwn) {
  const other = isOwn ? to : by;
  return {
    ...message,
    ...(image && { image: { name: image.name, bytes: Buffer.from(image.bytes, "base64") } }),
    ...(isOwn && tag && { tag }),
    room: to ? `@${other.id}` : room,
  };
}

io.on("said", kept);
io.on("history", (theirs, answer) => {
  answer(sorted());
  theirs.forEach(kept);
});
io.serverSideEmit("history", [], (error, answers) => answers.flat().forEach(kept));

/** The room that a key means, and whose it is if it is one person's. */
function find(socket, key) {
  if (key[0] === "@") {
    const to = people.get(key.trim().toLowerCase());
    if (!to) throw refused("no_such_person", "Nobody of that name is known here.");
    return [roomOf(to), { id: to.id, key: to.key }];
  }
  if (!socket.rooms.has(key)) throw refused("not_in_room", "Join the group first.");
  return [key, null];
}

function say(socket, key, what, tag) {
  const [room, to] = find(socket, key);
  const { id: from, key: secret } = socket.data;
  const by = { id: from, key: secret };
  const conversation = to ? [roomOf(by), room].sort().join("") : key;
  const isRetry = (one) => tag && one.message.tag === tag && one.message.room === conversation && roomOf(one.by) === roomOf(by);
  const earlier = sorted().find(isRetry);
  if (earlier) return { id: earlier.message.id, at: earlier.message.at };
  const at = Date.now();
  const id = Math.max(at, (sorted().at(-1)?.message.id ?? 0) + 1);
  const one = { by, to, message: { id, at, room: conversation, from, tag, ...what } };
  kept(one);
  io.serverSideEmit("said", one);
  const [own, others] = [shown(one, true), shown(one, false)];
  io.to(roomOf(by)).emit("message", own);
  socket.to(room).timeout(10_000).emit("message", others, (error, answers) => {
    if (answers.length) io.to(roomOf(by)).emit("delivered", { room: own.room, id, count: answers.length });
  });
  return { id, at };
}

// ---- What pages say.

const EVENTS = {
  async login(socket, { id, key }) {
    const online = await look();
    const there = online.get(`@${id.toLowerCase()}`);
    const owner = people.get(`@${id.toLowerCase()}`);
    if (there?.id !== socket.id) {
      if (owner && (owner.key !== key || (!key && there))) throw refused("name_taken", "This name is taken.");
      socket.data = { id: owner?.id ?? id, key, since: Math.max(Date.now(), (there?.data.since ?? 0) + 1) };
      socket.join([EVERYONE, roomOf(socket.data)]);
    }
    io.serverSideEmit("people");
    await announce();
    const isTheirs = ({ by, to, message }) => message.room === EVERYONE
      || (key && to && [by, to].some((one) => roomOf(one) === roomOf(socket.data)));
    const rooms = { [EVERYONE]: [] };
    for (const one of sorted().filter(isTheirs)) {
      const message = shown(one, roomOf(one.by) === roomOf(socket.data));
      (rooms[message.room] ??= []).push(message);
    }
    return { id: socket.id, name: socket.data.id, users: names(await look()), groups: {}, history: rooms };
  },
  sendMsg: (socket, { newAccount, tag }) => say(socket, EVERYONE, { text: newAccount }, tag),
  private: (socket, { to, room, text, tag }) => say(socket, `@${to ?? room}`, { text }, tag),
  group: (socket, { room, text, tag }) => say(socket, `#${room}`, { text }, tag),
  image: (socket, { room, name, bytes, tag }) =>
    say(socket, room ?? EVERYONE, { image: { name, bytes: bytes.toString("base64") } }, tag),
  join(socket, { room }) {
    socket.join(`#${room}`);
    const there = sorted().filter(({ message }) => message.room === `#${room}`);
    return { room, history: there.map((one) => shown(one, roomOf(one.by) === roomOf(socket.data))) };
  },
  leave: (socket, { room }) => void socket.leave(`#${room}`),
  typing(socket, { room: key }) {
    const [room, to] = find(socket, key);
    socket.to(room).volatile.emit("typing", { room: to ? `@${socket.data.id}` : key, from: socket.data.id });
  },
  rtt() {},
};

io.on("connection", (socket) => {
  for (const [event, handle] of Object.entries(EVENTS)) {
    socket.on(event, async (...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : () => {};
      try {
        if (!socket.data.id && event !== "login" && event !== "rtt") throw refused("not_logged_in", "Log in first.");
        answer(await handle(socket, ...args));
      } catch ({ code = "internal", message }) {
        answer({ error: { code, message } });
      }
    });
  }
  socket.on("disconnect", () => {
    io.serverSideEmit("people");
    announce().catch(() => {});
  });
});

http.listen(Number(process.env.PORT ?? 3002), "127.0.0.1", () => {
  console.error(`listening on http://127.0.0.1:${http.address().port}`);
});
