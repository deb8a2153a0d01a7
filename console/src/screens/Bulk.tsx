// One action for every friend that is ticked, or for all whom the list shows: a job of the API does it.
import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { get, newId, patch, post } from "../api/client";
import type { Condition } from "../conditions/model";
import { useMay, useNames, usePlace } from "../data";
import { Button, Dialog, Field, Problem, Select } from "../ui/kit";
import { named, t } from "../words";

const KINDS: Record<string, string> = { add_tag: "tags", remove_tag: "tags", add_score: "scores", enter_scenario: "scenarios", exit_scenario: "scenarios", start_form: "forms", send: "messages" };
const FOR_EDITORS = ["add_tag", "remove_tag"];
const BATCH = 1000;

function actionOf(how: string, what: string, points: number): object {
  if (how === "send") return { send: { message: what } };
  return { [how]: how === "add_score" ? { score: what, points } : what };
}

interface Work {
  state: string;
  done: number;
  total: number;
  error_count: number;
  result?: { accepted?: number; rejected?: number } | null;
}

interface Props {
  ticked: Set<string>;
  /** Everybody who is shown, when that can be asked for: how many, and who. */
  all: { count: number; condition: Condition } | null;
  clear: () => void;
}

export function Bulk({ ticked, all, clear }: Props) {
  const { base } = usePlace();
  const names = useNames();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [how, setHow] = useState("add_tag");
  const [what, setWhat] = useState("");
  const [points, setPoints] = useState(1);
  const [everybody, setEverybody] = useState(false);
  const [confirming, setConfirming] = useState(false);
  const [jobs, setJobs] = useState<string[]>([]);
  const options = (names[KINDS[how] ?? "tags"] ?? []).map((one) => ({ value: one.id, label: one.name }));
  const value = options.some((one) => one.value === what) ? what : (options[0]?.value ?? "");
  const n = everybody && all ? all.count : ticked.size;
  const run = useRef("");
  const act = useMutation({
    mutationFn: async () => {
      setConfirming(false);
      setJobs([]);
      // A cut-off attempt goes on where it was: each friend once.
      run.current ||= newId("bulk");
      const users = [...ticked];
      if (!publisher) {
        for (const user of users) await patch(`${base}/friends/${encodeURIComponent(user)}`, { tags: { add: how === "add_tag" ? [value] : [], remove: how === "remove_tag" ? [value] : [] } });
        run.current = "";
        return;
      }
      const then = [actionOf(how, value, points)];
      const bodies = everybody && all ? [{ condition: all.condition, then }] : Array.from({ length: Math.ceil(users.length / BATCH) }, (_, at) => ({ user_ids: users.slice(at * BATCH, (at + 1) * BATCH), then }));
      for (const [at, body] of bodies.entries()) {
        const { job_id } = await post<{ job_id: string }>(`${base}/friends/bulk`, body, { "Idempotency-Key": `${run.current}-${at}` });
        setJobs((was) => [...was, job_id]);
      }
      run.current = "";
    },
    onSettled: () => client.invalidateQueries({ queryKey: [base, "friends"] }),
  });
  const works = useQueries({ queries: jobs.map((job) => ({ queryKey: [base, "job", job], queryFn: () => get<Work>(`${base}/jobs/${job}`), refetchInterval: (query: { state: { data?: Work } }) => (query.state.data && query.state.data.state !== "running" ? false : 700) })) });
  const found = works.flatMap((work) => (work.data ? [work.data] : []));
  const isDone = jobs.length > 0 && found.length === jobs.length && found.every((work) => work.state !== "running");
  const sum = (of: (work: Work) => number) => found.reduce((total, work) => total + of(work), 0);
  const kinds = Object.keys(KINDS).filter((kind) => publisher || FOR_EDITORS.includes(kind));
  const label = options.find((one) => one.value === value)?.label ?? "";
  return (
    <div className="notice toolbar" role="region" aria-label={t("bulk.title")}>
      <strong>{t("bulk.count", { n })}</strong>
      {all && publisher && all.count > ticked.size ? <Button kind="quiet" aria-pressed={everybody} onClick={() => setEverybody(!everybody)}>{t("bulk.all", { n: all.count })}</Button> : null}
      <Select label={t("bulk.action")} value={how} onChange={(event) => setHow(event.target.value)} options={kinds.map((one) => ({ value: one, label: named("action", one) }))} />
      <Select label={t("bulk.what")} value={value} onChange={(event) => setWhat(event.target.value)} options={options} />
      {how === "add_score" ? <Field label={t("rule.points")} type="number" value={points} onChange={(event) => setPoints(Number(event.target.value))} /> : null}
      <Button kind="main" busy={act.isPending} disabled={!value || n === 0} onClick={() => (how === "send" || everybody ? setConfirming(true) : act.mutate())}>{t("bulk.do")}</Button>
      <Button kind="quiet" onClick={clear}>{t("bulk.clear")}</Button>
      <Problem error={act.error} />
      {act.isSuccess ? <p role="status">{isDone ? t("bulk.done", { accepted: sum((work) => work.result?.accepted ?? 0), rejected: sum((work) => work.result?.rejected ?? 0) }) : t("bulk.started")}</p> : null}
      {jobs.length && !isDone ? <progress className="bar" max={sum((work) => work.total) || 1} value={sum((work) => work.done)} aria-label={t("progress")} /> : null}
      {confirming ? (
        <Dialog title={t("bulk.do")} onClose={() => setConfirming(false)}>
          <p>{t("bulk.sure", { n, action: named("action", how) })} <strong>{label.slice(0, 100)}</strong></p>
          <div className="dialog-foot"><Button onClick={() => setConfirming(false)}>{t("action.cancel")}</Button><Button kind="main" onClick={() => act.mutate()}>{t("bulk.really", { n })}</Button></div>
        </Dialog>
      ) : null}
    </div>
  );
}
