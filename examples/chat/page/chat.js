// The page: who we are, what the server says, and what is on the screen. What is said is in
// conversations.js, how it is sent in outbox.js, and over what in connection.js.

import { announce, drawAttention } from "/attention.js";
import { drawComposer, typing } from "/composer.js";
import { connection } from "/connection.js";
import { changed, conversation, conversations, onChange, state } from "/conversations.js";
import { $, arrange, avatar, icon } from "/elements.js";
import { drawTransport, offerTransports, show as showFrame } from "/frames.js";
import { Log } from "/log.js";
import * as outbox from "/outbox.js";
import { drawSidebar, neighbour, walk } from "/sidebar.js";
import { enter, forget, key as ourKey, lastName, remember, store } from "/store.js";
import * as windows from "/windows.js";

const isOfficial = new URLSearchParams(location.search).get("client") === "official";
const isPhone = matchMedia("(max-width: 44rem)");
const logs = new WeakMap(); // by conversation
state.isLooking = () => !document.hidden && $("conversation").clientWidth > 0; // on a phone the list may be in its place

// ---- Coming and going.

/** From here on we are `name`, also while there is no connection. */
function become(name) {
  state.me = name;
  if (store.name !== name) enter(name);
  outbox.restore();
  $("login").hidden = true;
  $("chat").hidden = false;
  $("me").textContent = name;
  arrange($("my-face"), [avatar(name)]);
  if (!state.current) open(conversation("everyone"), false);
}

async function login(name) {
  windows.take(name);
  const { users, groups = {}, history = {} } = await connection.ask("login", { id: name, key: ourKey });
  become(name);
  state.online = users;
  arrange($("known-groups"), Object.keys(groups).map((value) => Object.assign(document.createElement("option"), { value })));
  for (const [key, messages] of Object.entries(history)) conversation(key).receiveHistory(messages);
  for (const room of store.groups) await join(room).catch((error) => { if (!error.code) throw error; }); // refused, or cut off
  status("online", "Online");
  outbox.open();
  connection.measure();
}

async function join(name) {
  const { room, history } = await connection.ask("join", { room: name });
  if (!store.groups.includes(room)) remember({ groups: [...store.groups, room] });
  const joined = conversation(`#${room}`);
  joined.receiveHistory(history);
  changed();
  return joined;
}

async function leave({ key, title }) {
  await connection.ask("leave", { room: title });
  remember({ groups: store.groups.filter((room) => room !== title) });
  conversations.delete(key);
  open(conversation("everyone"));
}

connection.on("connect", async () => {
  $("enter").disabled = false;
  $("login-error").textContent = "";
  if (!store.name || isElsewhere()) return;
  try {
    await login(store.name);
  } catch (error) {
    // The name went to somebody else meanwhile; without a code the connection was lost again.
    if (error.code) ask(error.message);
  }
});

function ask(error) {
  forget();
  showLogin();
  $("login-error").textContent = error;
}

function showLogin() {
  $("chat").hidden = true;
  $("login").hidden = false;
  $("name").focus();
}

connection.on("disconnect", (reason) => {
  offline();
  // The one end that neither client comes back from by itself: the server asked us to go.
  if (reason === "io server disconnect" && !isElsewhere()) setTimeout(() => connection.reconnect(), 1_000 + Math.random() * 2_000);
});

connection.on("connect_error", () => offline());

function offline() {
  outbox.close();
  $("enter").disabled = true;
  if (isElsewhere()) return;
  status("offline", "Reconnecting …");
  $("login-error").textContent = "No connection to the server; trying again …";
}

windows.share(() => isElsewhere() ? null : state.me, () => status("elsewhere", "In another window"));
const isElsewhere = () => document.body.dataset.status === "elsewhere";
$("take-over").addEventListener("click", () => {
  status("offline", "Connecting …");
  if (connection.connected) login(state.me).catch(() => {});
  else connection.reconnect();
});

function status(kind, text) {
  document.body.dataset.status = kind;
  $("status").textContent = text;
  changed();
}

// ---- What the server says.

connection.on("users", (users) => { state.online = users; changed(); });

connection.on("message", (message, acknowledge) => {
  const where = conversation(message.room);
  where.receive(message);
  acknowledge?.();
  if (message.from !== state.me && !where.isRead) announce(where, message);
});

