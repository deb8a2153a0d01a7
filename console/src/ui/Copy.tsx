// What is put somewhere else: an address or some lines, and a button that copies them.
import { useRef, useState } from "react";
import { t } from "../words";
import { Area, Button, Field } from "./kit";

export function Copy({ label, text, rows, hint }: { label: string; text: string; rows?: number; hint?: string }) {
  const around = useRef<HTMLDivElement>(null);
  const [notice, setNotice] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setNotice(t("copy.done"));
    } catch {
      // A browser that does not let pages copy: the text is chosen, and the keyboard copies it.
      around.current?.querySelector<HTMLInputElement>("input, textarea")?.select();
      setNotice(t("copy.by_hand"));
    }
  };
  return (
    <div ref={around}>
      {rows ? <Area label={label} hint={hint} rows={rows} value={text} readOnly /> : <Field label={label} hint={hint} value={text} readOnly onFocus={(event) => event.target.select()} />}
      <div className="actions"><Button aria-label={t("copy.of", { of: label })} onClick={() => void copy()}><svg className="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M9 9h11v11H9zM5 15H4V4h11v1" /></svg>{t("copy")}</Button><span role="status" className="soft">{notice}</span></div>
    </div>
  );
}
