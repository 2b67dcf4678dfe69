"""The part of a run's code that shows photos: a batch, and one photo changed many times. Light."""

from __future__ import annotations

from ..augmentation import snippet_keras
from ..networks import backbones
from ..runs import Run
from .code_data import Photos

_GRID = '''\
def grid(photos, titles, file):
    """Photos in a grid of four by five, as a picture and on the screen."""
    figure, places = plt.subplots(4, 5, figsize=(10, 8.6), layout="constrained")
    for place in places.flat:
        place.axis("off")
    for place, photo, title in zip(places.flat, photos, titles):
        place.imshow(np.clip(np.asarray(photo) / 255, 0, 1))
        place.set_title(title, fontsize=9)
    plt.savefig(file)
    SHOW
'''


def batch_grid(photos: Photos) -> str:
    """The code that shows a batch."""
    said = 'f"class {int(label)}"'  # a number: the font of a plot may lack a name's letters
    return f'{_GRID}\n\ngrid(shown, [{said} for label in labels], "batch.png")\n'


_COMPILED = "augmented = tf.function(lambda photos: augment(photos, training=True))"


def augmented_grid(run: Run, photos: Photos) -> str:
    """The code that shows one photo 20 times changed; empty where nothing is changed."""
    settings = run.augmentation
    if settings is None or settings.is_off:
        return ""
    if photos.generator:
        return """\
one = np.repeat(shown[:1], 20, axis=0)
variants = next(augmenting.flow(one, batch_size=20, shuffle=False, seed=SEED))
grid(variants, [""] * 20, "augmented.png")
"""
    if run.model == backbones.TRANSFER:
        settings = backbones.still(settings)
        if settings is None:
            return ""
    mixing = settings.mixes
    made = snippet_keras.definition(settings, settings.active)
    sample = (
        """\
pair = [np.flatnonzero(train_labels == label)[0] for label in (0, 1)] * 10
variants, _ = mixed_batch(
    train_photos[pair].astype("float32"),
    np.eye(len(CLASSES), dtype="float32")[train_labels[pair]],
)
"""
        if mixing
        else """\
one = np.repeat(train_photos[:1], 20, axis=0).astype("float32")
variants = augment(one, training=True)
"""
    )
    return f"""\
{made}
# As a graph it is several times quicker.
{"mixed_batch = tf.function(mixed)" if mixing else _COMPILED}
{sample}grid(variants, [""] * 20, "augmented.png")
"""
