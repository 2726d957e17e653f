/* home.tsx - the start page: what this is, in two sentences, before a wall of the survey itself. */

import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ApiProblem, getRandom, type Info, type SkyObject } from "../api";
import { count, degrees, positionOf, sexagesimal } from "../format";
import { onPlainClick } from "../history";
import { formatRoute, NO_FILTERS, type Query } from "../route";
import type { Settings } from "../settings";
import { EmptyTiles, HitGrid } from "./hit-grid";
import type { TileActions } from "./hit-tile";

const WALL = 72;

type Props = {
  info: Info | null;
  settings: Settings;
  actions: TileActions;
  follow: (query: Query) => void;
  children: ComponentChildren; /* the search box */
};

/* A position of this very survey, so that the example works. */
function Example(props: { ra: number; dec: number; text: string; follow: (query: Query) => void }) {
  const query: Query = { kind: "position", ra: props.ra, dec: props.dec };
  return (
    <a href={formatRoute({ query, filters: NO_FILTERS })} onClick={onPlainClick(() => props.follow(query))}>
      {props.text}
    </a>
  );
}

export function Home({ info, settings, actions, follow, children }: Props) {
  const [wall, setWall] = useState<SkyObject[] | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => {
    const control = new AbortController();
    getRandom(WALL, control.signal).then(setWall, (error) => {
      if (control.signal.aborted) return;
      setWall([]);
      setFailed(error instanceof ApiProblem ? error.message : "The survey could not be read.");
    });
    return () => control.abort();
  }, []);
  const places = (wall ?? []).map(positionOf).filter((place) => place !== null).slice(0, 2);
  const rows = info?.survey?.rows ?? info?.generation?.rows;
  return (
    <main class="home">
      <div class="hero">
        <h1>Show me everything in the sky that looks like this.</h1>
        <p>
          Give nearsky one galaxy, by position, by name or as a picture dropped anywhere on this page.
          It compares it with {rows ? `all ${count(rows)} galaxies` : "every galaxy"} of this survey and
          shows those most alike.
        </p>
        {children}
        <p class="hint">
          {places.length === 2 && (
            <>
              <span>For example</span>
              <Example {...places[0]} text={degrees(places[0].ra, places[0].dec)} follow={follow} />
              <Example {...places[1]} text={sexagesimal(places[1].ra, places[1].dec)} follow={follow} />
            </>
          )}
        </p>
      </div>
      {failed && (
        <p class="notice serious" role="alert">
          {failed}
        </p>
      )}
      {wall ? (
        <HitGrid objects={wall} settings={settings} actions={actions} label="A random sample of the survey" wall />
      ) : (
        <EmptyTiles n={WALL} settings={settings} wall />
      )}
    </main>
  );
}
