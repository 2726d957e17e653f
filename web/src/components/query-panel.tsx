/* query-panel.tsx - what is searched from: its picture, large, and what is known of it. */

import { useEffect, useRef } from "preact/hooks";
import { capital, knownAs, sentence, title } from "../format";
import type { Found } from "../search";
import type { Settings } from "../settings";
import { ExampleList } from "./example-list";
import { ObjectFacts, UploadFacts } from "./facts";
import { MakeProbe } from "./make-probe";
import { Picture } from "./picture";
import { Preview } from "./preview";

type Props = {
  found: Found;
  settings: Settings;
  removeExample: (id: string) => void;
  madeProbe: (name: string) => void;
};

function heading({ object, answer, file, route }: Found): string {
  if (object) return title(object);
  if (route.query.kind === "examples") return `${route.query.like.length + route.query.unlike.length} examples`;
  return answer.query.upload?.name || file?.name || "Your picture";
}

export function QueryPanel({ found, settings, removeExample, madeProbe }: Props) {
  const { object, answer, file, route } = found;
  const upload = route.query.kind === "upload" ? (answer.query.upload ?? {}) : null;
  const name = heading(found);
  const known = object && knownAs(object);
  const notes = [...found.notes, ...(object?.notes ?? []), ...(upload?.notes ?? [])];
  const h1 = useRef<HTMLHeadingElement>(null);
  const key = JSON.stringify(route.query);
  useEffect(() => h1.current?.focus({ preventScroll: true }), [key]);

  return (
    <section class="query" aria-label="Searched from">
      <div class="query-picture">
        {object && <Picture object={object} size={608} settings={settings} eager />}
        {upload && (
          <Preview
            preview={answer.query.preview ?? null}
            file={file}
            inverted={settings.invert}
            label={`Your picture ${name}`}
          />
        )}
        {route.query.kind === "examples" && (
          <ExampleList {...route.query} settings={settings} remove={removeExample} />
        )}
        {known && <span class="badge">{known}</span>}
      </div>
      <div class="query-text">
        <p class="kicker">{upload ? "Your picture" : "Searched from"}</p>
        <h1 ref={h1} tabIndex={-1}>
          {name}
        </h1>
        {object && <ObjectFacts object={object} />}
        {upload && <UploadFacts upload={upload} />}
        {notes.length > 0 && (
          <ul class="notes">
            {notes.map((note) => (
              <li key={note}>{sentence(capital(note))}</li>
            ))}
          </ul>
        )}
        {route.query.kind === "examples" && <MakeProbe {...route.query} made={madeProbe} />}
        {upload && (
          <p class="aside">
            Your file is not kept, so this page has no permanent address. Choose a galaxy from the
            grid to get one you can share.
          </p>
        )}
      </div>
    </section>
  );
}
