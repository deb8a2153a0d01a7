"""Reports as pictures: lines over days, bars, funnels and heat maps, as SVG written by hand.

An SVG of ours has no script, style, font or address in it: it opens from a mail, in a document and under the
strictest policy. Every number of a picture is in its description too, for who cannot see it.
"""