connection.on("typing", ({ room, from }) => typing(conversation(room), from));
connection.on("delivered", ({ room, id, count }) => conversation(room).deliver(id, count));

// ---- What a person does.

function open(opened, byHand = true) {
  if (state.current && state.current !== opened) state.current.firstUnread = null;
  state.current = opened;
  // On a phone the list and the conversation take turns, and the browser's way back leads to the list.
  if (byHand && isPhone.matches && !history.state?.isReading) history.pushState({ isReading: true }, "");
  document.body.classList.toggle("reading", byHand);
  if (state.isLooking()) opened.read();
  changed();
  if (byHand) log(opened).toEnd();
  if (byHand) $(isPhone.matches ? "back" : "text").focus(); // a phone's keyboard would hide half of it
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("login-error").textContent = "";
  try {
    await login($("name").value.trim());
    $("text").focus();
  } catch (error) {
    $("login-error").textContent = error.message;
  }
});

$("join").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("join-error").textContent = "";
  try {
    const joined = await join($("room").value.trim());
    $("room").value = "";
    showJoin(false);
    open(joined);
  } catch (error) {
    $("join-error").textContent = error.message;
  }
});

function showJoin(isShown) {
  $("join").hidden = !isShown;
  $("join-toggle").setAttribute("aria-expanded", String(isShown));
  (isShown ? $("room") : $("join-toggle")).focus();
}

$("join-toggle").addEventListener("click", () => showJoin($("join").hidden));
$("join").addEventListener("keydown", (event) => { if (event.key === "Escape") showJoin(false); });
$("leave").addEventListener("click", () => leave(state.current).catch((error) => { $("notice").textContent = error.message; }));

function toList() {
  document.body.classList.remove("reading");
  document.querySelector("[aria-current]")?.focus();
}
$("back").addEventListener("click", () => history.state?.isReading ? history.back() : toList());
window.addEventListener("popstate", ({ state }) => { if (isPhone.matches && !state?.isReading) toList(); });

$("sign-out").addEventListener("click", () => { forget(); location.reload(); });
$("to-end").addEventListener("click", () => log(state.current).toEnd());
$("sidebar").addEventListener("keydown", walk);

document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!event.altKey || !step || !state.current) return;
  event.preventDefault();
  open(neighbour(step));
});

document.addEventListener("visibilitychange", () => { if (state.isLooking()) state.current?.read(); });

// ---- What is on the screen.

function log(conversation) {
  if (!logs.has(conversation)) {
    const made = new Log(conversation);
    made.onMove = () => { if (state.current === conversation) $("to-end").hidden = made.isAtEnd; };
    logs.set(conversation, made);
  }
  return logs.get(conversation);
}

onChange(() => {
  const { current } = state;
  if (!current) return;
  drawSidebar(open);
  drawHeader(current);
  arrange($("logs"), [log(current).node]);
  log(current).draw();
  drawComposer();
  drawAttention();
});

function drawHeader({ kind, title, isOnline }) {
  $("title").textContent = title;
  $("subtitle").textContent = {
    everyone: `${state.online.length} online`,
    group: "Group",
    person: isOnline ? "Online" : "Offline: reads it on coming back",
  }[kind];
  const face = `${kind} ${title}`;
  if ($("face").dataset.of !== face) {
    $("face").dataset.of = face;
    arrange($("face"), [kind === "person" ? avatar(title) : icon(kind)]);
  }
  $("leave").hidden = kind !== "group";
}

connection.watch({
  onFrame: showFrame,
  onChange() {
    const { transport, roundTrip } = connection;
    $("transport").textContent = { websocket: "WebSocket", polling: "Long polling" }[transport] ?? "";
    $("round-trip").textContent = roundTrip === null ? "" : `${roundTrip < 10 ? roundTrip.toFixed(1) : Math.round(roundTrip)} ms`;
    drawTransport();
  },
});

offerTransports(async (choice) => {
  await connection.use(choice, isOfficial || choice !== "websocket");
  offline();
});

// A new window is who the browser was last, unless that one is still here in another window.
status("offline", "Connecting …");
if (store.name) {
  become(store.name);
} else if (lastName && !await windows.isTaken(lastName)) {
  become(lastName);
} else {
  showLogin();
  $("in-use").hidden = !lastName;
  $("last-name").textContent = lastName;
}
connection.use("websocket", isOfficial).catch((error) => {
  showLogin();
  $("login-error").textContent = error.message;
});
