// The page: names, conversations and what is said in them. Whatever comes from other people reaches
// the document through `textContent` only, and their images through a Blob.

const LINES = 500; // of one conversation that stay on the page
const IMAGE_BYTES = 900_000; // below what the server takes in one message
const PATIENCE = 5_000; // for an answer

const $ = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const official = new URLSearchParams(location.search).get("client") === "official";
const socket = await connect();

let me = null; // the name we are known by, once we are
let group = null; // the group we are in: one at a time
let online = [];
let current; // the conversation on the screen
const conversations = new Map();

async function connect() {
  try {
    if (!official) return (await import("/client.js")).io();
    await import("/socket.io.min.js");
    return window.io();
  } catch (error) {
    $("login-error").textContent = "The client could not be loaded. For the official one, start the server with CLIENT_DIR.";
    throw error;
  }
}

/** Sends an event and waits for its answer; an answer that says `error` is thrown. */
async function ask(event, payload) {
  // The official client would keep the event and send it before the new connection has logged in.
  if (!socket.connected) throw new Error("There is no connection to the server.");
  const answer = await socket.timeout(PATIENCE).emitWithAck(event, payload);
  if (answer?.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer;
}

/** Runs what a person asked for, and tells them if it fails. */
async function attempt(action, where = $("notice")) {
  where.textContent = "";
  try {
    return await action();
  } catch (error) {
    where.textContent = error.message;
  }
}

// ---- Conversations: everyone, one group, and one for each person we talk to in private.

class Conversation {
  unread = 0;
  log = document.createElement("ol");

  constructor(title, send, person) {
    this.title = title;
    this.send = send; // async (text) => {}
    this.person = person;
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", title);
    this.log.tabIndex = 0;
    this.log.hidden = true;
    $("logs").append(this.log);
  }

  show() {
    for (const other of conversations.values()) other.log.hidden = other !== this;
    current = this;
    this.unread = 0;
    this.log.scrollTop = this.log.scrollHeight;
    $("notice").textContent = "";
    render();
    $("text").focus();
  }

  say(from, content, at = Date.now()) {
    const time = new Date(at);
    const line = element("li", { className: from === me ? "own" : "" },
      element("header", {},
        element("bdi", { textContent: from }),
        element("time", { textContent: time.toLocaleTimeString([], { timeStyle: "short" }), dateTime: time.toISOString() })),
      content);
    line.style.setProperty("--hue", hue(from));
    this.append(line);
    if (from !== me && (this !== current || document.hidden)) this.unread += 1;
    render();
  }

  note(text) {
    this.append(element("li", { className: "note", textContent: text }));
  }

  append(line) {
    this.log.append(line);
    if (this.log.children.length > LINES) this.log.firstElementChild.remove();
    this.follow(line.offsetHeight);
  }

  /** Keeps the end in sight when `height` was added to it, unless somebody reads further up. */
  follow(height) {
    const below = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
    if (below < height + 60) this.log.scrollTop = this.log.scrollHeight;
  }
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const paragraph = (text) => element("p", { textContent: text, dir: "auto" });
const hue = (name) => [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);

const everyone = new Conversation("Everyone", (text) => ask("sendMsg", { newAccount: text }));
conversations.set("everyone", everyone);
current = everyone;

function withPerson(name) {
  const key = `person ${name}`;
  if (!conversations.has(key)) {
    const conversation = new Conversation(name, async (text) => {
      const { delivered } = await ask("private", { to: name, text });
      if (!delivered) throw new Error(`${name} is not online.`);
      conversation.say(me, paragraph(text));
    }, name);
    conversations.set(key, conversation);
  }
  return conversations.get(key);
}

function inGroup(room) {
  const key = `group ${room}`;
  if (!conversations.has(key)) {
    conversations.set(key, new Conversation(room, (text) => ask("group", { room, text })));
  }
  return conversations.get(key);
}

// ---- What is on the screen.

function render() {
  const rooms = [everyone, ...(group === null ? [] : [inGroup(group)])];
  $("rooms").replaceChildren(...rooms.map((room) => entry(room.title, room, () => room.show())));

  const talked = [...conversations.values()].flatMap(({ person }) => person ?? []);
  const away = talked.filter((name) => !online.includes(name));
  $("people").replaceChildren(...[...online, ...away].map((name) => {
    const item = entry(name, conversations.get(`person ${name}`), () => withPerson(name).show());
    item.classList.toggle("away", !online.includes(name));
    if (name === me) {
      item.firstChild.disabled = true;
      item.firstChild.append(element("span", { className: "you", textContent: "you" }));
    }
    return item;
  }));

  $("count").textContent = online.length;
  $("me").textContent = me;
  $("title").textContent = current.title;
  $("leave").hidden = group === null || current !== inGroup(group);
  $("join").hidden = group !== null;
  $("attach").hidden = current !== everyone;
  $("text").placeholder = current === everyone ? "Say something to everyone" : `Say something to ${current.title}`;
  for (const id of ["enter", "send", "text", "image"]) $(id).disabled = !socket.connected;
  const unread = [...conversations.values()].reduce((sum, conversation) => sum + conversation.unread, 0);
  document.title = unread ? `(${unread}) koio chat` : "koio chat";
}

function entry(title, conversation, open) {
  const button = element("button", { type: "button", onclick: open },
    element("bdi", { textContent: title }),
    element("span", { className: "unread", textContent: conversation?.unread || "" }));
  if (conversation && conversation === current) button.setAttribute("aria-current", "true");
  return element("li", {}, button);
}

function status(text, isOnline) {
  $("status").textContent = text;
  $("status").classList.toggle("online", isOnline);
  render();
}

function offline(text) {
  status(text, false);
  $("login-error").textContent = text;
}

// ---- What a person does.

async function enter(name) {
  const { users } = await ask("login", { id: name });
  me = name;
  online = users;
  $("login").hidden = true;
  $("chat").hidden = false;
  status("Online", true);
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await enter($("name").value.trim());
    everyone.show();
  }, $("login-error"));
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  $("text").value = "";
  attempt(async () => {
    try {
      await current.send(text);
    } catch (error) {
      $("text").value ||= text; // to try again, unless something else has been typed
      throw error;
    }
  });
});

