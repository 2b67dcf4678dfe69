"""What the charts of the Evaluate page are made of."""

import numpy as np

from catdog_ui.evaluate import evaluate_charts


def test_names_are_escaped_in_figures():
    counts = np.array([[3, 1], [0, 4]])
    figure = evaluate_charts.confusion_matrix_figure(counts, ("<b>x</b>", "dogs"), [0, 1], (0, 1))
    assert "<b>x" not in str(figure.layout.xaxis.ticktext)
    assert figure.data[0].marker.line.width == (0, 3)
    assert figure.data[0].customdata[1][:2] == [0, 1]


def test_of_many_classes_the_curves_with_the_smallest_areas_are_drawn():
    from catdog_core.analysis.metrics import ClassCurve

    flat = np.zeros(2)
    curves = [ClassCurve(label, flat, flat, area=label / 20) for label in range(20)][::-1]
    assert evaluate_charts.drawn_classes(curves) == list(range(7))


def test_curves_of_many_classes_differ_in_colour():
    names = [f"class {label}" for label in range(60)]
    colors = evaluate_charts.line_colors(names, [3, 10, 17, 24, 31, 38, 45])
    assert len(set(colors.values())) == 7
    assert evaluate_charts.line_colors(names[:7], [5]) == {5: evaluate_charts.class_color(5)}
