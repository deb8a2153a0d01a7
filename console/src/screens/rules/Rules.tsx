import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { all } from "../../api/client";
import { useMay, useNames, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { Existing } from "../../ui/document";
import { Chip, Field, Screen, Section, stateOf, Words } from "../../ui/kit";
import { t } from "../../words";
import { Editor, type Rule } from "./Editor";
import { Keyword } from "./Keyword";
import { ruleText } from "./sentence";

export default function Rules() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  if (id === "keyword") return <Keyword />;
  return id === "new" ? <Editor key="new" /> : <Existing<Rule> key={id} kind="rules" id={id} title="nav.rules">{(rule) => <Editor rule={rule} />}</Existing>;
}

const FEW = 8;

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const [text, setText] = useState("");
  const asked = useQuery({ queryKey: [base, "rules"], queryFn: () => all<Rule>(`${base}/rules`) });
  const every = (asked.data ?? []).map((rule) => ({ rule, text: ruleText(rule, names) }));
  const wanted = text.trim().toLowerCase();
  const items = every.filter(({ rule, text }) => `${rule.name} ${text}`.toLowerCase().includes(wanted));
  const fresh = may ? <><Link className="button" parts={[account.id, "rules", "keyword"]}>{t("keyword.new")}</Link><Link className="button main" parts={[account.id, "rules", "new"]}>{t("rule.new")}</Link></> : null;
  return (
    <Screen title={t("nav.rules")} state={stateOf(asked, every.length === 0)} error={asked.error} retry={() => void asked.refetch()} actions={<><Link className="button" parts={[account.id, "forms"]}>{t("nav.forms")}</Link>{fresh}</>} lead={t("rules.lead")} empty={<><h2>{t("rules.empty")}</h2><p>{t("rules.empty.more")}</p></>}>
      {every.length > FEW ? <div className="toolbar"><div className="grow"><Field label={t("rules.search")} type="search" value={text} onChange={(event) => setText(event.target.value)} /></div></div> : null}
      {items.map(({ rule: one, text }) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<><Chip tone={one.enabled ? "brand" : "plain"}>{t(one.status === "paused" ? "settings.stops" : one.enabled ? "rule.on" : "rule.off")}</Chip><Link className="button" parts={[account.id, "rules", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link></>}>
          <p><Words text={text} most={600} /></p>
        </Section>
      ))}
    </Screen>
  );
}
