// The form on a phone: its real page, answered for a try, or how the chat asks the question at hand.
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { post } from "../../api/client";
import type { FormTrialAnswer } from "../../api/schema";
import { type LineMessage, usePlace } from "../../data";
import { Preview } from "../../phone/Preview";
import { Button, messageOf, Section, useLater } from "../../ui/kit";
import { t } from "../../words";
import { choicesOf, type Draft, isChoice, lookable, type Question } from "./model";

/** How the chat asks it: a text with its answers below. */
function chatOf(one: Question): LineMessage[] {
  const rated = Array.from({ length: one.scale ?? 5 }, (_, at) => String(at + 1));
  const labels = isChoice(one.type) ? choicesOf(one).map((choice) => choice.label || choice.value) : one.type === "boolean" ? [t("say.yes"), t("say.no")] : one.type === "rating" ? rated : one.type === "consent" ? [t("form.agree")] : [];
  const items: { type: string; action: Record<string, unknown> }[] = labels.filter((label) => label.trim()).slice(0, 13).map((label) => ({ type: "action", action: { type: "message", label: label.slice(0, 20), text: label } }));
  if (one.type === "file" && (one.accept ?? ["image"]).some((kind) => kind === "image" || kind === "file")) items.push({ type: "action", action: { type: "cameraRoll", label: t("form.album") } }, { type: "action", action: { type: "camera", label: t("form.camera") } });
  const choices = isChoice(one.type) ? choicesOf(one) : [];
  if (choices.length > 0 && choices.length <= 10 && choices.every((choice) => choice.image)) {
    const columns = choices.map((choice) => ({ imageUrl: choice.image, action: { type: "message", label: (choice.label || choice.value).slice(0, 12), text: choice.label || choice.value } }));
    return [{ type: "text", text: one.text }, { type: "template", altText: one.text, template: { type: "image_carousel", columns } }];
  }
  return [{ type: "text", text: one.text, ...(items.length ? { quickReply: { items } } : {}) }];
}

/** `focus`: the question that is being edited; `onFocus(null)` goes on by the answers. */
export function Try({ id, draft, focus, onFocus }: { id: string; draft: Draft; focus: string | null; onFocus: (question: string | null) => void }) {
  const [isWeb, setWeb] = useState(Boolean(draft.web));
  const seen = draft.questions.find((one) => one.id === focus) ?? draft.questions[0];
  const place = (web: boolean) => <Button aria-pressed={isWeb === web} onClick={() => setWeb(web)}>{t(web ? "form.try.web" : "form.try.chat")}</Button>;
  return (
    <>
      <div className="actions" role="group" aria-label={t("phone.title")}>{place(false)}{place(true)}</div>
      {isWeb ? <Page id={id} draft={draft} focus={focus} onFocus={onFocus} /> : seen ? <Preview messages={chatOf(seen)} /> : null}
    </>
  );
}

function Page({ id, draft, focus, onFocus }: { id: string; draft: Draft; focus: string | null; onFocus: (question: string | null) => void }) {
  const { base } = usePlace();
  const frame = useRef<HTMLIFrameElement>(null);
  const [answers, setAnswers] = useState<Record<string, string[]>>({});
  const text = useLater(JSON.stringify({ id, form: lookable(draft), answers, ...(focus ? { question: focus } : {}) }), 350);
  const asked = useQuery({ queryKey: [base, "forms", "try", text], queryFn: () => post<FormTrialAnswer>(`${base}/forms/try`, JSON.parse(text)), retry: false, placeholderData: (before) => before, gcTime: 0 });
  const shown = asked.data;
  const begin = () => {
    setAnswers({});
    onFocus(null);
  };
  // The page runs no script and is sent nowhere: what is pressed on it is read from here.
  const listen = () => {
    const page = frame.current?.contentDocument;
    if (!page) return;
    page.addEventListener("click", (event) => {
      const pressed = (event.target as Element | null)?.closest("button, a");
      if (!pressed) return;
      event.preventDefault();
      const at = shown?.question;
      if (pressed.tagName === "A" && at) {
        const before = new URLSearchParams((pressed.getAttribute("href") ?? "").split("?")[1]).get("q");
        if (before) onFocus(before);
      } else if (at) {
        const form = pressed.closest("form");
        if (form) setAnswers((was) => ({ ...was, [at]: new FormData(form).getAll(`a.${at}`).map(String) }));
        onFocus(null);
      }
    });
  };
  const title = draft.results?.find((one) => one.id === shown?.result)?.title;
  return (
    <Section title={t("form.try")} lead={t("form.try.lead")}>
      <div className="phone"><iframe ref={frame} title={t("form.try.page")} sandbox="allow-same-origin" srcDoc={shown?.html ?? ""} onLoad={listen} /></div>
      {shown && !shown.question && !focus ? <p role="status">{title ? t("form.try.result", { title }) : t("form.try.end")}</p> : null}
      {asked.error ? <p className="soft" role="status">{messageOf(asked.error)}</p> : null}
      <Button onClick={begin}>{t("form.try.again")}</Button>
    </Section>
  );
}
