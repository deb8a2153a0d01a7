// When a broadcast goes out, and the button that sends it: every kind of broadcast has them.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api/client";
import { usePlace } from "../data";
import { Button, Dialog, Field, Problem, Words } from "../ui/kit";
import { fromLocal, t, yen, type Word } from "../words";

export interface Timing {
  when: "now" | "at" | "every";
  at: string;
  weekdays: string[];
  time: string;
}

const TYPE_ABOVE = 500;
/** Above so many friends the number is typed before it is sent. */

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

export function When({ draft, edit }: { draft: Timing; edit: (more: Partial<Timing>) => void }) {
  return (
    <>
      <fieldset>
        <legend>{t("compose.when")}</legend>
        <div className="chips">
          {(["now", "at", "every"] as const).map((one) => (
            <label key={one} className="check"><input type="radio" name="when" checked={draft.when === one} onChange={() => edit({ when: one })} /><span>{t(`compose.when.${one}`)}</span></label>
          ))}
        </div>
      </fieldset>
      {draft.when === "at" ? <Field label={t("compose.at")} type="datetime-local" value={draft.at} onChange={(event) => edit({ at: event.target.value })} /> : null}
      {draft.when === "every" ? (
        <>
          <fieldset><legend>{t("compose.weekdays")}</legend><div className="chips">{DAYS.map((day) => <label key={day} className="check"><input type="checkbox" checked={draft.weekdays.includes(day)} onChange={(event) => edit({ weekdays: event.target.checked ? [...draft.weekdays, day] : draft.weekdays.filter((one) => one !== day) })} /><span>{t(`day.${day}` as Word)}</span></label>)}</div></fieldset>
          <Field label={t("compose.time")} type="time" value={draft.time} onChange={(event) => edit({ time: event.target.value })} />
        </>
      ) : null}
    </>
  );
}

export function Send({ draft, sheet, leave }: { draft: Timing & { id: string; name: string }; sheet: { quota: { needed: number }; yen: number }; leave: () => Promise<void> }) {
  const { base } = usePlace();
  const [confirming, setConfirming] = useState(false);
  const [typed, setTyped] = useState("");
  const n = sheet.quota.needed;
  const send = useMutation({
    mutationFn: () => {
      if (draft.when === "now") return post(`${base}/broadcasts/${draft.id}/send`, {});
      const body = draft.when === "at" ? { at: fromLocal(draft.at) } : { every: { weekdays: draft.weekdays, time: draft.time } };
      return post(`${base}/broadcasts/${draft.id}/schedule`, body);
    },
    onSuccess: leave,
  });
  const label = draft.when === "now" ? t("send.now", { n, yen: yen(sheet.yen) }) : draft.when === "at" ? t("send.at", { n, at: draft.at.replace("T", " "), yen: yen(sheet.yen) }) : t("send.every", { n, yen: yen(sheet.yen) });
  const ready = n > 0 && (draft.when !== "at" || draft.at !== "");
  const isTyped = n <= TYPE_ABOVE || typed.replace(/[,，\s]/g, "") === String(n);
  return (
    <>
      <Button kind="main" disabled={!ready} onClick={() => setConfirming(true)}>{label}</Button>
      {n === 0 ? <p className="soft">{t("send.nobody")}</p> : null}
      {confirming ? (
        <Dialog title={t("send.title")} onClose={() => setConfirming(false)}>
          <p><Words text={draft.name} most={100} /></p>
          <p>{label}</p>
          {n > TYPE_ABOVE ? <Field label={t("send.type", { n })} inputMode="numeric" value={typed} onChange={(event) => setTyped(event.target.value)} /> : null}
          <Problem error={send.error} />
          <div className="dialog-foot"><Button onClick={() => setConfirming(false)}>{t("action.cancel")}</Button><Button kind="main" disabled={!isTyped} busy={send.isPending} onClick={() => send.mutate()}>{t("send.confirm")}</Button></div>
        </Dialog>
      ) : null}
    </>
  );
}
