// What a friend has answered to forms, as it is on their sheet; a form's questions are asked for when it is opened.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { enc, get, PREFIX } from "../api/client";
import { type Friend, nameOf, useNames, usePlace } from "../data";
import { Timestamp, Problem, Section, Words } from "../ui/kit";
import { t } from "../words";
import type { Form } from "./forms/model";
import { answerText } from "./forms/answerText";

type Given = Friend["forms"][string];

export function FriendForms({ friend }: { friend: Friend }) {
  const names = useNames();
  const forms = Object.entries(friend.forms).filter(([, one]) => Object.keys(one.answers).length > 0);
  if (!forms.length) return null;
  return (
    <Section title={t("friend.forms")}>
      {forms.map(([id, one]) => <Answered key={id} id={id} name={nameOf(names, "forms", id)} given={one} user={friend.user_id} />)}
    </Section>
  );
}

function Answered({ id, name, given, user }: { id: string; name: string; given: Given; user: string }) {
  const { base } = usePlace();
  const [isOpen, setOpen] = useState(false);
  const asked = useQuery({ queryKey: [base, "forms", id], enabled: isOpen, queryFn: () => get<Form>(`${base}/forms/${enc(id)}`) });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><Words text={name} most={60} /> <span className="soft">{given.answered_at ? <Timestamp at={given.answered_at} /> : t("friend.forms.half")}</span></summary>
      <Problem error={asked.error} />
      <dl className="kv">
        {(asked.data?.questions ?? []).filter((one) => given.answers[one.id] !== undefined).map((one) => (
          <div key={one.id} style={{ display: "contents" }}>
            <dt><Words text={one.text} most={60} /></dt>
            <dd>{one.type === "file" ? <a href={`${PREFIX}/v1${base}/friends/${enc(user)}/messages/${enc(String(given.answers[one.id]))}/content`} target="_blank" rel="noreferrer">{t("form.file.open")}</a> : <Words text={answerText(one, given.answers[one.id])} most={200} />}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
