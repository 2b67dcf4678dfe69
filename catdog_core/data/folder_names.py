"""Tell names of splits, wrappers, annotations and unlabeled photos from names of classes.

`split_from_name` knows what stands for training, validation and test. `split_and_rest` finds such
a word within a longer name, such as seg_train. `odd_class_names` names what classes hardly are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..base.errors import N_
from ..base.files import truncate_for_display
from ..base.messages import Message
from . import class_names

_SPLIT_WORDS = {
    "train": "train(ings?)?|trainval|trn|학습|훈련|트레이닝|트레인|训练|訓練|学習|"
    "entrenamiento|entra[iî]nement|apprentissage|treino|treinamento|addestramento|обучение|"
    "тренировка|eğitim|huấn ?luyện",
    "validation": "val(id(ation|ate|ating)?)?|dev(el(opment)?)?|eval(uation)?|"
    "검증|유효성(검사)?|[밸벨발]리데이션|验证|驗證|検証|validierungs?|validaci[oó]n|"
    "valida[cç][aã]o|validazione|convalida|валидация|проверка|doğrulama",
    "test": "test(ing)?|tst|hold ?out|테스트|시험|평가|测试|測試|テスト|評価|pruebas?|testes?|"
    "тест|kiểm ?tra",
}
_SET_WORDS = (
    "용|用|集|sets?|data|ds|splits?|images?|imgs?|jpe?gs?|pngs?|photos?|pictures?|pics?|folder|"
    "files?|lists?|labels?|samples?|subset|full|final|small|raw|resized|cropped|original|"
    "데이터|세트|셋|이미지|사진|폴더|자료|daten(?:satz)?|bilder|fotos?|im[aá]genes|donn[eé]es|"
    "dados|datos|dati|данные"
)
_SPLIT_NAME = {
    split: re.compile(f"(?:{_SET_WORDS})*+[0-9]*+(?:{words})(?:{_SET_WORDS})*+[0-9]*+")
    for split, words in _SPLIT_WORDS.items()
}
_AI_HUB_SPLITS = {"TS": "train", "VS": "validation"}
_AI_HUB_MARK = re.compile(r"(TS|VS)\d{0,2}[_\-. ]+(?=.)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_\-.()\[\]]+")
_SET_WORD = re.compile(f"(?:{_SET_WORDS})*+[0-9]*+")
_CONTAINER = re.compile(
    "(?:images?|imgs?|jpe?gs?|pngs?|photos?|pictures?|pics?|data|sets?|files?|all|"
    "이미지|사진|데이터|세트|셋|자료)++[0-9]*+"
)
_ANNOTATIONS = re.compile(
    "[0-9]{0,2}(?:annot(?:ation)?s?|trimaps?|segmentation(?:class|object)?(?:aug|raw)?s?|"
    "ground ?truths?|imagesets|xmls?|bbox(?:es)?|bounding ?box(?:es)?|어노테이션|주석|"
    "(?:라벨링?|레이블링?)데이터)(?:images?|imgs?|pngs?)?"
)
_MASKS = re.compile(
    "(?:seg(?:mentation)?)?(?:masks?|labels?|gts?|segs?|mattes?|depths?|마스크|라벨|레이블)"
    "(?:images?|imgs?|pngs?|maps?)?"
)
_UNLABELED = re.compile(
    "allclass(?:es)?|un(?:known|labell?ed|annotated|sup(?:ervised)?|sorted|classified)|(?:no|without)labels?|"
    "pred(?:ict(?:ions?)?)?s?|inference|submissions?|미분류|미지정|미라벨|무라벨|라벨없음|레이블없음|예측|추론"
)
_UNLABELED_PHOTOS = re.compile(
    f"(?:{_UNLABELED.pattern})(?:images?|imgs?|photos?|pictures?|pics?|이미지|사진)?"
)
_DATES = re.compile(r"(?:19|20)\d{2}(?:년)?(?:[\s_\-.]?(?:0?[1-9]|1[0-2])(?:[\s_\-.]?\d{1,2})?)?")
_NUMBERED = re.compile(
    r"(?:folds?|parts?|batch|sets?|groups?|splits?|chunks?|pages?|subset|k|version|v|"
    r"new ?folder|untitled ?folder|folder|새 ?폴더|폴더|묶음|무제 ?폴더)[\s_\-.]*\(?\d*\)?"
)
_NUMBERED_END = re.compile(
    r"[\s_\-.](?:fold|part|batch|chunk|subset|split|묶음)[\s_\-.]*\(?\d+\)?$"
)
_CAMERA = re.compile(r"dcim|camera ?roll|camera|screenshots?|whatsapp ?images?|\d{3}[a-z_]{5}")
_VERSIONS = re.compile(
    "originals?|raw|resized?|augmented|augmentations?|aug|processed|preprocessed|cropped|crops|"
    "thumb(?:nail)?s?|previews?|gr[ae]y(?:scale)?|colou?r|segmented|clean(?:ed)?|output|input|"
    r"원본|증강|전처리|결과|\d+ ?[x×] ?\d+"
)
_PARTS = ("images", "imgs", "data", "files", "jpegimages", "이미지", "데이터", "자료")
LOOKS_LIKE_SPLITS = N_("The folders {names} look like splits, not classes.")
_LOOKS_LIKE_PARTS = N_("The folders {names} look like parts of a dataset, not classes.")
_LOOKS_LIKE_DATES = N_("The folders {names} look like dates, not classes.")
_LOOKS_LIKE_NUMBERED = N_("The folders {names} look like numbered parts, not classes.")
_LOOKS_LIKE_CAMERA = N_("The folders {names} look like folders of a camera, not classes.")
_LOOKS_LIKE_VERSIONS = N_("The folders {names} look like versions of the same photos, not classes.")


def split_from_name(name: str) -> str | None:
    """Return the split a folder's name stands for: "train", "validation", "test", or None.

    Words such as training, val, dev, test, 학습, 검증 and 시험 count, also with set, data or images
    around them and with a number: training_set, Test-Data, val2017, images_train.
    """
    text = _plain(name)
    return next((split for split, known in _SPLIT_NAME.items() if known.fullmatch(text)), None)


def split_and_rest(name: str) -> tuple[str, str] | None:
    """Return the split that one word of a name stands for, and the other words; None without one.

    Example:
        >>> split_and_rest("seg_train")
        ('train', 'seg')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    words = [word for word in _SEPARATORS.split(spaced) if word]
    splits = [split_from_name(word) for word in words]
    if len([split for split in splits if split]) != 1:
        return None
    rest = [
        word
        for word, split in zip(words, splits, strict=True)
        if not split and not _SET_WORD.fullmatch(word.casefold())
    ]
    return next(filter(None, splits)), " ".join(rest)


