/* home.tsx - the start page: what this is, in two sentences, before a wall of the survey itself. */

import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ApiProblem, getRandom, type Info, type SkyObject } from "../api";
import { count, degrees, positionOf, sentence, sexagesimal } from "../format";
import { onPlainClick } from "../history";
import { isSimulated } from "../links";
import { formatRoute, NO_FILTERS, type Query } from "../route";
import type { Settings } from "../settings";
import { GivePicture } from "./give-picture";
import { EmptyTiles, HitGrid } from "./hit-grid";
import type { TileActions } from "./hit-tile";
import { Icon } from "./icon";

const WALL = 72;

type Props = {
  info: Info | null;
  settings: Settings;
  actions: TileActions;
  follow: (query: Query) => void;
  takeFile: (file: File) => void;
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

export function Home({ info, settings, actions, follow, takeFile, children }: Props) {
  const [wall, setWall] = useState<SkyObject[] | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    setFailed(null);
    getRandom(WALL, control.signal).then(setWall, (error) => {
      if (control.signal.aborted) return;
      setFailed(error instanceof ApiProblem ? error.message : "The survey could not be read.");
    });
    return () => control.abort();
  }, [attempt]);
  const places = (wall ?? []).map(positionOf).filter((place) => place !== null).slice(0, 2);
  const rows = info?.survey?.rows ?? info?.generation?.rows;
  const simulated = !!wall?.length && wall.every((object) => isSimulated(object.id));
  return (
    <main class="home">
      <div class="hero">
        <div class="hero-words">
          <h1>Show me everything in the sky that looks like this.</h1>
          <p>
            Give nearsky one galaxy, by position, by name or as a picture. It compares it with{" "}
            {rows ? `all ${count(rows)} galaxies` : "every galaxy"} of this{" "}
            {simulated ? "simulated survey" : "survey"} and shows those most alike.
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
        <GivePicture take={takeFile} />
      </div>
      {failed ? (
        <p class="notice serious" role="alert">
          <Icon name="warning" />
          <span>
            {sentence(failed)} Check that nearsky is running and reachable, then{" "}
            <button type="button" class="link" onClick={() => setAttempt(attempt + 1)}>
              try again
            </button>
            .
          </span>
        </p>
      ) : wall ? (
        <HitGrid objects={wall} settings={settings} actions={actions} label="A random sample of the survey" wall />
      ) : (
        <EmptyTiles n={WALL} settings={settings} wall />
      )}
    </main>
  );
}
