// Where the stages of buying begin, and how long after a click an order is its doing.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, ApiError, put } from "../../api/client";
import type { Loyal, StagesStored } from "../../api/schema";
import { Duration, only } from "../../conditions/fields";
import { useMay, usePlace } from "../../data";
import { Button, Check, Failure, Field, Problem, Section } from "../../ui/kit";
import { t } from "../../words";

type Found = Partial<StagesStored> & { revision: number };

export function Stages() {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "stages"], queryFn: async (): Promise<Found> => (await all<StagesStored>(`${base}/stages`))[0] ?? { revision: 0 } });
  if (asked.isError) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  return asked.data ? <Form key={asked.data.revision} found={asked.data} /> : null;
}

function Form({ found }: { found: Found }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const client = useQueryClient();
  const [loyal, setLoyal] = useState<Loyal>(() => only({ ...(found.loyal ?? { count: 5 }) }));
  const [dormant, setDormant] = useState(found.dormant_after ?? "180d");
  const [window, setWindow] = useState(found.attribution?.window ?? "7d");
  const [saved, setSaved] = useState(false);
  const save = useMutation({
    mutationFn: () => put(`${base}/stages/default`, { loyal, dormant_after: dormant, attribution: { window } }, found.revision ? { "If-Match": String(found.revision) } : {}),
    onSuccess: () => {
      setSaved(true);
      return client.invalidateQueries({ queryKey: [base] });
    },
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  const figure = (name: "count" | "total", label: string) => <Field label={label} type="number" min={1} disabled={!may} value={loyal[name] ?? ""} error={about(`loyal.${name}`)} onChange={(event) => setLoyal((was) => only({ ...was, [name]: event.target.value === "" ? undefined : Number(event.target.value) }))} />;
  return (
    <>
      <Section title={t("stages.loyal")} lead={t("stages.loyal.lead")}>
        <div className="fields">{figure("count", t("stages.count"))}{figure("total", t("stages.total"))}</div>
        <Check label={t("stages.within")} disabled={!may} checked={Boolean(loyal.within)} onChange={(event) => setLoyal((was) => only({ ...was, within: event.target.checked ? "365d" : undefined }))} />
        {loyal.within ? <Duration label={t("leaf.duration")} value={loyal.within} units={["d", "w"]} set={(within) => setLoyal((was) => ({ ...was, within }))} /> : null}
      </Section>
      <Section title={t("stages.dormant")} lead={t("stages.dormant.lead")}><Duration label={t("stages.dormant.after")} value={dormant} units={["d", "w"]} set={setDormant} /></Section>
      <Section title={t("stages.window")} lead={t("stages.window.lead")}><Duration label={t("stages.window.length")} value={window} units={["h", "d"]} set={setWindow} /></Section>
      <Problem error={save.error} />
      {saved ? <p role="status">{t("saved")}</p> : null}
      {may ? <Button kind="main" busy={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button> : null}
    </>
  );
}
