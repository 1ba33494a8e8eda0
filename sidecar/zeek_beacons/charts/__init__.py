"""Charts: arrays in, SVG out, as text. They carry classes and no style: the page that holds them paints them.

Each is bounded, however many values come in: what would not be told apart is drawn together.
"""
