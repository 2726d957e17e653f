/* make-probe.tsx - from the examples of a search to a probe with a name. */

import { useState } from "preact/hooks";
import { ApiProblem, postProbe } from "../api";
import { sentence } from "../format";

type Props = { like: string[]; unlike: string[]; made: (name: string) => void };

/* "Blue rings!" -> "blue-rings", as probes are called. */
export function probeName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[-_]+|[-_]+$/g, "")
    .slice(0, 40);
}

export function MakeProbe({ like, unlike, made }: Props) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const name = probeName(text);
    if (!name) return setFailed("Give it a name first, such as rings.");
    setBusy(true);
    setFailed(null);
    try {
      await postProbe({ name, positive: like, negative: unlike });
      made(name);
    } catch (error) {
      const problem = error instanceof ApiProblem ? error : null;
      setFailed(
        problem?.status === 409
          ? `There is a probe called ${name} already. Take another name.`
          : sentence(problem?.message ?? "The probe could not be made."),
      );
      setBusy(false);
    }
  };
  return (
    <form class="make-probe" onSubmit={submit}>
      <label for="probe-name">Make a probe of these examples</label>
      <p class="aside">It ranks the whole survey by them, and says how sure it is. Ten examples or more do better.</p>
      <div class="make-probe-row">
        <input
          id="probe-name"
          value={text}
          maxLength={60}
          placeholder="Its name"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={failed ? "probe-failed" : undefined}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Learning…" : "Make it"}
        </button>
      </div>
      {failed && (
        <p id="probe-failed" class="make-probe-failed" role="alert">
          {failed}
        </p>
      )}
    </form>
  );
}