$("image").addEventListener("change", () => {
  const [file] = $("image").files;
  $("image").value = "";
  if (file) attempt(async () => {
    if (file.size > IMAGE_BYTES) throw new Error(`An image may have ${IMAGE_BYTES / 1000} kB; this one has ${Math.ceil(file.size / 1000)}.`);
    await ask("image", { name: file.name.slice(-100), bytes: new Uint8Array(await file.arrayBuffer()) });
  });
});

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const room = $("room").value.trim();
    await ask("join", { room });
    group = room;
    inGroup(room).show();
  });
});

$("leave").addEventListener("click", () => attempt(async () => {
  await ask("leave", { room: group });
  group = null;
  everyone.show();
}));

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && current) { current.unread = 0; render(); }
});

// ---- What the server says.

socket.on("connect", async () => {
  $("login-error").textContent = "";
  render();
  if (me === null) return;
  // The server may take a while to see that our old connection is gone and to free the name.
  for (let tries = 0; socket.connected; tries += 1) {
    try {
      await enter(me);
      if (group !== null) await ask("join", { room: group });
      return;
    } catch (error) {
      status(error.message, false);
      if (error.code !== "name_taken" || tries === 30) return;
      await pause(2_000);
    }
  }
});

socket.on("disconnect", (reason) => {
  offline("Reconnecting …");
  // The one end that neither client comes back from by itself: the server asked us to go.
  if (reason === "io server disconnect") setTimeout(() => socket.connect(), 1_000 + Math.random() * 2_000);
});

socket.on("connect_error", () => offline("No connection; trying again …"));

socket.on("users", (users) => { online = users; render(); });
socket.on("message", ({ from, text, at }) => everyone.say(from, paragraph(text), at));
socket.on("private", ({ from, text }) => withPerson(from).say(from, paragraph(text)));
socket.on("group", ({ room, from, text }) => { if (room === group) inGroup(room).say(from, paragraph(text)); });
socket.on("image", ({ from, name, bytes }) => everyone.say(from, picture(name, bytes)));
// The two events of the tutorial. `allmessage` is what `message` says, without who said it and when.
socket.on("msg1", (greeting) => { $("greeting").textContent = greeting; });

// A blob without a type: the browser looks at the bytes, and shows an image or nothing at all.
function picture(name, bytes) {
  const url = URL.createObjectURL(new Blob([bytes]));
  const image = element("img", { alt: name, src: url });
  image.onload = () => {
    URL.revokeObjectURL(url);
    everyone.follow(image.height);
  };
  image.onerror = () => {
    URL.revokeObjectURL(url);
    image.replaceWith(paragraph(`${name} is not an image that this browser can show.`));
  };
  return image;
}