def strip_split(name: str, split: str) -> str:
    """Return a class's name without the mark of its split, as in train_cats, TS_cats and VS_cats.

    Args:
        name: of the folder.
        split: that the folder is in. Another split's mark stays.
    """
    if (found := split_and_rest(name)) and found[0] == split and found[1]:
        return found[1]
    mark = _AI_HUB_MARK.match(name)
    is_own = mark is not None and _AI_HUB_SPLITS.get(mark[1].upper()) == split
    return name[mark.end() :] if mark and is_own else name


def is_container(name: str) -> bool:
    """Tell whether a folder's name says only that photos are in it, such as images or data."""
    return _CONTAINER.fullmatch(_plain(name)) is not None


def is_annotations(name: str) -> bool:
    """Tell whether a folder's name stands for annotations, such as trimaps, and for no class."""
    return _ANNOTATIONS.fullmatch(_plain(name)) is not None


def may_be_masks(name: str) -> bool:
    """Tell whether a folder's name can stand for masks of photos; it may be a class as well."""
    return _MASKS.fullmatch(_plain(name)) is not None


def are_surely_masks(name: str) -> bool:
    """Tell whether a name that can stand for masks hardly stands for a class: masks, gt, seg."""
    return re.match("masks|gt|seg|마스크이미지", _plain(name)) is not None


def is_unlabeled(name: str, any_word: bool = False) -> bool:
    """Tell whether a folder's name says that nobody knows the classes of its photos.

    Args:
        name: of the folder.
        any_word: whether one word of it is enough, as in seg_pred beside seg_train.
    """
    words = _SEPARATORS.split(class_names.class_key(name)) if any_word else ()
    return _UNLABELED_PHOTOS.fullmatch(_plain(name)) is not None or any(
        map(_UNLABELED.fullmatch, words)
    )


def odd_class_names(names: Sequence[str]) -> list[Message]:
    """Return what looks odd about names of classes, a sentence each; none where all is usual."""
    parts = [name for name in names if is_container(name) or is_annotations(name)]
    masks = [name for name in names if may_be_masks(name) and name not in parts]
    plainest = [_plain(name).rstrip("0123456789") for name in parts]
    if not (masks or any(map(is_annotations, parts)) or set(plainest) & set(_PARTS)):
        parts = []
    by_rest: dict[str, set[str]] = defaultdict(set)
    for found in map(split_and_rest, names):
        if found:
            by_rest[found[1]].add(found[0])
    plain_splits = [name for name in names if split_from_name(name)]
    mixed = [name for name in names if split_and_rest(name)]
    odd: list[tuple[str, Iterable[str]]] = []
    if len(plain_splits) > 1 or any(
        split != "train" for split in map(split_from_name, names) if split
    ):
        odd.append((LOOKS_LIKE_SPLITS, plain_splits))
    elif len(mixed) > 1 and len(set.union(*by_rest.values())) > 1:
        odd.append((LOOKS_LIKE_SPLITS, mixed))
    if parts:
        odd.append((_LOOKS_LIKE_PARTS, [*parts, *masks]))
    before = {_NUMBERED_END.sub("", class_names.class_key(name)) for name in names}
    if len(names) > 1 and len(before) == 1:  # pets_part_1, pets_part_2
        odd.append((_LOOKS_LIKE_NUMBERED, names))
    for message, pattern in (
        (_LOOKS_LIKE_DATES, _DATES),
        (_LOOKS_LIKE_NUMBERED, _NUMBERED),
        (_LOOKS_LIKE_CAMERA, _CAMERA),
        (_LOOKS_LIKE_VERSIONS, _VERSIONS),
    ):
        if names and all(pattern.fullmatch(class_names.class_key(name)) for name in names):
            odd.append((message, names))
    return [
        Message(text, {"names": truncate_for_display(", ".join(some), 200)}) for text, some in odd
    ]


def _plain(name: str) -> str:
    """A name without case, separators and brackets, in NFC."""
    return _SEPARATORS.sub("", class_names.class_key(name))
