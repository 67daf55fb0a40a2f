// Somebody in the chat on the official client, whose events are kept until a test asks for them.

import { io } from "socket.io-client";

export const transports = {
  "polling only": { transports: ["polling"] },
  "WebSocket only": { transports: ["websocket"] },
  "polling with upgrade": { transports: ["polling", "websocket"] },
};

export async function person(url, options) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  const heard = []; // everything, in order
  const waiting = [];
  const look = () => {
    for (const waiter of [...waiting]) {
      const at = heard.findIndex((one) => !one.taken && waiter.matches(one));
      if (at < 0) continue;
      heard[at].taken = true;
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.resolve(heard[at].args);
    }
  };
  const self = {
    socket,
    acknowledges: false, // messages, as a page does
    get id() { return socket.id; },
    heard: (event) => heard.filter((one) => one.event === event).map(({ args }) => args),
    order: () => heard.map(({ event }) => event),
    /** The answer to an event: all the arguments of its ack. */
    ask: (event, ...args) => new Promise((resolve, reject) => {
      socket.timeout(5_000).emit(event, ...args, (error, ...answer) => error ? reject(error) : resolve(answer));
    }),
    /** The same, as often as it takes while the server says that it is too fast. */
    async insist(event, ...args) {
      for (;;) {
        const answer = await self.ask(event, ...args);
        if (answer[0]?.error?.code !== "too_fast") return answer;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    /** The arguments of the next `event` that nobody has taken yet. */
    next: (event, fits = () => true) => new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${event} within 5 s`)), 5_000);
      waiting.push({
        matches: (one) => one.event === event && fits(...one.args),
        resolve: (args) => { clearTimeout(late); resolve(args); },
      });
      look();
    }),
    /** Takes whatever came so far. */
    forget: () => { for (const one of heard) one.taken = true; },
    /** Leaves as a closed tab does. */
    leave: () => socket.disconnect(),
  };
  socket.onAny((event, ...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (self.acknowledges) answer?.();
    heard.push({ event, args });
    look();
  });
  await new Promise((resolve, reject) => { socket.once("connect", resolve); socket.once("connect_error", reject); });
  if (options.transports.length > 1) await new Promise((resolve) => {
    if (socket.io.engine.transport.name === "websocket") resolve();
    else socket.io.engine.once("upgrade", resolve);
  });
  return self;
}
