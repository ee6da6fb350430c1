/** Server-sent events, one connection for all tabs: browsers allow only six to a server. */

import { stream } from "./api.js";

const EVENTS = ["hello", "revision"];
const RETRY_MS = 3000;

/**
 * Calls `onEvent(name, data)` for each event and `onConnection(connected)` when the connection comes or goes.
 * The tab that holds the lock listens to the server and tells the others.
 */
export function listen({ onEvent, onConnection }) {
  if (!("BroadcastChannel" in self) || !navigator.locks) return connect(onEvent, onConnection);
  const channel = new BroadcastChannel("gridtwin");
  let leading = false;
  let connected = false;
  const tell = (message) => channel.postMessage(message);
  channel.onmessage = ({ data }) => {
    if (data.ask && leading) tell({ connected });
    if (leading || data.ask) return;
    if ("connected" in data) onConnection(data.connected);
    else onEvent(data.name, data.data);
  };
  tell({ ask: true });
  navigator.locks.request("gridtwin-stream", () => {
    leading = true;
    connect(
      (name, data) => {
        onEvent(name, data);
        tell({ name, data });
      },
      (now) => {
        connected = now;
        onConnection(now);
        tell({ connected });
      },
    );
    return new Promise(() => {}); // held until the tab closes
  });
}

function connect(onEvent, onConnection) {
  const source = stream();
  source.onopen = () => onConnection(true);
  source.onerror = () => {
    onConnection(false);
    // The browser tries again by itself after a lost connection, not after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => connect(onEvent, onConnection), RETRY_MS);
  };
  for (const name of EVENTS) source.addEventListener(name, ({ data }) => onEvent(name, JSON.parse(data)));
}
