// Opens the trace that this file carries, or says in one sentence why it cannot.
import { render } from "preact";
import { App } from "./app";
import { decode, TraceError, type Trace } from "./format";
import { Session } from "./session";

declare global {
  interface Window {
    /** For programs that drive the page. */
    wengert: { event(): number; go(event: number): void; select(key: string): void; trace: Trace };
  }
}

const page = document.getElementById("page")!;

function say(text: string): void {
  render(<main class="alone"><h1>Wengert trace</h1><p role="alert">{text}</p></main>, page);
}

async function open(): Promise<void> {
  const text = document.getElementById("wengert-trace")?.textContent?.trim() ?? "";
  if (!text) return say("This page shows a trace, and this copy carries none: write one with wengert.trace().");
  say("Unpacking the trace …");
  try {
    const trace = await decode(text);
    const session = new Session(trace);
    render(<App session={session} />, page);
    window.wengert = {
      event: () => session.event,
      go: (event) => session.go(event),
      select: (key) => session.select(session.nodes.parse(key)),
      trace,
    };
  } catch (error) {
    say(error instanceof TraceError ? error.message : `The trace in this file cannot be shown: ${String(error)}.`);
    if (!(error instanceof TraceError)) throw error;
  }
}

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
void open();
