// The whole scenario to testers, for real: at once, or at speed.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api/client";
import type { TestAnswer } from "../api/schema";
import { nameOf, useNames, usePlace, type Friend } from "../data";
import { FriendPicker } from "../ui/FriendPicker";
import { Button, Chip, Dialog, Timestamp, Problem, Select, useDraft, Words } from "../ui/kit";
import { t } from "../words";

interface Tester {
  user_id: string;
  name: string;
}

/** How many times faster than in earnest. */
const SPEEDS = ["at_once", "86400", "1440"];

export function TestDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { base, account } = usePlace();
  const names = useNames();
  const [testers, setTesters] = useDraft<Tester[]>(`testers.${account.id}`, []);
  const [speed, setSpeed] = useState("at_once");
  const chosen = testers.slice(0, 5);
  const act = useMutation({ mutationFn: () => post<TestAnswer>(`${base}/scenarios/${id}/test`, { user_ids: chosen.map((one) => one.user_id), speed: speed === "at_once" ? speed : Number(speed) }) });
  const add = (friend: Friend | null) => {
    if (friend && !testers.some((one) => one.user_id === friend.user_id)) setTesters([{ user_id: friend.user_id, name: friend.display_name ?? t("friend.unnamed") }, ...testers].slice(0, 20));
  };
  const nameOfTester = (user: string) => testers.find((one) => one.user_id === user)?.name ?? "";
  return (
    <Dialog title={t("scn.test")} onClose={onClose}>
      <p>{t("scn.test.lead")}</p>
      <FriendPicker label={t("test.add")} onPick={add} />
      <div className="chips">{chosen.map((one) => <Chip key={one.user_id}><Words text={one.name} most={30} /><button type="button" aria-label={t("test.remove", { name: one.name.slice(0, 30) })} onClick={() => setTesters(testers.filter((other) => other.user_id !== one.user_id))}>✕</button></Chip>)}</div>
      <Select label={t("scn.test.speed")} value={speed} onChange={(event) => setSpeed(event.target.value)} options={SPEEDS.map((one) => ({ value: one, label: t(`scn.speed.${one}` as "scn.speed.at_once") }))} />
      <Problem error={act.error} />
      {act.data ? (
        <div role="status">
          <p className="verdict yes">✓ {t("scn.test.sent", { n: act.data.messages.length })}{act.data.cut ? ` ${t("scn.test.cut")}` : ""}</p>
          <ul className="plain-list">{act.data.messages.slice(0, 30).map((one, at) => <li key={at}><Words text={nameOfTester(one.user_id)} most={20} />: <Words text={one.message ? nameOf(names, "messages", one.message) : t("scn.test.rule")} most={40} /> <span className="soft">{t("scn.test.earnest")} <Timestamp at={one.in_earnest_at} /></span></li>)}</ul>
        </div>
      ) : null}
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.close")}</Button><Button kind="main" disabled={chosen.length === 0} busy={act.isPending} onClick={() => act.mutate()}>{t("test.send", { n: chosen.length })}</Button></div>
    </Dialog>
  );
}
