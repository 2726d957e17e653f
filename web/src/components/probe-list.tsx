/* probe-list.tsx - the probes that people made on this server. */

import { useEffect, useState } from "preact/hooks";
import { ApiProblem, getProbes, type Probe } from "../api";
import { count, fixed, sentence } from "../format";
import { onPlainClick } from "../history";
import { formatRoute, NO_FILTERS, type Query } from "../route";
import { Icon } from "./icon";

function learned(probe: Probe): string {
  if (probe.kind === "classes")
    return `${probe.labels.classes.map((c) => c.class).join(", ")}: ${count(probe.labels.count)} examples`;
  if (probe.kind === "regression") return `a number, from ${count(probe.labels.count)} galaxies`;
  const [no, yes] = probe.labels.classes;
  const shown = no.count - (no.drawn ?? 0);
  const words = (n: number, what: string) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
  return `${words(yes.count, "example")}, ${words(shown, "counter-example")}`;
}

function worth(probe: Probe): string | null {
  const { metrics } = probe;
  const auroc = probe.kind === "binary" ? metrics?.outputs?.[0]?.auroc?.value : null;
  if (typeof auroc === "number") return `AUROC ${fixed(auroc, 3)}`;
  if (typeof metrics?.accuracy?.value === "number") return `accuracy ${fixed(metrics.accuracy.value, 3)}`;
  if (typeof metrics?.sigma_mad?.value === "number") return `σ(MAD) ${fixed(metrics.sigma_mad.value, 3)}`;
  return null;
}

export function ProbeList({ go }: { go: (query: Query) => void }) {
  const [probes, setProbes] = useState<Probe[] | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => {
    const control = new AbortController();
    getProbes(control.signal).then(setProbes, (error) => {
      if (!control.signal.aborted)
        setFailed(error instanceof ApiProblem ? error.message : "The probes could not be read.");
    });
    return () => control.abort();
  }, []);
  return (
    <main class="probes" aria-busy={!probes && !failed}>
      <h1>Probes</h1>
      <p class="probes-about">
        A probe learns from examples to tell one kind of galaxy from all others, and ranks the whole
        survey by it. To make one, search from a galaxy, gather examples with + and − on its pictures,
        and give the probe a name.
      </p>
      {failed && (
        <p class="notice serious" role="alert">
          <Icon name="warning" />
          <span>{sentence(failed)}</span>
        </p>
      )}
      {probes && probes.length === 0 && <p class="probes-none">Nobody has made a probe here yet.</p>}
      {probes && probes.length > 0 && (
        <ul class="probe-list">
          {probes.map((probe) => {
            const query: Query = { kind: "probe", name: probe.name, label: false, class: null };
            return (
              <li key={probe.name}>
                <a href={formatRoute({ query, filters: NO_FILTERS })} onClick={onPlainClick(() => go(query))}>
                  {probe.name}
                </a>
                <span>{learned(probe)}</span>
                <span>{worth(probe) ?? "too few examples to judge"}</span>
                <span>{probe.created_at?.slice(0, 10)}</span>
              </li>
            );
          })}
        </ul>
      )}
    </main>
  );
}
