/* app.tsx - the page: its route, its search, and what the parts may ask of each other. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiProblem, getInfo, getRandom, type Info } from "./api";
import { DropZone } from "./components/drop-zone";
import { Header } from "./components/header";
import { Help } from "./components/help";
import { Home } from "./components/home";
import { ProbeList } from "./components/probe-list";
import { ProbePage } from "./components/probe-page";
import { Problem } from "./components/problem";
import { Provenance } from "./components/provenance";
import { Results } from "./components/results";
import { SearchBox } from "./components/search-box";
import type { TileActions } from "./components/hit-tile";
import { withExample, withoutExample } from "./examples";
import { bytes, title } from "./format";
import { useRoute } from "./history";
import { useKeys } from "./keys";
import { formatRoute, type Query, type Route } from "./route";
import { useSearch, type Found, type Search } from "./search";
import { nextStretch, useSettings } from "./settings";
import { keepFile } from "./upload";

function foundOf(search: Search): Found | null {
  if (search.status === "found") return search.found;
  return search.status === "loading" ? search.stale : null;
}

/* The survey's description; asked once, and the page does without until it comes. */
function useInfo(): Info | null {
  const [info, set] = useState<Info | null>(null);
  useEffect(() => {
    getInfo().then(set, () => {});
  }, []);
  return info;
}

function useTitle(query: Query, found: Found | null): void {
  const probe = query.kind === "probe" ? query.name : query.kind === "probes" ? "probes" : null;
  const name = probe ?? (found ? (found.object ? title(found.object) : found.file?.name ?? "examples") : null);
  useEffect(() => {
    document.title = name ? `${name} · nearsky` : "nearsky";
  }, [name]);
}

export function App() {
  const [route, navigate] = useRoute();
  const [settings, changeSettings] = useSettings();
  const [attempt, setAttempt] = useState(0);
  const [help, setHelp] = useState(false);
  const [refused, setRefused] = useState<ApiProblem | null>(null);
  const info = useInfo();
  const box = useRef<HTMLInputElement>(null);
  const search = useSearch(route, attempt);
  const found = foundOf(search);
  useTitle(route.query, search.status === "found" ? search.found : null);

  const to = (query: Query): Route => ({ query, filters: route.filters });
  const go = (query: Query) => navigate(to(query));
  useEffect(() => setRefused(null), [formatRoute(route)]);
  const home = () => {
    setRefused(null);
    go({ kind: "home" });
  };
  const random = useCallback(() => {
    getRandom(1).then(
      ([object]) => object && go({ kind: "id", id: object.id }),
      (error) => error instanceof ApiProblem && setRefused(error),
    );
  }, [route]);
  const takeFile = (file: File) => {
    const limit = info?.limits?.upload_bytes_max;
    if (limit && file.size > limit)
      return setRefused(
        new ApiProblem(413, "That file is too large", `${file.name} has ${bytes(file.size)}.`),
      );
    go({ kind: "upload", upload: keepFile(file) });
  };

  useKeys(
    {
      "/": () => {
        box.current?.focus();
        box.current?.select();
      },
      i: () => changeSettings({ invert: !settings.invert }),
      s: () => changeSettings({ stretch: nextStretch(settings.stretch) }),
      r: random,
      "?": () => setHelp(true),
    },
    settings.shortcuts,
  );

  const actions: TileActions = {
    href: (id) => formatRoute(to({ kind: "id", id })),
    go: (id) => go({ kind: "id", id }),
    add: (id, side) => go(withExample(route.query, found?.object?.id ?? null, id, side)),
  };
  const problem = refused ?? (search.status === "failed" ? search.problem : null);
  const searchBox = <SearchBox box={box} query={route.query} go={go} />;
  const atHome = route.query.kind === "home" && !problem;

  return (
    <>
      <Header
        home={home}
        takeFile={takeFile}
        random={random}
        help={() => setHelp(true)}
        probes={() => go({ kind: "probes" })}
      >
        {!atHome && searchBox}
      </Header>
      {problem ? (
        <main>
          <Problem
            problem={problem}
            query={refused ? { kind: "upload", upload: "" } : route.query}
            info={info}
            again={() => {
              setRefused(null);
              setAttempt(attempt + 1);
            }}
            random={random}
            home={home}
            takeFile={takeFile}
          />
        </main>
      ) : atHome ? (
        <Home
          info={info}
          settings={settings}
          actions={{ ...actions, add: undefined }}
          follow={go}
          takeFile={takeFile}
        >
          {searchBox}
        </Home>
      ) : route.query.kind === "probes" ? (
        <ProbeList go={go} />
      ) : route.query.kind === "probe" ? (
        <ProbePage
          query={route.query}
          filters={route.filters}
          info={info}
          settings={settings}
          changeSettings={changeSettings}
          changeFilters={(filters) => navigate({ query: route.query, filters })}
          go={go}
          actions={actions}
          failed={(trouble, again) => (
            <Problem
              problem={trouble}
              query={route.query}
              info={info}
              again={again}
              random={random}
              home={home}
              takeFile={takeFile}
            />
          )}
        />
      ) : (
        <Results
          found={found}
          loading={search.status !== "found"}
          filters={route.filters}
          info={info}
          settings={settings}
          changeSettings={changeSettings}
          changeFilters={(filters) => navigate({ query: route.query, filters })}
          madeProbe={(name) => go({ kind: "probe", name, label: false, class: null })}
          removeExample={(id) => go(withoutExample(route.query, id))}
          actions={actions}
        />
      )}
      <Provenance info={info} answer={search.status === "found" ? search.found.answer : undefined} />
      <DropZone take={takeFile} />
      <Help open={help} close={() => setHelp(false)} settings={settings} change={changeSettings} />
    </>
  );
}
