// Where a message is written: text, images, and that somebody is typing.

import { connection } from "/connection.js";
import { changed, state } from "/conversations.js";
import { $, named } from "/elements.js";
import { choose, drawPreviews } from "/images.js";
import { send } from "/outbox.js";

const TYPING_EVERY = 2_000; // how often the others are told
const TYPING_LASTS = 4_000;
const LONGEST = 2_000;

const text = $("text");
let told = 0;
let shown; // the conversation whose draft is in the field

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});

text.addEventListener("input", () => {
  state.current.draft = text.value;
  fit();
  if (text.value && Date.now() - told > TYPING_EVERY) {
    told = Date.now();
    connection.hint("typing", { room: state.current.key });
  }
});

$("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("pick").addEventListener("click", () => $("image").click());
$("image").addEventListener("change", () => { add([...$("image").files]); $("image").value = ""; });

text.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length === 0) return;
  event.preventDefault();
  add(files);
});

const place = $("conversation");
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
place.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  place.classList.add("dropping");
});
place.addEventListener("dragleave", (event) => { if (!place.contains(event.relatedTarget)) place.classList.remove("dropping"); });
place.addEventListener("drop", (event) => {
  place.classList.remove("dropping");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  add([...event.dataTransfer.files]);
});

async function add(files) {
  $("notice").textContent = "";
  try { await choose(files); } catch (error) { $("notice").textContent = error.message; changed(); }
  text.focus();
}

function submit() {
  const { key, images } = state.current;
  $("notice").textContent = "";
  for (const { name, bytes } of images.splice(0)) send(key, { image: { name, bytes } });
  const said = text.value.replace(/^\s*\n|\s+$/g, ""); // spaces before the first word may be meant
  if (said) send(key, { text: said });
  text.value = state.current.draft = "";
  told = 0;
  fit();
  changed();
}

/** As high as its text; the style sheet says how high at most. */
function fit() {
  text.style.height = "auto";
  if (text.scrollHeight) text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
  const left = LONGEST - text.value.length;
  $("left").textContent = left <= 200 ? `${left} left` : "";
}

export function drawComposer() {
  const { current } = state;
  if (current !== shown) {
    shown = current;
    text.value = current.draft;
    text.placeholder = current.kind === "everyone" ? "Message everyone" : `Message ${current.title}`;
    $("notice").textContent = "";
    fit();
  }
  drawPreviews();
  const names = [...current.typing.keys()];
  $("typing").hidden = names.length === 0;
  $("typing-who").replaceChildren(...who(names));
}

function who(names) {
  if (names.length === 0) return [];
  if (names.length === 1) return [named(names[0]), " is typing"];
  if (names.length === 2) return [named(names[0]), " and ", named(names[1]), " are typing"];
  return ["Several people are typing"];
}

/** Somebody is typing, until they have said so no more for a while. */
export function typing(conversation, name) {
  clearTimeout(conversation.typing.get(name));
  conversation.typing.set(name, setTimeout(() => { conversation.typing.delete(name); changed(); }, TYPING_LASTS));
  changed();
}
