// WebKit from the system's packages (WebKitGTK's MiniBrowser), by WebDriver, on the screen of an Xvfb.

import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { freePort } from "../../node/support/port.js";
import { Page } from "./page.mjs";
import { program } from "../program.mjs";

class WebKitPage extends Page {
  constructor(driver, send) { super(); Object.assign(this, { driver, send }); }

  async goto(url) {
    await this.send("POST", "/url", { url });
    await this.evaluate(watch);
  }
  back() { return this.send("POST", "/back", {}); }
  act(actions) { return this.send("POST", "/actions", { actions }); }
  async screenshot() { return Buffer.from(await this.send("GET", "/screenshot"), "base64"); }

  async run(source) {
    const script = `const done = arguments[0]; (${source})().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await this.send("POST", "/execute/async", { script, args: [] });
    if (error) throw new Error(error);
    return value;
  }

  faults() { return this.evaluate(() => window.faults?.splice(0) ?? []); }
  async close() {
    if (this.driver.isGone) return;
    await this.send("DELETE", "").catch(() => {});
    await this.driver.end();
  }
}

/** In the page: keeps what goes wrong, which the protocol does not tell. */
function watch() {
  window.faults = [];
  for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"]) {
    addEventListener(kind, (event) => faults.push(`${kind}: ${event.message ?? event.reason ?? event.violatedDirective}`));
  }
  for (const level of ["error", "warn"]) {
    const plain = console[level];
    console[level] = (...args) => { faults.push(`${level}: ${args.join(" ")}`); plain.apply(console, args); };
  }
}

/** The driver has one session, so that each page has a browser of its own. */
async function newPage(display, { width = 1000, height = 680 } = {}) {
  const port = await freePort();
  const driver = program("WebKitWebDriver", [`--port=${port}`], { DISPLAY: display });
  const ask = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value.error}: ${value.message}`);
    return value;
  };
  for (let isUp = false; !isUp;) {
    if (driver.isGone) throw new Error("WebKitWebDriver did not start: apt-get install webkit2gtk-driver");
    isUp = await ask("GET", "/status").then(() => true, () => new Promise((resolve) => setTimeout(resolve, 20)));
  }
  const { sessionId, capabilities } = await ask("POST", "/session", { capabilities: { alwaysMatch: {
    acceptInsecureCerts: true,
    "webkitgtk:browserOptions": { binary: await miniBrowser(), args: ["--automation"] },
  } } });
  const page = new WebKitPage(driver, (method, path, body) => ask(method, `/session/${sessionId}${path}`, body));
  page.version = capabilities.browserVersion;
  driver.stdout.resume(); // a full pipe would block it
  driver.stderr.resume();
  await page.send("POST", "/window/rect", { width, height });
  return page;
}

/** It is no program of the path, and its folder has the machine's name. */
async function miniBrowser() {
  for (const folder of await readdir("/usr/lib")) {
    const found = `/usr/lib/${folder}/webkit2gtk-4.1/MiniBrowser`;
    if ((await readdir(`/usr/lib/${folder}/webkit2gtk-4.1`).catch(() => [])).includes("MiniBrowser")) return found;
  }
  throw new Error("MiniBrowser is missing: apt-get install webkit2gtk-driver");
}

export async function openWebKit() {
  const screen = program("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
  const number = await Promise.race([once(screen.stdout, "data"), screen.ended]);
  if (!number) throw new Error("Xvfb did not start: apt-get install xvfb");
  const display = `:${String(number).trim()}`;
  const pages = [];
  return {
    async newPage(options) {
      const page = await newPage(display, options);
      pages.push(page);
      return page;
    },
    async close() {
      await Promise.all(pages.map((page) => page.close()));
      await screen.end();
    },
  };
}
