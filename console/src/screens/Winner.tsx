// An A/B test: when it is decided, by what numbers, and a person's choice before that.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api/client";
import { type Broadcast, type Decision, type Measured, useMay, usePlace } from "../data";
import { Button, Dialog, Timestamp, Problem, Section, Words } from "../ui/kit";
import { number, percent, t } from "../words";

const armName = (id: string) => t("compose.arm", { arm: id.toUpperCase().slice(0, 20) });

export function Winner({ broadcast }: { broadcast: Broadcast }) {
  const { decides_at, decision } = broadcast;
  if (decision) return <Decided decision={decision} />;
  return decides_at ? <Waiting broadcast={broadcast} at={decides_at} /> : null;
}

function Waiting({ broadcast, at }: { broadcast: Broadcast; at: string }) {
  const { base } = usePlace();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [confirming, setConfirming] = useState<{ id: string | null } | null>(null);
  const act = useMutation({
    mutationFn: (winner: string | null) => post(`${base}/broadcasts/${broadcast.id}/decide`, { winner }),
    onSuccess: () => {
      setConfirming(null);
      return client.invalidateQueries({ queryKey: [base] });
    },
  });
  const what = confirming === null ? "" : confirming.id === null ? t("winner.nobody") : t("winner.send", { arm: armName(confirming.id) });
  return (
    <Section title={t("winner")} lead={t("winner.waiting")}>
      <p>{t("winner.at")} <Timestamp at={at} /></p>
      {publisher ? (
        <div className="actions">
          {broadcast.variants.map((one) => <Button key={one.id} onClick={() => setConfirming({ id: one.id })}>{t("winner.send", { arm: armName(one.id) })}</Button>)}
          <Button kind="quiet" onClick={() => setConfirming({ id: null })}>{t("winner.nobody")}</Button>
        </div>
      ) : null}
      {confirming ? (
        <Dialog title={what} onClose={() => setConfirming(null)}>
          <p>{t("winner.sure")}</p>
          <Problem error={act.error} />
          <div className="dialog-foot"><Button onClick={() => setConfirming(null)}>{t("action.back")}</Button><Button kind="danger" busy={act.isPending} onClick={() => act.mutate(confirming.id)}>{t("action.really", { what })}</Button></div>
        </Dialog>
      ) : null}
    </Section>
  );
}

function Decided({ decision }: { decision: Decision }) {
  const { winner, sent, arms, p, lift, alpha } = decision;
  const result = winner ? t("winner.won", { arm: armName(winner) }) : t("winner.none");
  return (
    <Section title={t("winner")}>
      <p role="status"><strong>{result}</strong> <span className="soft">{sent === null ? t("winner.rest.nobody") : t("winner.rest", { arm: armName(sent) })}</span></p>
      <p className="soft"><Words text={decision.why} most={300} /> <Timestamp at={decision.at} /></p>
      <Intervals arms={arms} winner={winner} />
      <div className="scroll"><table>
        <caption>{t(decision.metric === "conversion" ? "winner.conversion" : "winner.click")}</caption>
        <thead><tr><th scope="col">{t("monitor.arm")}</th><th scope="col" className="number">{t("progress.accepted")}</th><th scope="col" className="number">{t("winner.successes")}</th><th scope="col" className="number">{t("monitor.rate")}</th><th scope="col">{t("winner.interval")}</th><th scope="col" className="number">{t("winner.blocks")}</th></tr></thead>
        <tbody>{arms.map((arm) => (
          <tr key={arm.id}>
            <th scope="row">{armName(arm.id)}{arm.id === winner ? <span className="mark yes"> ✓</span> : null}</th>
            <td className="number">{number(arm.sent)}</td><td className="number">{number(arm.successes)}</td><td className="number">{percent(arm.rate)}</td>
            <td>{percent(arm.low)} – {percent(arm.high)}</td><td className="number">{number(arm.blocks)} ({percent(arm.block_rate)})</td>
          </tr>
        ))}</tbody>
      </table></div>
      {p === null ? null : <p className="soft">{t("winner.p", { p: p.toPrecision(2), alpha: alpha.toPrecision(2) })}{lift === null ? "" : ` · ${t("winner.lift", { lift: `${lift > 0 ? "+" : ""}${percent(lift)}` })}`}</p>}
    </Section>
  );
}

const WIDTH = 480, ROW = 34, LEFT = 90, SCALE = 22;

/** Each variant's rate as a point in its interval, on one scale; the table below has the numbers. */
function Intervals({ arms, winner }: { arms: Measured[]; winner: string | null }) {
  const most = Math.max(...arms.map((arm) => arm.high), 0.0001);
  const bottom = arms.length * ROW + 8;
  const x = (share: number) => LEFT + (share / most) * (WIDTH - LEFT - 12);
  return (
    <svg viewBox={`0 0 ${WIDTH} ${bottom + SCALE}`} width="100%" role="img" aria-label={t("winner.picture")} style={{ maxWidth: WIDTH * 1.3 }}>
      {[0, 0.25, 0.5, 0.75, 1].map((part) => (
        <g key={part}>
          <line x1={x(most * part)} x2={x(most * part)} y1={4} y2={bottom} stroke="var(--line)" />
          <text x={x(most * part)} y={bottom + 15} fontSize="11" fill="var(--soft)" textAnchor={part === 1 ? "end" : "middle"}>{percent(most * part)}</text>
        </g>
      ))}
      {arms.map((arm, at) => {
        const y = at * ROW + ROW / 2 + 4;
        const color = arm.id === winner ? "var(--brand)" : "var(--soft)";
        return (
          <g key={arm.id} stroke={color} fill={color}>
            <text x={0} y={y + 5} stroke="none" fontSize="13">{armName(arm.id).slice(0, 12)}</text>
            <line x1={x(arm.low)} x2={x(arm.high)} y1={y} y2={y} strokeWidth={3} strokeLinecap="round" />
            <circle cx={x(arm.rate)} cy={y} r={arm.id === winner ? 7 : 5} />
          </g>
        );
      })}
    </svg>
  );
}
