"""The X-ray of the Predict page: a photo's maps layer by layer, and closer looks at one channel."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis.heatmap import add_inset, apply_colormap
from catdog_core.analysis.max_pooling import PoolingWinners, find_pooling_winners
from catdog_core.base.errors import ModelError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.base.palette import VERMILION, WHITE
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo, PhotoSize
from catdog_core.training import epoch_weights

from .. import gallery, job_fragment, widgets
from ..i18n import escape, say, t
from ..learn.glossary_view import show_terms
from . import activation_selection, predict_inputs, predict_panels
from .activation_selection import ActivationSelection, enlarge_pixels, map_picture
from .predict_inputs import ModelChoice
from .predict_panels import PhotoFiles

if TYPE_CHECKING:
    from catdog_core.analysis.activations import MapLayer
    from catdog_core.analysis.predict import Predictor


MAX_CHANNELS = 32
_THUMBNAILS_KEY = "predict_xray_thumbnails"
_ROW = 8  # thumbnails
_ROW_HEIGHT = 1.25  # of a thumbnail and its number, in thumbnails
_THUMBNAIL_HEIGHT = 100  # pixels on the page
_CELL = 96  # pixels of a thumbnail's picture
_COLOURFUL = 0.25
"""A filter has colour where its weights of red, green and blue differ by so much of their range."""


def show_activations(choice: ModelChoice, model: Predictor, photos: PhotoFiles) -> None:
    """Draw a network's activations for a photo, and a closer look at one channel."""
    epochs = epoch_weights.list_epoch_weights(choice.path.parent) if choice.path else {}
    with st.container(horizontal=True):
        photo = predict_panels.choose_photo(model, photos, "predict_xray_photo")
        if choice.path and epochs:
            model = _choose_epoch_model(choice.path, model, epochs)
        layers = activation_selection.map_layers(model)
        if not layers:
            st.info(t("This network has no layer with feature maps."))
            return
        layer = layers[
            st.selectbox(
                t("Layer"),
                range(len(layers)),
                index=_first_convolution(layers),
                format_func=lambda n: _layer_title(layers[n], n),
                key=f"predict_xray_layer_{len(layers)}",
                width=360,
            )
        ]
    values = activation_selection.layer_map(model, photo, layer.index)
    order = order_channels(values)
    channel_key = f"predict_xray_channel_{layer.index}_{len(order)}"
    _channel_maps(values, order[:MAX_CHANNELS], channel_key)
    panels: dict[str, tuple[str, Callable[[ActivationSelection], None]]] = {
        "unit": (t("Receptive field"), show_receptive_field),
        "strongest": (t("Strongest responses"), show_top_activations),
        "pooling": (t("Max pooling"), show_pooling),
        "filters": (t("First filters"), _show_first_filters),
    }
    if epochs:
        panels["epochs"] = (t("Epoch by epoch"), show_epochs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Not "look": a segmented control forgets a choice whose options change, as by a model.
        name = widgets.choose_one(
            t("A closer look"),
            {key: title for key, (title, _) in panels.items()},
            f"predict_xray_look_{len(panels)}",
            default="unit",
        )
        channel = order[0]
        if name != "filters":
            channel = st.selectbox(
                t("Channel"),
                order,
                format_func=lambda n: str(n + 1),
                key=channel_key,
                width=120,
                help=t("Sorted by how much their maps vary, most first."),
            )
    panels[name][1](
        ActivationSelection(choice, model, photo, photos, layers, layer, channel, values, epochs)
    )
    show_terms("feature-map", "filter", "receptive-field", "max-pooling", "relu")


def _choose_epoch_model(path: Path, model: Predictor, epochs: dict[int, Path]) -> Predictor:
    """The model as it is, or as it was after an earlier epoch."""
    best = -1
    chosen = st.select_slider(
        t("Epoch"),
        [*epochs, best],
        value=best,
        format_func=lambda n: t("best") if n == best else str(n + 1),
        key=f"predict_xray_epoch_{len(epochs)}_{max(epochs)}",
        width=220,
        help=t("Everything below shows the model after this epoch."),
    )
    return model if chosen == best else activation_selection.load_at_epoch(path, epochs[chosen])


def _first_convolution(layers: list[MapLayer]) -> int:
    return next((n for n, one in enumerate(layers) if "Conv" in one.kind), 0)


def _layer_title(layer: MapLayer, index: int) -> str:
    height, width, channels = layer.shape
    return f"{index + 1}. {layer.kind} · {height} × {width} × {channels}"


def order_channels(values: NDArray[np.float32]) -> list[int]:
    """Return the channels of a map (h, w, K) by how much they vary over a photo, most first.

    A map with the same value everywhere shows nothing, however large the value is.
    """
    order: list[int] = np.argsort(-np.ptp(values, axis=(0, 1)), kind="stable").tolist()
    return order


def _channel_maps(values: NDArray[np.float32], order: list[int], channel_key: str) -> None:
    """The channels that vary most, the first one first, each scaled by itself; one is chosen."""
    chosen = st.session_state.get(channel_key, order[0])
    varied = [channel for channel in order if np.ptp(values[..., channel]) > 0] or order[:1]
    widgets.plot_figure(
        thumbnail_figure(values, varied, chosen),
        key=_THUMBNAILS_KEY,
        on_select=partial(_select_channel, channel_key),
        selection_mode="points",
        alt=t("Maps of channels. Click one, or choose it under Channel."),
    )
    silent = int((values.max(axis=(0, 1)) <= values.min(axis=(0, 1))).sum())
    st.caption(
        t(
            "These {shown} of {total} channels vary most over this photo, each scaled separately. "
            "Bright is a strong response. Click one for a closer look. Channels with the same "
            "value everywhere: {silent}.",
            shown=len(varied),
            total=values.shape[-1],
            silent=silent,
        )
    )


def thumbnail_figure(values: NDArray[np.float32], order: Sequence[int], chosen: int) -> go.Figure:
    """Return maps of channels as a chart of pictures that can be clicked.

    Args:
        values: a layer's map, (h, w, K).
        order: the channels to show.
        chosen: the channel with a frame.
    """
    places = [(n % _ROW, n // _ROW * _ROW_HEIGHT) for n in range(len(order))]
    chart = go.Figure()
    chart.add_scatter(
        x=[x for x, _ in places],
        y=[y + 0.6 for _, y in places],
        mode="text",
        text=[str(channel + 1) for channel in order],
        hoverinfo="skip",
        showlegend=False,
    )
    chart.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        marker={"opacity": 0, "size": 40, "symbol": "square"},
        customdata=list(order),
        hovertemplate=t("Channel {n}", n="%{text}") + "<extra></extra>",
        text=[str(channel + 1) for channel in order],
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        showlegend=False,
    )
    rows = -(-len(order) // _ROW)
    x, y = places[order.index(chosen)] if chosen in order else (-9, -9)
    chart.add_shape(
        type="rect",
        x0=x - 0.48,
        x1=x + 0.48,
        y0=y - 0.48,
        y1=y + 0.48,
        line={"color": VERMILION, "width": 4},
    )
    chart.add_layout_image(
        source=gallery.data_uri(_draw_thumbnails(values, order)),
        xref="x",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=_ROW,
        sizey=rows * _ROW_HEIGHT,
        sizing="stretch",
        layer="below",
    )
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    chart.update_xaxes(range=[-0.5, _ROW - 0.5], constrain="domain", **hidden)
    chart.update_yaxes(
        range=[rows * _ROW_HEIGHT - 0.5, -0.5], scaleanchor="x", constrain="domain", **hidden
    )
    chart.update_layout(
        height=rows * _THUMBNAIL_HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
    )
    return chart


def _draw_thumbnails(values: NDArray[np.float32], order: Sequence[int]) -> bytes:
    """One PNG of the maps of channels in rows; what lies between them is transparent."""
    rows = -(-len(order) // _ROW)
    row_height = round(_CELL * _ROW_HEIGHT)
    sheet = np.zeros((rows * row_height, _ROW * _CELL, 4), np.uint8)
    inner, margin = round(_CELL * 0.92), round(_CELL * 0.04)
    for place, channel in enumerate(order):
        picture = cv2.resize(
            map_picture(values[..., channel]), (inner, inner), interpolation=cv2.INTER_NEAREST
        )
        top, left = place // _ROW * row_height + margin, place % _ROW * _CELL + margin
        sheet[top : top + inner, left : left + inner, :3] = picture
        sheet[top : top + inner, left : left + inner, 3] = 255
    encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGBA2BGRA))[1]
    return bytes(encoded.tobytes())


def _select_channel(channel_key: str) -> None:
    """Take the clicked thumbnail over into the list of channels."""
    points = st.session_state[_THUMBNAILS_KEY].selection.points
    if points and points[0].get("customdata") is not None:
        clicked = points[0]["customdata"]
        st.session_state[channel_key] = int(clicked[0] if isinstance(clicked, list) else clicked)


def _show_first_filters(selection: ActivationSelection) -> None:
    """The first convolution's filters as small colour pictures."""
    try:
        filters = activation_selection.first_filters(selection.model)
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    large = [
        cv2.resize(np.round(one * 255).astype(np.uint8), (48, 48), interpolation=cv2.INTER_NEAREST)
        for one in filters[: 2 * MAX_CHANNELS]
    ]
    gallery.image_grid(
        [decode.encode_photo(np.asarray(one, dtype=np.uint8), "png") for one in large],
        columns=16,
        alts=[t("Filter {n}", n=n + 1) for n in range(len(large))],
        least=36,
    )
    colourful = int((np.ptp(filters, axis=-1).max(axis=(1, 2)) > _COLOURFUL).sum())
    st.caption(
        t(
            "{n} filters of the first convolution, {side} × {side} px, each scaled separately. "
            "Gray is a weight of 0. A filter responds most to patches that look like itself. Of "
            "these filters, {colourful} weigh the colors clearly differently.",
            n=len(filters),
            side=filters.shape[1],
            colourful=colourful,
        )
    )


_CHART_KEY = "predict_xray_click"
_HEIGHT = 380
_MAX_CLICKABLE = 48
"""Places along a side that can be clicked; on larger maps the sliders reach those between."""


def show_receptive_field(selection: ActivationSelection) -> None:
    """Draw a map to click into, beside the photo with the frame of the chosen unit."""
    height, width, _ = selection.layer.shape
    left, right = st.columns(2, gap="large")
    with left:
        chart = st.container()
        with st.container(horizontal=True):
            row = _position_slider(t("Row"), height, _position_key("row", height))
            column = _position_slider(t("Column"), width, _position_key("column", width))
        with chart:
            _channel_chart(selection, row, column)
    with right:
        _receptive_field_photo(selection, row, column)


def _channel_chart(selection: ActivationSelection, row: int, column: int) -> None:
    height, width, _ = selection.layer.shape
    widgets.plot_figure(
        channel_figure(selection, row, column),
        key=_CHART_KEY,
        on_select=lambda: _select_unit(height, width),
        selection_mode="points",
        alt=t("Channel map. Click to choose a unit."),
    )
    st.caption(
        t(
            "Map of channel {n}. Bright is a strong response. Click the map or move the sliders "
            "to choose a unit. This unit responds with {value}, the strongest with {most}.",
            n=selection.channel + 1,
            value=f"{selection.channel_map[row, column]:.3g}",
            most=f"{selection.channel_map.max():.3g}",
        )
    )


def channel_figure(selection: ActivationSelection, row: int, column: int) -> go.Figure:
    """Return a channel's map as a picture under a grid of points that can be clicked."""
    values = selection.channel_map
    height, width = values.shape
    step = -(-max(height, width) // _MAX_CLICKABLE)
    points = [(y, x) for y in range(step // 2, height, step) for x in range(step // 2, width, step)]
    chart = go.Figure()
    chart.add_scatter(
        x=[x for _, x in points],
        y=[y for y, _ in points],
        mode="markers",
        marker={"opacity": 0, "size": max(4, 300 // max(height, width) * step)},
        customdata=[[y, x, f"{values[y, x]:.3g}"] for y, x in points],
        hovertemplate=t("row %{customdata[0]}, column %{customdata[1]}: %{customdata[2]}")
        + "<extra></extra>",
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        showlegend=False,
    )
    chart.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=row - 0.5,
        y1=row + 0.5,
        line={"color": WHITE, "width": 2},
    )
    chart.add_scatter(
        x=[column],
        y=[row],
        mode="markers",
        marker={"symbol": "circle-open", "size": 18, "color": WHITE, "line": {"width": 2.5}},
        unselected={"marker": {"opacity": 1}},
        hoverinfo="skip",
        showlegend=False,
    )
    chart.add_layout_image(
        source=gallery.data_uri(decode.encode_photo(map_picture(values, 240), "png")),
        xref="x",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    chart.update_xaxes(range=[-0.5, width - 0.5], constrain="domain", **hidden)
    chart.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x", constrain="domain", **hidden)
    chart.update_layout(
        height=_HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
        hoverdistance=-1,
    )
    return chart


def _select_unit(height: int, width: int) -> None:
    """Take the clicked unit over into the sliders."""
    points = st.session_state[_CHART_KEY].selection.points
    if points and points[0].get("customdata"):
        row, column = (int(value) for value in points[0]["customdata"][:2])
        st.session_state[_position_key("row", height)] = row + 1
        st.session_state[_position_key("column", width)] = column + 1


def _position_key(name: str, count: int) -> str:
    return f"predict_xray_{name}_{count}"


def _position_slider(label: str, count: int, key: str) -> int:
    if count == 1:
        return 0
    st.session_state.setdefault(key, count // 2 + 1)
    return int(st.slider(label, 1, count, key=key, width=180)) - 1


def _receptive_field_photo(selection: ActivationSelection, row: int, column: int) -> None:
    """The photo with a frame around the pixels that the unit can see; a few of them enlarged."""
    try:
        box = activation_selection.compute_receptive_field(
            selection.model, selection.layer.index, row, column
        )
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    seen = add_inset(selection.photo, (box.top, box.left, box.bottom, box.right))
    gallery.image_grid(
        [decode.encode_photo(enlarge_pixels(seen, _HEIGHT))],
        columns=1,
        width=_HEIGHT,
        alts=[t("Photo with the unit's receptive field")],
    )
    total_height, total_width = selection.model.size
    rows = min(box.bottom, total_height) - max(box.top, 0)
    columns = min(box.right, total_width) - max(box.left, 0)
    share = rows * columns / (total_height * total_width)
    st.caption(
        t(
            "The unit at this place sees {width} × {height} px of {total_width} × {total_height}. "
            "Nothing outside the frame can change its response. A small frame is enlarged in a "
            "corner.",
            width=box.right - box.left,
            height=box.bottom - box.top,
            total_width=total_width,
            total_height=total_height,
        )
        + " "
        + t("The frame covers {share} of the photo.", share=f"{share:.2%}")
    )


MOST_PHOTOS = 500
_QUICK = 24
PhotoSource: TypeAlias = tuple[str, str, bytes | Path]
"""A photo's name, its class or nothing, and its file."""


@dataclass(frozen=True)
class TopPhoto:
    """A photo with the frame of what the unit that answers most sees, how much, and its class."""

    picture: bytes
    name: str
    label: str
    value: float


def show_top_activations(selection: ActivationSelection) -> None:
    """Draw the validation photos a channel answers to most."""
    dataset = predict_inputs.dataset_of_photos(selection.choice.dataset_id)
    if dataset is None:
        sources: list[PhotoSource] = [(name, "", data) for name, _, data in selection.photos]
        where = t("the photos above")
        key: object = tuple(key for _, key, _ in selection.photos)
    else:
        items = dataset.items("validation") or dataset.items()
        items = random.Random(0).sample(items, min(MOST_PHOTOS, len(items)))
        sources = [(item.file, dataset.classes[item.label], item.path) for item in items]
        where = escape(dataset.name)
        key = dataset.id, dataset.fingerprint
    result = job_fragment.background_result(
        "predict_strongest",
        (
            id(selection.model.run_batch),
            selection.model.input_scale,
            selection.layer.index,
            selection.channel,
            key,
        ),
        lambda job: _search_photos(selection, sources, job),
        len(sources),
        quick=_QUICK,
        message=t("Finding the strongest responses…"),
    )
    if result is None or not result[0]:
        return
    best, looked = result
    gallery.image_grid(
        [one.picture for one in best],
        captions=[f"{one.value:.3g} {truncate_for_display(one.label, 20)}" for one in best],
        tooltips=[truncate_for_display(one.name) for one in best],
        columns=8,
        alts=[truncate_for_display(one.name) for one in best],
        least=120,
    )
    st.caption(
        t(
            "Of {n:,} photos ({where}), these get the strongest response from channel {channel} "
            "of this layer, strongest first. The frame, enlarged in a corner, shows what the "
            "responding unit sees.",
            n=looked,
            where=where,
            channel=selection.channel + 1,
        )
        + " "
        + _top_summary(best)
    )


def _top_summary(top_photos: list[TopPhoto]) -> str:
    if top_photos[0].value <= 0:
        return t("It responds to none of them.")
    label, count = Counter(one.label for one in top_photos).most_common(1)[0]
    if not label:
        return ""
    return t(
        "{count} of these {n} photos are labeled {label}.",
        count=count,
        n=len(top_photos),
        label=escape(truncate_for_display(label, 40)),
    )


def _search_photos(
    selection: ActivationSelection, sources: list[PhotoSource], job: Job
) -> tuple[list[TopPhoto], int]:
    """The photos found, and how many were looked at: fewer than all where it was stopped."""
    readable: list[int] = []

    def photos() -> Iterator[Photo]:
        for number, (_, _, source) in enumerate(sources):
            if job.stopped():
                return
            try:
                photo = _read_photo(source, selection.model.size)
            except (PhotoError, OSError):
                continue  # the page has told, or the Data page does
            readable.append(number)
            yield photo

    answers = activation_selection.top_activations(
        selection.model,
        photos(),
        selection.layer.index,
        selection.channel,
        lambda done: job.tell("", done, len(sources)),
    )
    top_photos = []
    for one in answers:
        name, label, source = sources[readable[one.photo]]
        photo = _read_photo(source, selection.model.size)
        with suppress(ModelError):  # where maps grow again the photo is shown without a frame
            box = activation_selection.compute_receptive_field(
                selection.model, selection.layer.index, one.row, one.column
            )
            photo = add_inset(photo, (box.top, box.left, box.bottom, box.right))
        top_photos.append(TopPhoto(decode.encode_photo(photo), name, label, one.value))
    return top_photos, len(readable)


def _read_photo(source: bytes | Path, size: PhotoSize) -> Photo:
    data = source if isinstance(source, bytes) else source.read_bytes()
    return decode.decode_and_fit(data, size)


_SIDE = 480
_CLOSE_UP_WINDOWS = 8  # windows along a side of the close-up


def show_pooling(selection: ActivationSelection) -> None:
    """Draw the map before max pooling, the maxima on it, some windows, and the map after."""
    layer = _next_pooling_layer(selection)
    if layer is None:
        st.info(
            t(
                "No max pooling follows here. From this layer on, the network shrinks its maps "
                "with strides, or not at all."
            )
        )
        return
    how, before = activation_selection.pooling_spec(selection.model, layer.index)
    values = activation_selection.layer_map(selection.model, selection.photo, before)
    channel = min(selection.channel, values.shape[-1] - 1)
    values = values[..., channel]
    winners = find_pooling_winners(values, how)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1.0)
    marked = _mark_winners(scaled, winners)
    top, left = _strongest_part(values, winners)
    close = (
        slice(top, top + _CLOSE_UP_WINDOWS * how.strides[0]),
        slice(left, left + _CLOSE_UP_WINDOWS * how.strides[1]),
    )
    after = apply_colormap(scaled[winners.rows, winners.columns])
    shown = [apply_colormap(scaled), marked, _with_grid_lines(marked[close], how.strides), after]
    titles = [t("Before pooling"), t("Kept values (bright)"), t("Close-up"), t("After pooling")]
    sizes = [one.shape[:2] for one in (values, values, marked[close], after)]
    gallery.image_grid(
        [decode.encode_photo(enlarge_pixels(one, _SIDE), "png") for one in shown],
        captions=[
            f"{title} · {height} × {width}"
            for title, (height, width) in zip(titles, sizes, strict=True)
        ],
        columns=4,
        least=150,
    )
    mask = winners.mask(values.shape)
    st.caption(
        t(
            "{name}, channel {n}: each window of {height} × {width} values keeps the largest and "
            "drops the others. Bright squares are kept, dark ones dropped.",
            name=f"{layer.kind} ({layer.name})",
            n=channel + 1,
            height=how.pool[0],
            width=how.pool[1],
        )
        + " "
        + t(
            "{kept:,} of {total:,} values are kept. Their mean is {mean}, and the mean of all "
            "values is {all}. In {tied} of the windows, all values are equal.",
            kept=int(mask.sum()),
            total=mask.size,
            mean=f"{values[mask].mean():.3g}",
            all=f"{values.mean():.3g}",
            tied=f"{winners.tied.mean():.0%}",
        )
    )


def _next_pooling_layer(selection: ActivationSelection) -> MapLayer | None:
    """The layer itself if it pools, else the next one that does."""
    after = (one for one in selection.layers if one.index >= selection.layer.index)
    return next((one for one in after if one.kind == "MaxPooling2D"), None)


def _mark_winners(scaled: NDArray[np.float32], winners: PoolingWinners) -> Photo:
    """The winners in their colours, all else dark and grey."""
    mask = winners.mask((scaled.shape[0], scaled.shape[1]))[..., None]
    grey = np.repeat((30 + 60 * scaled[..., None]).astype(np.uint8), 3, axis=-1)
    bright = apply_colormap(0.35 + 0.65 * scaled)  # so that a winner of 0 is seen as well
    return np.where(mask, bright, grey)


def _strongest_part(values: NDArray[np.float32], winners: PoolingWinners) -> tuple[int, int]:
    """Row and column of the map where the close-up begins: a window near the largest value."""
    at = np.unravel_index(int(values[winners.rows, winners.columns].argmax()), winners.rows.shape)
    row, column = (
        min(max(int(position) - _CLOSE_UP_WINDOWS // 2, 0), max(count - _CLOSE_UP_WINDOWS, 0))
        for position, count in zip(at, winners.rows.shape, strict=True)
    )
    step_down = values.shape[0] // winners.rows.shape[0]
    step_across = values.shape[1] // winners.rows.shape[1]
    return row * step_down, column * step_across


def _with_grid_lines(part: Photo, strides: tuple[int, int]) -> Photo:
    """Enlarged, with a line between windows."""
    large = enlarge_pixels(part, _SIDE).copy()
    factor = large.shape[0] // part.shape[0]
    for line in range(0, large.shape[0], factor * strides[0]):
        large[line : line + 2] = 255
    for line in range(0, large.shape[1], factor * strides[1]):
        large[:, line : line + 2] = 255
    return large


def show_epochs(selection: ActivationSelection) -> None:
    """Draw the map of the chosen channel after each epoch whose weights were kept."""
    assert selection.choice.path is not None  # epochs are a run's
    maps = job_fragment.background_result(
        "predict_epochs",
        (
            selection.choice.path,
            *selection.epochs,
            selection.photo.tobytes(),
            selection.layer.index,
            selection.channel,
        ),
        partial(
            activation_selection.maps_through_epochs,
            selection.choice.path,
            list(selection.epochs.values()),
            selection.photo,
            selection.layer.index,
            selection.channel,
        ),
        len(selection.epochs),
        quick=0,
        message=t("Loading earlier epochs…"),
    )
    if maps is None:
        return
    gallery.image_grid(
        [decode.encode_photo(map_picture(one, 160), "png") for one in maps],
        captions=[t("epoch {n}", n=epoch + 1) for epoch in selection.epochs],
        columns=8,
        least=120,
    )
    first, last = maps[0].ravel(), maps[-1].ravel()
    if first.std() == 0 or last.std() == 0:
        now = t("The first or the last map has the same value everywhere.")
    else:
        now = t(
            "The correlation between the first and last map is {r} (1: same pattern, 0: "
            "unrelated).",
            r=f"{np.corrcoef(first, last)[0, 1]:.2f}",
        )
    st.caption(
        t(
            "Channel {n} of this layer for the same photo, with each map scaled separately. "
            "Changes between maps show what the network learned.",
            n=selection.channel + 1,
        )
        + " "
        + now
    )
