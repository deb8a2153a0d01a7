// A rule tried on a friend: with words made up, or with something that has happened. Nothing is done.
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { enc, get, post, type Page } from "../../api/client";
import { usePlace } from "../../data";
import { FriendPicker } from "../../ui/FriendPicker";
import { Button, Field, Problem, Section, Select } from "../../ui/kit";
import { named, t, time } from "../../words";
import { propsOf, type When } from "./triggers";

interface Tried {
  rules: { rule: string; matched: boolean; why?: unknown }[];
  changes: unknown[];
  effects: { action: string; status?: string }[];
}

interface Happened {
  event_id: string;
  type: string;
  at: string;
  props: Record<string, unknown>;
}

const textOf = ({ props }: Happened) => [props.text, props.data, props.order_id].find((one) => typeof one === "string") as string | undefined;

export function Try({ id, body, when }: { id: string; body: Record<string, unknown>; when: When }) {
  const { base } = usePlace();
  const [user, setUser] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [past, setPast] = useState("");
  const happened = useQuery({ queryKey: [base, "friend", user, "activities", "try"], enabled: user !== null, queryFn: () => get<Page<Happened>>(`${base}/friends/${enc(user ?? "")}/activities?limit=30`) });
  const act = useMutation({
    mutationFn: () => post<Tried>(`${base}/rules/test`, { user_id: user, event: past ? { event_id: past } : { type: when.event, props: propsOf(when, text) }, rules: { [id]: { ...body, name: body.name || "draft", enabled: true } }, only: true }),
  });
  const found = act.data?.rules[0];
  const events = [{ value: "", label: t("rule.try.made_up") }, ...(happened.data?.items ?? []).map((one) => ({ value: one.event_id, label: `${time(one.at)} ${named("event", one.type)}${textOf(one) ? ` ${t("say.quoted", { name: (textOf(one) ?? "").slice(0, 30) })}` : ""}` }))];
  return (
    <Section title={t("rule.try")} lead={t("rule.try.lead")}>
      <FriendPicker label={t("why.friend")} onPick={(friend) => { setUser(friend?.user_id ?? null); setPast(""); act.reset(); }} />
      {user === null ? null : <Select label={t("rule.try.event")} value={past} onChange={(event) => setPast(event.target.value)} options={events} />}
      {when.event === "messaged" && !past ? <Field label={t("rule.try.text")} value={text} onChange={(event) => setText(event.target.value)} /> : null}
      <Button disabled={user === null} busy={act.isPending} onClick={() => act.mutate()}>{t("rule.try.do")}</Button>
      <Problem error={act.error} />
      {found ? <p role="status" className={found.matched ? "verdict yes" : "verdict no"}>{found.matched ? `✓ ${t("rule.try.yes")}: ${act.data?.effects.map((effect) => named("action", effect.action)).join(t("say.comma")) || t("rule.try.changes")}` : `✗ ${t("rule.try.no")}${typeof found.why === "string" ? ` — ${found.why}` : ""}`}</p> : null}
    </Section>
  );
}
