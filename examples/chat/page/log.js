// The log of one conversation: its messages in order, a line where a day begins and where the news begin,
// and the end in sight unless somebody reads further up.

import { arrange, element, icon } from "/elements.js";
import { line } from "/message.js";

const TOGETHER = 5 * 60_000; // messages of one person within this time share a name

export class Log {
  isAtEnd = true;
  #conversation;
  #top = 0;
  #days = new Map();
  #news = element("li", { className: "news" }, element("span", { textContent: "New" }));
  #list = element("ol");
  #empty;

  constructor(conversation) {
    this.#conversation = conversation;
    this.#empty = emptiness(conversation);
    this.node = element("div", { className: "log", tabIndex: 0 }, this.#empty, this.#list);
    this.node.setAttribute("role", "log");
    this.node.setAttribute("aria-label", `Messages: ${conversation.title}`);
    this.node.addEventListener("scroll", () => this.#look());
    // What grows later (an image that loads, a narrower window) moves the end as well.
    const observer = new ResizeObserver(() => this.#follow());
    observer.observe(this.#list);
    observer.observe(this.node);
  }

  draw() {
    const { messages, unsent, firstUnread } = this.#conversation;
    const nodes = [];
    let before = null;
    for (const message of [...messages, ...unsent]) {
      const day = new Date(message.at).toDateString();
      const isNewDay = before === null || new Date(before.at).toDateString() !== day;
      const isNews = firstUnread !== null && message.id === firstUnread;
      if (isNewDay) nodes.push(this.#day(day));
      if (isNews) nodes.push(this.#news);
      nodes.push(line(message, isNewDay || isNews || before.from !== message.from || message.at - before.at > TOGETHER));
      before = message;
    }
    const isFirstTime = this.#list.childElementCount === 0;
    for (const node of nodes) {
      if (node.parentNode) continue;
      if (!isFirstTime) node.classList.add("arriving");
      if (node.dataset.state === "waiting") this.isAtEnd = true; // who writes wants to see it
    }
    this.node.setAttribute("aria-busy", String(isFirstTime && nodes.length > 2)); // a history is not read aloud
    arrange(this.#list, nodes);
    this.#empty.hidden = nodes.length > 0;
    this.#follow();
    requestAnimationFrame(() => this.node.setAttribute("aria-busy", "false"));
  }

  toEnd() {
    this.isAtEnd = true;
    this.#follow();
  }

  #follow() {
    if (this.isAtEnd) this.node.scrollTop = this.node.scrollHeight;
    this.onMove?.();
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.node;
    // Only who goes up leaves the end: it may also have moved down since we went there.
    if (scrollHeight - scrollTop - clientHeight < 40) this.isAtEnd = true;
    else if (scrollTop < this.#top) this.isAtEnd = false;
    this.#top = scrollTop;
    this.onMove?.();
  }

  #day(day) {
    if (!this.#days.has(day)) this.#days.set(day, element("li", { className: "day" }, element("span", { textContent: dayName(day) })));
    return this.#days.get(day);
  }
}

function dayName(day) {
  const days = Math.round((new Date(new Date().toDateString()) - new Date(day)) / 86_400_000);
  if (days < 2) return days < 1 ? "Today" : "Yesterday";
  const year = new Date(day).getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Date(day).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year });
}

function emptiness({ kind, title }) {
  const [heading, text] = {
    everyone: ["It is quiet here", "Everybody reads what is said here. Say hello."],
    group: [`Welcome to ${title}`, "Only those who join the group by its name read what is said here."],
    person: [title, "Only the two of you read what is said here."],
  }[kind];
  return element("div", { className: "empty" }, icon(kind), element("h2", { textContent: heading }), element("p", { textContent: text }));
}
