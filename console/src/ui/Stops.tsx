// What the house has paused because it sent too much to the same friends: look at it, and let it go on.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { enc, post } from "../api/client";
import type { Need } from "../api/schema";
import { useMay, usePlace } from "../data";
import { Link } from "../router";
import { named, t } from "../words";
import { Button, Problem, Words } from "./kit";

/** Where a kind of document is looked at. */
const SCREENS = new Set(["broadcasts", "rules", "schedules", "scenarios"]);

export function NeedLine({ need }: { need: Need }) {
  const { base, account } = usePlace();
  const may = useMay("publisher");
  const client = useQueryClient();
  const release = useMutation({
    mutationFn: () => post(`${base}/${need.document}/${enc(need.id)}/resume`, {}),
    onSuccess: () => client.invalidateQueries({ queryKey: [base] }),
  });
  const isStop = need.kind === "runaway" && need.document !== null;
  return (
    <li className="notice warn need">
      <span><strong>{named("need", need.kind)}</strong> {need.document ? <span className="soft">{named("document", need.document)}</span> : null} <Words text={need.name} most={80} /> {isStop ? <span className="soft">{t("stop.why")}</span> : <span className="soft"><Words text={need.detail || " "} /></span>}</span>
      <span className="actions">
        {need.document && SCREENS.has(need.document) ? <Link className="button" parts={[account.id, need.document, need.id]} aria-label={t("stop.look.of", { name: need.name.slice(0, 60) })}>{t("stop.look")}</Link> : null}
        {isStop && may ? <Button busy={release.isPending} aria-label={t("stop.resume.of", { name: need.name.slice(0, 60) })} onClick={() => release.mutate()}>{t("stop.resume")}</Button> : null}
      </span>
      <Problem error={release.error} />
    </li>
  );
}
