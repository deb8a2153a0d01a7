"""Reports as pictures: lines over days, bars, funnels and heat maps, drawn by reportlab, as SVG.

A picture has no script, style, font or address in it: it opens from a mail, in a document and under the
strictest policy. Every number of it is in its description too, for who cannot see it.
"""
