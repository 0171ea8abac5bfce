// The page's line to the hub: one WebSocket for all of our components, opened again when it breaks.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;

// The clock that ages are told from. A scenario's clock stands still between its steps.
export const clock = {
  at: Date.now(),
  heard: performance.now(),
  scenario: false,
  now() {
    return this.scenario ? this.at : this.at + (performance.now() - this.heard);
  },
};

const listeners = new Set();
let language = null;
let socket = null;
let retry = FIRST_RETRY_MS;
let timer = null;
let link = { up: false, since: Date.now() };
let state = null;
const last = new Map();

// Listen with functions tick, history, state (each given a frame) and link ({up, since}); any may
// be missing. `watch` says which series' every point is wanted; `close` ends it. What is known
// already is told at once.
export function listen(wanted, on) {
  const listener = { on, watched: [] };
  listeners.add(listener);
  if (language !== wanted || socket === null) restart(wanted);
  else {
    on.link?.(link);
    if (state) on.state?.(state);
    if (last.size) on.tick?.({ last: [...last.values()], points: {} });
  }
  return {
    watch(numbers) {
      listener.watched = numbers;
      ask();
    },
    close() {
      listeners.delete(listener);
      if (listeners.size === 0) end();
    },
  };
}

function ask() {
  if (socket?.readyState === WebSocket.OPEN) {
    const wanted = new Set([...listeners].flatMap((listener) => listener.watched));
    socket.send(JSON.stringify({ watch: [...wanted] }));
  }
}

function end() {
  clearTimeout(timer);
  if (socket) {
    socket.onclose = null;
    socket.close();
  }
  socket = null;
}

function restart(wanted) {
  end();
  language = wanted;
  retry = FIRST_RETRY_MS;
  open();
}

function open() {
  const url = new URL("/live", window.location.origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("lang", language);
  socket = new WebSocket(url);
  socket.onopen = () => {
    retry = FIRST_RETRY_MS;
    tell({ up: true, since: Date.now() });
    ask();
  };
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = () => {
    if (link.up) tell({ up: false, since: Date.now() });
    timer = setTimeout(open, retry);
    retry = Math.min(2 * retry, LAST_RETRY_MS);
  };
}

function tell(now) {
  link = now;
  listeners.forEach((listener) => listener.on.link?.(link));
}

function hear(frame) {
  if (frame.k === "tick") {
    Object.assign(clock, { at: frame.now, heard: performance.now(), scenario: frame.scenario });
    frame.last.forEach((row) => last.set(row[0], row));
  } else if (frame.k === "state") {
    state = frame;
  }
  listeners.forEach((listener) => listener.on[frame.k]?.(frame));
}
