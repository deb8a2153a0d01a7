// Small pictures beside tables: the table says every number, so a picture is nothing that is read aloud.
import { number } from "../../words";

export interface Series {
  name: string;
  values: number[];
}

const HIGH = 200;
const [LEFT, BELOW] = [48, 22];
/** How many units a picture is wide: fewer on a phone and in a narrow column, so that its words stay legible. */
const width = (narrow = false) => (narrow || innerWidth < 760 ? 340 : 640);

/** The least round number that is not below: 1, 2 or 5 with noughts. */
function roundUp(most: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((times) => times * unit).find((one) => one >= most) ?? most;
}

function Legend({ series }: { series: Series[] }) {
  return <p className="legend" aria-hidden="true">{series.map((one, at) => <span key={one.name}><i className={`line-${at}`} />{one.name}</span>)}</p>;
}

/** Numbers by day (week, month). A single day is a dot. */
export function Lines({ labels, series, narrow }: { labels: string[]; series: Series[]; narrow?: boolean }) {
  if (labels.length === 0) return null;
  const WIDE = width(narrow);
  const most = roundUp(Math.max(1, ...series.flatMap((one) => one.values)));
  const x = (at: number) => LEFT + ((WIDE - LEFT - 10) * at) / Math.max(1, labels.length - 1);
  const y = (value: number) => 8 + (HIGH - BELOW - 8) * (1 - value / most);
  const shown = [...new Set([0, Math.floor((labels.length - 1) / 2), labels.length - 1])];
  return (
    <figure className="report-chart">
      <svg viewBox={`0 0 ${WIDE} ${HIGH}`} aria-hidden="true">
        {[0, most / 2, most].map((value) => (
          <g key={value}><line className="rule" x1={LEFT} x2={WIDE} y1={y(value)} y2={y(value)} /><text x={LEFT - 6} y={y(value) + 4} textAnchor="end">{number(value)}</text></g>
        ))}
        {shown.map((at) => <text key={at} x={x(at)} y={HIGH - 4} textAnchor={at === 0 ? "start" : at === labels.length - 1 ? "end" : "middle"}>{labels[at]}</text>)}
        {series.map((one, at) => (
          <g key={one.name} className={`line-${at}`}>
            <polyline points={one.values.map((value, n) => `${x(n)},${y(value)}`).join(" ")} />
            {labels.length <= 31 ? one.values.map((value, n) => <circle key={n} cx={x(n)} cy={y(value)} r="2.6" />) : null}
          </g>
        ))}
      </svg>
      <Legend series={series} />
    </figure>
  );
}

/** Of the width: what names take, and what the number behind the longest bar does. */
const [NAMES, NUMBERS] = [0.25, 0.12];
const MOST_BARS = 12;
const [ROW, BAR] = [30, 13];

/** The largest of the rows, one bar under another. */
export function Bars({ labels, series }: { labels: string[]; series: Series[] }) {
  const order = labels.map((_, at) => at).slice(0, MOST_BARS);
  if (order.length === 0) return null;
  const most = Math.max(1, ...series.flatMap((one) => one.values));
  const WIDE = width();
  const begin = WIDE * NAMES;
  const long = (value: number) => (WIDE * (1 - NAMES - NUMBERS) * value) / most;
  const row = Math.max(ROW, series.length * BAR + 8);
  const thick = Math.min(18, (row - 8) / series.length);
  return (
    <figure className="report-chart">
      <svg viewBox={`0 0 ${WIDE} ${order.length * row + 4}`} aria-hidden="true">
        {order.map((of, at) => (
          <g key={of}>
            <text x={begin - 8} y={at * row + row / 2 + 4} textAnchor="end">{[...(labels[of] ?? "")].slice(0, WIDE < 400 ? 6 : 12).join("")}</text>
            {series.map((one, n) => (
              <g key={one.name} className={`line-${n}`}>
                <rect x={begin} y={at * row + 5 + n * thick} height={thick - 1} rx="2" width={Math.max(1, long(one.values[of] ?? 0))} />
                <text x={begin + 8 + long(one.values[of] ?? 0)} y={at * row + 5 + n * thick + thick - 3}>{number(one.values[of] ?? 0)}</text>
              </g>
            ))}
          </g>
        ))}
      </svg>
      <Legend series={series} />
    </figure>
  );
}

/** How dark a cell of a heat map is: 0 to 1 in steps that the styles know. */
export const heat = (value: number | null, most: number) => `heat-${value === null || most <= 0 ? 0 : Math.ceil((4 * value) / most)}`;
