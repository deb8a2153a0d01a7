"""A small shop with the site tag in its pages, to try it with: look at products, fill a cart, order.

    python -m chalicelib.local.demo_shop      (make demo-shop, while make run runs)

It makes the account ``demo-shop`` with its site, pages, a link and rules: whoever writes お店 on a simulated
phone gets the link; who leaves something in the cart for a minute is reminded. Its server reports no order:
what reports know of them they know from the tag. For the laptop alone.
"""
