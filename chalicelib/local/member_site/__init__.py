"""A company's member site, to try linking with: people register, sign in, and become the friends they are.

    python -m chalicelib.local.member_site      (make member-site, while make run runs)

It speaks to Todoku as any outside program does, with an editor's rights to members, and knows nothing of LINE
but what Todoku sends it. It makes the account ``members`` with its Login channel and rules for what friends
write (連携, 解除, ランク), and keeps its people in ``member_site.json`` in the platform's folder. For the
laptop alone: no mail, no second factor.
"""
