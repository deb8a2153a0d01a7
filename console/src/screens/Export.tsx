// Friends as a CSV that Excel reads: a job of the API makes it, then there is a link to it.
import { useMutation, useQuery } from "@tanstack/react-query";
import { get, post } from "../api/client";
import type { Condition } from "../conditions/model";
import { useMay, usePlace } from "../data";
import { Button, Problem } from "../ui/kit";
import { t } from "../words";
import type { BulkJob } from "./Import";

/** The API takes so many ids at once. */
const MOST = 1000;

export function Export({ asked, label }: { asked: { condition?: Condition; user_ids?: string[] }; label?: string }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const start = useMutation({ mutationFn: () => post<{ job_id: string }>(`${base}/exports`, { format: "csv", bom: true, ...asked }) });
  const job = useQuery({
    queryKey: [base, "job", start.data?.job_id],
    enabled: Boolean(start.data),
    queryFn: () => get<BulkJob & { result?: { url?: string } | null }>(`${base}/jobs/${start.data?.job_id}`),
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 700),
  });
  const url = job.data?.result?.url;
  const isTooMany = (asked.user_ids?.length ?? 0) > MOST;
  if (!may) return null;
  return (
    <>
      {url ? <a className="button" href={url} download rel="noreferrer">{t("friends.export.get")}</a> : <Button busy={start.isPending || job.data?.state === "running"} disabled={isTooMany} title={isTooMany ? t("friends.export.most", { n: MOST }) : undefined} onClick={() => start.mutate()}>{label ?? t("friends.export")}</Button>}
      <Problem error={start.error ?? job.error} />
    </>
  );
}
