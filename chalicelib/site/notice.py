"""What a site has to publish about its tag, by Japan's rule on external transmission. Pure.

The rule (電気通信事業法 27 条の 12) asks for what is sent, to whom, and what for, where a visitor finds it.
https://www.soumu.go.jp/main_sosiki/joho_tsusin/d_syohi/gaibusoushin_kiritsu.html
"""

from __future__ import annotations

from chalicelib.accounts import site_rules
from chalicelib.accounts.model import Account
from chalicelib.shared.reasons import Language

_TEXTS: dict[Language, tuple[str, str]] = {
    "ja": (
        """■ サイトタグ「Todoku」
このサイトでは、{name}の LINE 公式アカウントのために、お客様の端末から次の情報を外部に送信しています。

送信される情報
・閲覧したページのアドレス（ページの分類とパスだけを保存し、「?」より後ろは保存しません）
・カートの内容、注文番号、注文金額{events}
・閲覧・操作の時刻
・このブラウザーを区別するための、サイトが作る無作為な番号
・LINE のメッセージのリンクから来られた場合は、そのリンクの署名つきの印

送信先
{host}（{name}が管理するサーバー）

利用目的
・{name}からの LINE メッセージを、お客様の関心に合わせるため
・配信の効果（閲覧・注文）を測るため

保存期間
・LINE の友だちと結び付く前の情報は 30 日で消去します
・友だちと結び付いた情報は、お客様の求めにより消去します

無作為な番号はこのサイトの領域（localStorage）にだけ保存し、Cookie は使いません。
{consent}""",
        "同意をいただくまでは、何も保存も送信もしません。同意はいつでも取り消せます。",
    ),
    "en": (
        """Site tag "Todoku"
For the LINE Official Account of {name}, this site sends the following from your device.

What is sent
- the address of pages that you look at (kept: which page it is and its path, nothing behind "?")
- what is in the cart, the number and the amount of an order{events}
- when
- a random number by which the site knows this browser
- the signed mark of a link, if you came by one in a LINE message

To whom
{host} (a server run by {name})

What for
- messages on LINE that fit your interests
- knowing what messages led to (views, orders)

For how long
- 30 days, as long as it is not known which LINE friend you are
- afterwards until you ask for its erasure

The random number is kept by this site alone (localStorage). There is no cookie.
{consent}""",
        "Nothing is kept or sent before you agree, and you can take that back at any time.",
    ),
}


def text(account: Account, host: str, language: Language) -> str:
    """The text for an account whose server is ``host``."""
    rules, (written, asked) = site_rules.of(account), _TEXTS[language]
    mark = "、" if language == "ja" else ", "
    events = "".join(f"{mark}{name}" for name in rules.events)
    consent = asked if rules.consent else ""
    return written.format(name=account.name, host=host, events=events, consent=consent).strip() + "\n"
