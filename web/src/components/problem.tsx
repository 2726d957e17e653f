/* problem.tsx - what went wrong, in plain words, and what to do now. */

import type { ApiProblem, Info } from "../api";
import { bytes, sentence } from "../format";
import type { Query } from "../route";
import { FileButton } from "./file-button";

type Props = {
  problem: ApiProblem;
  query: Query;
  info: Info | null;
  again: () => void;
  random: () => void;
  home: () => void;
  takeFile: (file: File) => void;
};

/* The server's own title where it says more than the phrase of its status does. */
function headline({ status, title }: ApiProblem, query: Query): string {
  const phrase = /^(bad request|not found|gone|payload too large|content too large|unsupported media type|unprocessable (content|entity)|too many requests|internal server error|bad gateway|service unavailable|gateway timeout)?$/i;
  if (!phrase.test(title.trim())) return title;
  if (status === 429 || status === 503) return "Busy just now";
  if (status >= 500) return "The server stumbled";
  if (query.kind === "upload") return status === 413 ? "That file is too large" : "This file cannot be searched with";
  if (status !== 404) return "That search does not work";
  return query.kind === "position" ? "Nothing to see there" : "No such galaxy";
}

function advice(problem: ApiProblem, query: Query, info: Info | null): string {
  const limit = info?.limits?.upload_bytes_max;
  if (problem.status === 0) return "Check that nearsky is running and reachable, then try again.";
  if (problem.status === 410) return "Drop or open the file again.";
  if (problem.status === 413)
    return `Cut the picture down to the galaxy${limit ? `; files up to ${bytes(limit)} are taken` : ""}.`;
  if (problem.status === 429 || problem.status === 503)
    return "Many people are searching right now. Wait a few seconds and try again.";
  if (problem.status >= 500) return "This is the server's fault, not yours. Its log says more.";
  if (query.kind === "upload")
    return (
      "nearsky reads FITS cubes in nanomaggies (such as cutouts of the Legacy Survey viewer), JPEG " +
      "and PNG pictures, with the galaxy in the middle."
    );
  if (query.kind === "position") return "Right ascension comes first, then declination. A random galaxy shows what is covered.";
  if (query.kind === "probe") return "The list of probes has those of this survey.";
  if (query.kind === "name" || query.kind === "id")
    return "Names are those of this survey. For other catalogues' names, search by position instead.";
  return "Check the filters, or start again.";
}

export function Problem({ problem, query, info, again, random, home, takeFile }: Props) {
  return (
    <section class="problem" role="alert">
      <h1>{headline(problem, query)}</h1>
      {problem.detail && <p class="problem-detail">{sentence(problem.detail)}</p>}
      <p>{advice(problem, query, info)}</p>
      <p class="problem-buttons">
        {(problem.status === 0 || problem.status === 429 || problem.status >= 500) && (
          <button type="button" class="primary" onClick={again}>
            Try again
          </button>
        )}
        {query.kind === "upload" && <FileButton take={takeFile} label="Open another file" primary />}
        <button type="button" onClick={random}>
          Random galaxy
        </button>
        <button type="button" onClick={home}>
          Start page
        </button>
      </p>
    </section>
  );
}
