// Who may do what: a key for each person and program.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { all, post, remove } from "../../api/client";
import { ROLES, usePlace } from "../../data";
import { Button, Chip, Dialog, Failure, Field, Timestamp, Problem, Section, Select, Words } from "../../ui/kit";
import { named, t } from "../../words";

interface Key {
  id: string;
  name: string;
  role: string;
  account: string | null;
  created_at: string;
  last_used_at: string | null;
}

export function Keys() {
  const { account, me } = usePlace();
  const client = useQueryClient();
  const asked = useQuery({ queryKey: ["keys"], queryFn: () => all<Key>("/keys") });
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [gone, setGone] = useState<Key | null>(null);
  const make = useMutation({
    mutationFn: () => post<{ id: string; key: string }>("/keys", { name, role, account: account.id }),
    onSuccess: () => {
      setName("");
      return client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const away = useMutation({
    mutationFn: (key: Key) => remove(`/keys/${key.id}`),
    onSuccess: () => {
      setGone(null);
      return client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  if (asked.isError) return <Failure error={asked.error} />;
  return (
    <>
      <Section title={t("keys.new")}>
        <form className="toolbar" onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
          <div className="grow"><Field label={t("keys.name")} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} /></div>
          <Select label={t("keys.role")} value={role} onChange={(event) => setRole(event.target.value)} options={ROLES.map((one) => ({ value: one, label: named("role", one) }))} />
          <Button kind="main" type="submit" busy={make.isPending} disabled={!name.trim()}>{t("keys.make")}</Button>
        </form>
        <Problem error={make.error} />
        {make.data ? <p className="notice" role="status">{t("keys.once")} <code>{make.data.key}</code></p> : null}
      </Section>
      <div className="panel scroll" style={{ padding: 0 }}><table>
        <thead><tr><th scope="col">{t("keys.name")}</th><th scope="col">{t("keys.role")}</th><th scope="col">{t("shell.account")}</th><th scope="col">{t("keys.used")}</th><th scope="col"><span className="hidden">{t("label.actions")}</span></th></tr></thead>
        <tbody>{(asked.data ?? []).map((key) => <tr key={`${key.id}${key.created_at}`}><th scope="row"><Words text={key.name} most={60} /></th><td><Chip>{named("role", key.role)}</Chip></td><td>{key.account ?? t("keys.every")}</td><td><Timestamp at={key.last_used_at} /></td><td className="number">{key.id === me.key_id ? <span className="soft">{t("keys.mine")}</span> : <Button kind="danger" aria-label={t("keys.delete.of", { name: key.name.slice(0, 40) })} onClick={() => setGone(key)}>{t("action.delete")}</Button>}</td></tr>)}</tbody>
      </table></div>
      {gone ? <Dialog title={t("keys.delete.of", { name: gone.name.slice(0, 40) })} onClose={() => setGone(null)}><p>{t("keys.delete.more")}</p><Problem error={away.error} /><div className="dialog-foot"><Button onClick={() => setGone(null)}>{t("action.cancel")}</Button><Button kind="danger" busy={away.isPending} onClick={() => away.mutate(gone)}>{t("action.really", { what: t("action.delete") })}</Button></div></Dialog> : null}
    </>
  );
}
