/* home.tsx - the start page: what this is, in two sentences, before a wall of the survey itself. */

import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ApiProblem, getRandom, type Info, type SkyObject } from "../api";
import { count } from "../format";
import type { Settings } from "../settings";
import { EmptyTiles, HitGrid } from "./hit-grid";
import type { TileActions } from "./hit-tile";

const WALL = 72;

type Props = {
  info: Info | null;
  settings: Settings;
  actions: TileActions;
  children: ComponentChildren; /* the search box */
};

export function Home({ info, settings, actions, children }: Props) {
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
  const rows = info?.survey?.rows ?? info?.generation?.rows;
  return (
    <main class="home">
      <div class="hero">
        <h1>Show me everything in the sky that looks like this.</h1>
        <p>
          Give nearsky one galaxy, by position, by name or as a picture dropped anywhere on this page.
          It compares it with {rows ? `the ${count(rows)} galaxies` : "every galaxy"} of{" "}
          {info?.survey?.name ?? "the survey"} and shows those most alike.
        </p>
        {children}
        <p class="hint">
          <code>150.1163 2.2058</code> <code>10:00:27.9 +02:12:20.9</code> or choose one of these
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
