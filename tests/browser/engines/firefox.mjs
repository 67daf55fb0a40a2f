// Headless Firefox from the system's packages, by WebDriver BiDi, which it speaks itself.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { Page } from "./page.mjs";
import { program } from "../program.mjs";

class FirefoxPage extends Page {
  #faults = [];
  constructor(browser, context, user) { super(); Object.assign(this, { browser, context, user }); }
  #send(method, params) { return this.browser.send(method, { context: this.context, ...params }); }

  goto(url) { return this.#send("browsingContext.navigate", { url, wait: "complete" }); }
  back() { return this.#send("browsingContext.traverseHistory", { delta: -1 }); }
  act(actions) { return this.#send("input.performActions", { actions }); }
  async screenshot() { return Buffer.from((await this.#send("browsingContext.captureScreenshot")).data, "base64"); }

  async run(functionDeclaration) {
    const target = { context: this.context };
    const answer = await this.browser.send("script.callFunction", { functionDeclaration, target, awaitPromise: true });
    if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
    return answer.result.value;
  }

  fault(text) { this.#faults.push(text); }
  faults() { return this.#faults.splice(0); }
  close() { return this.browser.send("browser.removeUserContext", { userContext: this.user }); }
}

class Firefox {
  #socket; #last = 0; #asked = new Map(); #pages = new Map();

  constructor(socket) {
    this.#socket = socket;
    socket.on("message", (text) => this.#heard(JSON.parse(text)));
    socket.on("close", () => { for (const { reject } of this.#asked.values()) reject(new Error("Firefox is gone")); });
  }

  send(method, params = {}) {
    const id = this.#last += 1;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
  }

  #heard({ id, type, method, params, result, error, message }) {
    if (method === "log.entryAdded" && ["error", "warn"].includes(params.level)) {
      this.#pages.get(params.source.context)?.fault(`${params.level}: ${params.text}`);
    }
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (type === "success") asked.resolve(result);
    if (type === "error") asked?.reject(new Error(`${error}: ${message}`));
  }

  /** A window in a profile of its own. */
  async newPage({ width = 1000, height = 680 } = {}) {
    const { userContext } = await this.send("browser.createUserContext");
    const { context } = await this.send("browsingContext.create", { type: "window", userContext });
    await this.send("browsingContext.setViewport", { context, viewport: { width, height } });
    const page = new FirefoxPage(this, context, userContext);
    page.version = this.version;
    this.#pages.set(context, page);
    return page;
  }
}

export async function openFirefox() {
  const profile = await mkdtemp(join(tmpdir(), "koio-firefox-"));
  const child = program("firefox-esr", ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]);
  child.stdout.resume(); // a full pipe would block it
  let complaint = "";
  const address = await new Promise((resolve, reject) => {
    createInterface(child.stderr).on("line", (line) => {
      complaint += `${line}\n`;
      const found = /^WebDriver BiDi listening on (\S+)$/.exec(line)?.[1];
      if (found) resolve(found);
    });
    child.ended.then(() => reject(new Error(`Firefox did not start (apt-get install firefox-esr): ${complaint}`)));
  });
  const socket = new WebSocket(`${address}/session`);
  await once(socket, "open");
  const firefox = new Firefox(socket);
  const { capabilities } = await firefox.send("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  firefox.version = capabilities.browserVersion;
  await firefox.send("session.subscribe", { events: ["log.entryAdded"] });
  return {
    newPage: (options) => firefox.newPage(options),
    async close() {
      await firefox.send("browser.close").catch(() => {});
      await child.ended;
      await rm(profile, { recursive: true, force: true });
    },
  };
}
