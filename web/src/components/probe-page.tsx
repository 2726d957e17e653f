/* probe-page.tsx - one probe: what it ranks highest or wants labels for, what it is worth, and the
 * loop of marking, learning and ranking again. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiProblem, probePath, rankPath, type Info, type Probe, type Ranking } from "../api";
import { count, fixed, percent, sentence } from "../format";
import { onPlainClick } from "../history";
import { useKeys } from "../keys";
import { learn, marked, useRanking, type Marks } from "../probe";
import { filterParams, formatRoute, NO_FILTERS, type Filters, type Query } from "../route";
import type { Settings } from "../settings";
import { DisplayControls } from "./display-controls";
import { FactList } from "./facts";
import { FilterForm } from "./filters";
import { Fold } from "./fold";
import { EmptyTiles, HitGrid } from "./hit-grid";
import type { TileActions } from "./hit-tile";
import { NothingPasses } from "./nothing-passes";
import { ProbeCurve } from "./probe-curve";

type ProbeQuery = Extract<Query, { kind: "probe" }>;

type Props = {
  query: ProbeQuery;
  filters: Filters;
  info: Info | null;
  settings: Settings;
  changeSettings: (part: Partial<Settings>) => void;
  changeFilters: (filters: Filters) => void;
  go: (query: Query) => void;
  actions: TileActions;
  failed: (problem: ApiProblem, again: () => void) => ComponentChildren;
};

const SOURCES = {
  labels: "as among the examples",
  stated: "as stated",
  estimated: "estimated from the survey's scores",
};

function interval(i: { value: number | null; low: number | null; high: number | null } | undefined): string | null {
  if (!i || i.value === null) return null;
  return `${fixed(i.value, 3)} (${fixed(i.low, 3)} to ${fixed(i.high, 3)})`;
}

function facts(probe: Probe, ranking: Ranking | null, label: boolean): [string, string][] {
  const out: [string, string][] = [];
  const expected = ranking?.stats.expected_positives;
  if (probe.kind === "binary") {
    const [no, yes] = probe.labels.classes;
    out.push(["Examples", `${count(yes.count)} yes, ${count(no.count - (no.drawn ?? 0))} no`]);
    if (no.drawn) out.push(["Background", `${count(no.drawn)} drawn from the survey`]);
  } else out.push(["Examples", count(probe.labels.count)]);
  const auroc = probe.kind === "binary" ? interval(probe.metrics?.outputs?.[0]?.auroc) : null;
  if (auroc) out.push(["AUROC", auroc]);
  const accuracy = interval(probe.metrics?.accuracy);
  if (accuracy) out.push(["Accuracy", accuracy]);
  const scatter = interval(probe.metrics?.sigma_mad);
  if (scatter) out.push(["σ(MAD)", scatter]);
  if (typeof probe.prevalence === "number" && probe.kind === "binary")
    out.push(["Prevalence", `${percent(probe.prevalence)}, ${SOURCES[probe.prevalence_source ?? "labels"]}`]);
  if (!label && expected && expected.value !== null)
    out.push([
      "Expected here",
      `${fixed(expected.value, 1)} (${fixed(expected.low, 1)} to ${fixed(expected.high, 1)}) of ${ranking!.hits.length}`,
    ]);
  return out;
}

function Side({ probe, ranking, query }: { probe: Probe | null; ranking: Ranking | null; query: ProbeQuery }) {
  const h1 = useRef<HTMLHeadingElement>(null);
  useEffect(() => h1.current?.focus({ preventScroll: true }), [query.name]);
  const curve = probe?.kind === "binary" ? probe.metrics?.curve : undefined;
  return (
    <section class="query probe-side" aria-label="The probe">
      <p class="kicker">Probe</p>
      <h1 ref={h1} tabIndex={-1}>
        {query.name}
      </h1>
      {probe && <FactList facts={facts(probe, ranking, query.label)} />}
      {probe && !probe.metrics && (
        <p class="aside">So few examples leave none to judge it by: no probabilities yet. Mark some more.</p>
      )}
      {curve && (
        <Fold title="Purity and completeness">
          <ProbeCurve curve={curve} />
          <p class="aside">Measured on examples held out, at the prevalence above; the band is 95%.</p>
        </Fold>
      )}
    </section>
  );
}

function Tabs({ query, go }: { query: ProbeQuery; go: (query: Query) => void }) {
  const tab = (label: boolean, text: string) => {
    const to: Query = { ...query, label };
    return (
      <a
        class="tab"
        href={formatRoute({ query: to, filters: NO_FILTERS })}
        aria-current={query.label === label ? "page" : undefined}
        onClick={onPlainClick(() => go(to))}
      >
        {text}
      </a>
    );
  };
  return (
    <nav class="tabs" aria-label="What to show">
      {tab(false, "Most likely")}
      {tab(true, "Needs a label")}
    </nav>
  );
}

type BarProps = { marks: Marks; busy: boolean; failed: string | null; learn: () => void; forget: () => void };

function MarkBar({ marks, busy, failed, learn: act, forget }: BarProps) {
  const yes = [...marks.values()].filter((side) => side === "like").length;
  return (
    <div class="mark-bar" role="region" aria-label="Marks">
      <p role="status">
        {failed ?? (marks.size === 0
          ? "Mark pictures with + (yes) and − (no); then let the probe learn."
          : `${yes} yes, ${marks.size - yes} no`)}
      </p>
      {marks.size > 0 && (
        <>
          <button type="button" class="primary" disabled={busy} onClick={act} title="Learn from the marks (L)">
            {busy ? "Learning…" : "Learn from them"}
          </button>
          <button type="button" disabled={busy} onClick={forget}>
            Forget
          </button>
        </>
      )}
    </div>
  );
}

function ClassChoice({ probe, query, go }: { probe: Probe; query: ProbeQuery; go: (query: Query) => void }) {
  return (
    <label class="class-choice">
      <span>Class</span>
      <select
        value={query.class ?? ""}
        onChange={(event) => go({ ...query, class: event.currentTarget.value })}
      >
        {probe.labels.classes.map((c) => (
          <option key={c.class} value={c.class}>
            {c.class}
          </option>
        ))}
      </select>
    </label>
  );
}

function summary(ranking: Ranking | null, loading: boolean, label: boolean): string {
  if (loading || !ranking) return "Ranking…";
  const n = ranking.hits.length;
  if (n === 0) return "No galaxies";
  const order = ranking.probe.kind === "regression" ? "highest first" : "most likely first";
  return label ? `${n} it is unsure of` : `${n} galaxies, ${order}`;
}

export function ProbePage(props: Props) {
  const { query, filters, settings, info } = props;
  const { ranking, problem, loading, again } = useRanking(query.name, query.label, query.class, filters);
  const [marks, setMarks] = useState<Marks>(new Map());
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => setMarks(new Map()), [query.name]);
  const probe = ranking?.probe.name === query.name ? ranking.probe : null;
  const binary = probe?.kind === "binary";
  const learnNow = async () => {
    if (marks.size === 0 || busy || !binary) return;
    setBusy(true);
    setFailed(null);
    try {
      await learn(query.name, marks);
      setMarks(new Map());
      again();
    } catch (error) {
      setFailed(sentence(error instanceof Error ? error.message : "It could not learn from these."));
    }
    setBusy(false);
  };
  useKeys({ l: () => void learnNow() }, settings.shortcuts);
  const actions: TileActions = {
    ...props.actions,
    add: binary ? (id, side) => setMarks((now) => marked(now, id, side)) : undefined,
    marks: binary ? marks : undefined,
  };
  if (problem) return <main>{props.failed(problem, again)}</main>;
  const empty = ranking?.hits.length === 0 && !loading;
  return (
    <main class="results" aria-busy={loading}>
      <aside class="side">
        <Side probe={probe} ranking={ranking} query={query} />
      </aside>
      <div class="hits">
        <div class="toolbar">
          <Tabs query={query} go={props.go} />
          <p class="summary" role="status" aria-live="polite">
            {summary(ranking, loading, query.label)}
          </p>
          {probe?.kind === "classes" && <ClassChoice probe={probe} query={query} go={props.go} />}
          <DisplayControls settings={settings} change={props.changeSettings} />
        </div>
        <Fold title="Filters" unfolded={filterParams(filters).length > 0}>
          <FilterForm filters={filters} kMax={info?.limits?.k_max ?? 1000} change={props.changeFilters} noExact />
        </Fold>
        {ranking ? (
          <HitGrid objects={ranking.hits} settings={settings} actions={actions} label="Galaxies by this probe" stale={loading} />
        ) : (
          <EmptyTiles n={24} settings={settings} />
        )}
        {empty && <NothingPasses warnings={[]} filters={filters} change={props.changeFilters} />}
        {probe && ranking && ranking.hits.length > 0 && (
          <div class="downloads">
            <span>Download</span>
            {["csv", "json"].map((format) => (
              <a
                key={format}
                href={rankPath(query.name, query.label ? "suggest" : "rank", query.class, filters, format)}
                download={`${query.name}.${format}`}
              >
                {format.toUpperCase()}
              </a>
            ))}
            <a href={probePath(query.name)} download={`${query.name}.probe.json`}>
              The probe
            </a>
          </div>
        )}
        {binary && (
          <MarkBar marks={marks} busy={busy} failed={failed} learn={learnNow} forget={() => setMarks(new Map())} />
        )}
      </div>
    </main>
  );
}
