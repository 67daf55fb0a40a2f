// A page in a browser that is driven by one of the W3C's protocols: what a person does there, and what is asked of it.

const PATIENCE = 20_000; // ms, for what a page is to show
const EVERY = 25;
export const ENTER = "\ue007";

/**
 * What the browsers' own pages are made of: `goto(url)`, `back()`, `run(source)` with the source of a function, which
 * answers what that resolves to, `act(actions)` with the input of WebDriver, `screenshot()`, `faults()` and `close()`.
 */
export class Page {
  /** Runs the function in the page, with arguments as JSON has them, and answers with its result alike. */
  async evaluate(asked, ...args) {
    const given = args.map((arg) => arg === undefined ? "undefined" : JSON.stringify(arg)).join(", ");
    const result = await this.run(`async () => JSON.stringify([await (${asked})(${given})])`);
    return JSON.parse(result)[0] ?? undefined;
  }

  /** Waits until the function answers something true in the page, and answers that. */
  async until(what, asked, ...args) {
    for (const end = performance.now() + PATIENCE; performance.now() < end;) {
      const answer = await this.evaluate(asked, ...args);
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
    throw new Error(`not within ${PATIENCE} ms: ${what}`);
  }

  /** Presses and releases the pointer in the middle of the element. */
  async click(selector) {
    const [x, y] = await this.until(selector, async (selector) => {
      const element = document.querySelector(selector);
      element?.scrollIntoView({ block: "nearest" });
      const { x, y, width, height } = element?.getBoundingClientRect() ?? {};
      const [middle, centre] = [x + width / 2, y + height / 2].map(Math.round);
      // Nothing lies over it.
      return element && element.contains(document.elementFromPoint(middle, centre)) && [middle, centre];
    }, selector);
    await this.act([{
      type: "pointer", id: "mouse",
      actions: [{ type: "pointerMove", x, y, duration: 0 }, { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }],
    }]);
  }

  /** Strikes the keys, in whatever has the focus. */
  keys = (text) => this.act([{
    type: "key", id: "keyboard",
    actions: [...text].flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]),
  }]);
}
