/* search-box.tsx - one box for a position, an id or a name. */

import { useEffect, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { parseTyped } from "../parse";
import type { Query } from "../route";

type Props = {
  box: RefObject<HTMLInputElement>;
  query: Query;
  go: (query: Query) => void;
};

function textOf(query: Query): string {
  switch (query.kind) {
    case "id":
      return query.id;
    case "name":
      return query.name;
    case "position":
      return `${query.ra} ${query.dec}`;
    default:
      return "";
  }
}

export function SearchBox({ box, query, go }: Props) {
  const [text, setText] = useState(textOf(query));
  const [why, setWhy] = useState<string | null>(null);
  useEffect(() => {
    setText(textOf(query));
    setWhy(null);
  }, [JSON.stringify(query)]);

  const submit = (event: Event) => {
    event.preventDefault();
    const typed = parseTyped(box.current?.value ?? text);
    if (typed.kind === "empty") return setWhy("Type a position, an id or a name first.");
    if (typed.kind === "bad") return setWhy(typed.why);
    setWhy(null);
    box.current?.blur();
    go(typed);
  };

  return (
    <form class="search-box" role="search" onSubmit={submit}>
      <label class="unseen" for="search-text">
        Position, id or name
      </label>
      <input
        id="search-text"
        ref={box}
        value={text}
        placeholder="Position, id or name"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        enterkeyhint="search"
        aria-invalid={why !== null}
        aria-describedby={why ? "search-why" : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      <kbd aria-hidden="true">/</kbd>
      <button class="primary" type="submit">
        Search
      </button>
      {why && (
        <p id="search-why" class="search-why" role="alert">
          {why}
        </p>
      )}
    </form>
  );
}
