"""Who opens a link: friends, and programs that are none."""

from __future__ import annotations

import pytest

from chalicelib.links.previews import is_friend
from chalicelib.links.service import with_utm

PROGRAMS = [
    "facebookexternalhit/1.1;line-poker/1.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Applebot/0.1",
    "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0",
    "SkypeUriPreview Preview/0.5",
]
FRIENDS = [
    "",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari Line/14.19.0",
    "Mozilla/5.0 (Linux; Android 14; CUBOT P80) AppleWebKit/537.36 Chrome/120 Mobile Line/13.9.0/IAB",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
]


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_are_no_friends(agent: str) -> None:
    """LINE's own look at a link first of all."""
    assert not is_friend({"user-agent": agent})


@pytest.mark.parametrize("agent", FRIENDS)
def test_phones_and_browsers_are(agent: str) -> None:
    """Whatever their makers are called, unless they say that they only fetch ahead."""
    assert is_friend({"User-Agent": agent})
    for name, value in (
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ):
        assert not is_friend({"User-Agent": agent, name: value})


@pytest.mark.parametrize(
    ("url", "tagged"),
    [
        ("https://s.example/", "https://s.example/?utm_source=line&utm_campaign=%E5%86%AC+sale"),
        (
            "https://s.example/a?b=1#top",
            "https://s.example/a?b=1&utm_source=line&utm_campaign=%E5%86%AC+sale#top",
        ),
        ("https://s.example/?utm_source=x", "https://s.example/?utm_source=x&utm_campaign=%E5%86%AC+sale"),
        (
            "https://s.example/?utm_source=&utm_campaign=y",
            "https://s.example/?utm_source=&utm_campaign=y",
        ),
    ],
)
def test_utm_is_added_where_the_url_does_not_say_it(url: str, tagged: str) -> None:
    """Before the fragment, and nothing else of the URL changes."""
    assert with_utm(url, {"source": "line", "medium": None, "campaign": "冬 sale"}) == tagged
    assert with_utm(url, {}) == url
