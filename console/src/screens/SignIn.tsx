import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiError, post } from "../api/client";
import type { Me } from "../data";
import { remember } from "../signed";
import { LanguageChoice, Logo } from "../shell";
import { Button, Field, messageOf, Screen } from "../ui/kit";
import { t } from "../words";

export function SignIn({ code }: { code?: string }) {
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string>();
  const tried = useRef(false);
  const enter = async (given: { key: string } | { code: string }) => {
    setBusy(true);
    setWrong(undefined);
    try {
      client.setQueryData(["me"], await post<Me>("/session", given));
      remember();
      const back = sessionStorage.getItem("todoku.back");
      sessionStorage.removeItem("todoku.back");
      location.hash = back && !back.startsWith("#/sign-in") ? back : "#/";
    } catch (error) {
      setWrong(error instanceof ApiError && error.status === 401 ? t("code" in given ? "signin.code.over" : "signin.wrong") : messageOf(error));
      setBusy(false);
    }
  };
  useEffect(() => {
    if (!code || tried.current) return;
    tried.current = true;
    void enter({ code });
  });
  return (
    <div className="sign-in">
      <Screen title={t("signin.title")} state="ready" back={<div className="brand"><Logo /><b>Todoku</b></div>} lead={t("signin.lead")}>
        <form onSubmit={(event) => { event.preventDefault(); if (key.trim()) void enter({ key: key.trim() }); }}>
          <Field label={t("signin.key")} type="password" autoComplete="current-password" name="password" autoFocus value={key} error={wrong} hint={t("signin.hint")} onChange={(event) => setKey(event.target.value)} />
          <Button kind="main" type="submit" busy={busy} disabled={!key.trim()}>{t("signin.enter")}</Button>
        </form>
        <div className="dialog-foot"><LanguageChoice /></div>
      </Screen>
    </div>
  );
}
