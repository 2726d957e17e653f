/* probe-curve.tsx - how pure a list of candidates is for each share of all that it should hold. */

import type { CurvePoint } from "../api";
import { percent } from "../format";

const SIDE = 200;
const LEFT = 34;
const BELOW = 34;

function x(share: number): number {
  return LEFT + share * SIDE;
}

function y(share: number): number {
  return 8 + (1 - share) * SIDE;
}

export function ProbeCurve({ curve }: { curve: CurvePoint[] }) {
  const points = curve.filter((p) => p.completeness.value !== null && p.purity.value !== null);
  if (points.length < 2) return null;
  const place = (p: CurvePoint, v: number | null) => `${x(p.completeness.value!).toFixed(1)},${y(v ?? 0).toFixed(1)}`;
  const line = points.map((p) => place(p, p.purity.value)).join(" ");
  const band = [
    ...points.map((p) => place(p, p.purity.high)),
    ...[...points].reverse().map((p) => place(p, p.purity.low)),
  ].join(" ");
  const half = points.find((p) => p.completeness.value! >= 0.5) ?? points[points.length - 1];
  const words =
    `Purity against completeness: a list that holds ${percent(half.completeness.value)} of all is ` +
    `${percent(half.purity.value)} pure, ${percent(half.purity.low)} to ${percent(half.purity.high)}.`;
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${LEFT + SIDE + 8} ${SIDE + 8 + BELOW}`} role="img" aria-label={words}>
        {[0, 0.5, 1].map((tick) => (
          <g key={tick}>
            <path class="curve-grid" d={`M${x(0)} ${y(tick)}H${x(1)}M${x(tick)} ${y(0)}V${y(1)}`} />
            <text x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
              {tick}
            </text>
            <text x={x(tick)} y={y(0) + 15} text-anchor="middle">
              {tick}
            </text>
          </g>
        ))}
        <text x={x(0.5)} y={y(0) + 30} text-anchor="middle">
          completeness
        </text>
        <text x={12} y={y(0.5)} text-anchor="middle" transform={`rotate(-90 12 ${y(0.5)})`}>
          purity
        </text>
        <polygon class="curve-band" points={band} />
        <polyline class="curve-line" points={line} />
      </svg>
      <figcaption>{words}</figcaption>
    </figure>
  );
}
