"""Guess the encoding of an archive's names where it does not say: one for all of them.

Zips and old tars store names as bytes. Those not declared as UTF-8 come from one program on one
system, so one encoding fits all of them. Each candidate that can decode every name is rated by how
usual the text it gives is; names of the archive that are declared decide where they match.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..base.errors import DatasetError
from ..base.files import truncate_for_display

CANDIDATES = (
    "utf-8",
    "cp949",
    "shift_jis",
    "euc_jp",
    "gbk",
    "big5",
    "cp437",
    "cp850",
    "cp1252",
    "mac_roman",
    "cp1250",
    "cp866",
    "cp1251",
    "koi8_r",
    "cp1253",
    "latin-1",
)
"""The encodings tried; of two that are as likely, the first. The last decodes any bytes."""
_RARE = {"mac_roman": 0.5, "euc_jp": 0.3, "koi8_r": 0.1, "cp1253": 0.1, "latin-1": 0.1}
"""Points a byte that are taken from encodings in which hardly any program packs today."""
_RATED = 2000  # different folder and file names that are rated; all others must be decoded, too
_MARGIN = 0.4  # points a byte by which the best has to be better to be sure
_LEAST = 0.4  # points a byte below which even the best is not usual text
_CHOICES = 8  # encodings offered where none is sure

_HANGUL = frozenset(
    "가각간갈감강개거건검것게겨견결경계고곡곤골공과관광교구국군권귀규그근글금급기긴길김까깔꽃꼬꾸끼나"
    "난날남내너네년노녹논놀농뇌누눈느는늘능니닌다단달담당대댕더덕던데도독돈돌동되된두둑뒤드들등디딸땅때떼라"
    "락란람랑래량러럭런레려력련렬령례로록론롱료루류르른를름리린림마막만말망매맥머먹멍메면명모목몬몰몽무문"
    "물미민밀바박반발밤방배백버번벌범법벚베벨벽변별병보복본볼봄봉부북분불붉비빈빨뿔사산살삼상새색생서석선"
    "설성세센셀소속손솔송쇠수순술숭쉬스슬습승시식신실심싸쌀씨아악안알암압앙애야약양어억언얼엄업에여역연열"
    "염영예오옥온올와완왕외요용우운울움원월위유육은을음의이인일임입잎자작잔잘잠장재저적전절점정제조족종좌"
    "주죽준줄중쥐증지직진질집째차착찬찰참창채책처천철첫청체초촌총최추축출충취치친칠침카칼캐커컬케코콩쿠"
    "크큰키타탁탄탈탕태터텔토통투트특티파판팔패퍼페편평포폰표푸풀품풍프피필하학한할함합항해햄향허험현혈"
    "형호홍화확환활황회효후훈휴흐흑흰히힘냥멍햇쪽뱀꿀닭돼곰늑랑펭귄얼룩셰퍼숲검증험눌습셋뽀삐찌뚱똥쫑쭈뿌"
    "몽둥깜꼭딱떡또뜨띠맘맛맹멋뭐밤밥봉뽑샘섬솜쌍썰엉옆옷왕욕웃젤짜짝짱쪼쭉춘칩캣켓콜콩탑팀펫푼핑햄"
)
_HAN = frozenset(
    "的一是不了人我在有他这為为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那後后能对着事其"
    "里所去行过家十用发天如然作方成者多日都三小军二无無同么经法当起与好看学學进种将还分此心前面又定见只主没"
    "公从知使全文等度相新老高长水化开開手山点重气氣民明部内外西四五六七八九本目车車花草树樹木林果蘋苹香蕉"
    "猫貓狗犬鸟鳥鱼魚马馬牛羊虎龙龍蛇兔鼠猴鸡雞鸭鴨猪豬象熊狼狐狸鹿鹰鷹鹅鵝蝶蜂蛙龟龜鲸鯨狮獅豹虫蟲动動物植图圖片"
    "像照相集训訓练練测測试試验驗证證数數据據类類别別标標签簽红紅绿綠蓝藍黄黃白黑灰紫橙色男女儿兒童食品饭飯菜肉"
    "米茶酒杯瓶桌椅床门門窗灯燈书書笔筆电電脑腦机機器手表表鞋衣服帽包东東北南左右海河湖江云雲雨雪风風火土金银銀"
    "玫瑰菊莲蓮梅兰蘭竹松柏杨楊柳桃杏梨葡萄西瓜番茄土豆豚亀桜柴秋田毛長短写真画学習検証用評価学校会社京都日本語"
    "哈士奇布偶柯基拉多泰迪贵貴宾賓博边邊牧萨薩摩耶吉娃德波斯英加菲橘狸奶园園腊臘肠腸松罗羅暹蓬巴哥法斗折耳无無"
    "位元名称稱向路进進级級强強比结結解题題运運利报報件安军完特样樣直领領情理各期间間原料油放张張太保证识識字音乐樂"
    "店街房屋家厅廳室桥橋船机飞飛球衣帽裤褲手脚腳头頭眼口鼻嘴耳心身体體药藥医醫糖盐鹽面包麵蛋糕鲜鮮春夏冬早晚今明"
    "年月日星期上下左右前后後里外真假好坏壞大小多少快慢新旧舊甲乙丙丁戊原始标准準结果合格正常异異缺陷像素清晰模糊"
)
_LATIN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœąćęłńśźżčďěňřšťůžőűăîâșțşţğıđðþ")
_LATIN_USUAL = frozenset("àáâäçèéêëíîñóôöùúûüßœ")
_LATIN_RARELY_FIRST = frozenset("ÌÍÒÓÙÚÛÎÔÂËÊ")
_LATIN_RARER = frozenset("ãåæïõøýÿ")
_CYRILLIC = frozenset("оеаинтсрвлкмдпуяыьгзбчйхжшюц")
_GREEK = frozenset("αοιετσνηυρπκμλςθγδχβφωξζψάέήίόύώϊϋ")


@dataclass(frozen=True)
class NameEncoding:
    """A way to read the names of an archive: an encoding, and some names as it reads them."""

    encoding: str
    names: str


@dataclass(frozen=True)
class EncodingGuess:
    """An encoding for all names; `sure` is false where another one may be meant.

    `choices` are the likely ones, each with other texts than those before it, the best first.
    """

    encoding: str
    sure: bool
    choices: tuple[NameEncoding, ...] = ()


def parse_encoding(text: str) -> str:
    """Return the name of an encoding as it stands in `CANDIDATES`.

    Raises:
        DatasetError: it is none of them.
    """
    try:
        wanted = codecs.lookup(text).name
    except (LookupError, ValueError):
        wanted = ""
    known = {codecs.lookup(name).name: name for name in CANDIDATES}
    if wanted not in known:
        raise DatasetError(
            "'{name}' isn't an encoding of names the lab knows. Choose one of {known}.",
            name=truncate_for_display(text, 40),
            known=", ".join(CANDIDATES),
        )
    return known[wanted]


def can_decode(names: Iterable[bytes], encoding: str) -> bool:
    """Tell whether an encoding can read every one of these names."""
    return all(_can_decode(name, encoding) for name in names)


def guess_encoding(names: Collection[bytes], declared: Iterable[str] = ()) -> EncodingGuess:
    """Find the encoding of an archive's names.

    Args:
        names: of all entries that do not declare theirs, with their folders.
        declared: names of entries that do; a folder among them that is decoded alike is a proof.

    Returns:
        The best of `CANDIDATES` that decodes every name, whether it is sure, and the others.
    """
    odd = [name for name in names if not name.isascii()]
    if not odd:
        return EncodingGuess("utf-8", True)
    parts = {part for name in odd for part in name.split(b"/") if not part.isascii()}
    some = sorted(parts, key=lambda part: (len(part), part))[:_RATED]
    known = {_normalize(part) for name in declared for part in re.split(r"[/\\]", name)}
    weight = sum(byte > 127 for part in some for byte in part)
    rated: list[tuple[float, int, str, tuple[str, ...]]] = []
    for number, encoding in enumerate(CANDIDATES):
        if not all(_can_decode(name, encoding) for name in odd):
            continue
        texts = tuple(part.decode(encoding, "replace") for part in some)
        points = sum(map(_score_name, texts)) / weight
        if encoding == "utf-8":
            points += _utf8_evidence(texts)
        points -= _RARE.get(encoding, 0.0)
        points += 3.0 * sum(_normalize(text) in known for text in texts) / len(texts)
        rated.append((points, -number, encoding, texts))
    rated.sort(reverse=True)
    points, _, encoding, texts = rated[0]
    second = next((other for other in rated if other[3] != texts), None)
    clear = second is None or points - second[0] >= _MARGIN
    return EncodingGuess(encoding, points >= _LEAST and clear, _choices(rated))


def _choices(rated: Sequence[tuple[float, int, str, tuple[str, ...]]]) -> tuple[NameEncoding, ...]:
    """The best encodings that read the names differently, each with the names that stand first."""
    chosen: dict[tuple[str, ...], NameEncoding] = {}
    for _, _, encoding, texts in rated:
        if len(chosen) < _CHOICES:
            shown = truncate_for_display(", ".join(texts[:3]), 60)
            chosen.setdefault(texts, NameEncoding(encoding, shown))
    return tuple(chosen.values())


def _can_decode(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeError:
        return False
    return True


def _utf8_evidence(texts: Iterable[str]) -> float:
    """The points for names that are valid UTF-8: the more letters, the less by chance.

    Two bytes of GBK are valid UTF-8 in 1 of 12 cases; three bytes hardly ever.
    """
    return min(3.0, sum(0.6 if ord(c) < 0x800 else 1.5 for c in "".join(texts) if c > "\x7f"))


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _score_name(text: str) -> float:
    """How usual a name is: about 1 point for each byte of ordinary text, less than 0 for debris."""
    total, before = 0.0, ""
    for index, char in enumerate(text):
        if not char.isascii():
            after = text[index + 1 : index + 2]
            total += _score_char(char, before, after)
        before = char
    return total


def _score_char(char: str, before: str, after: str) -> float:
    code, kind = ord(char), unicodedata.category(char)
    near = [each for each in (before, after) if each]
    beside_ascii = 0.8 * sum(each.isascii() and each.isalpha() for each in near)
    if 0xAC00 <= code <= 0xD7A3:
        pure = not any(_is_han(c) for c in near)
        # Half of the usual syllables hardly come up: they count less than usual Han does.
        is_usual = _is_usual_in(char, "euc_kr")
        points = _score_wide_char(char in _HANGUL, is_usual, pure)
        return points - beside_ascii - 0.7 * (is_usual and char not in _HANGUL)
    if 0x3041 <= code <= 0x30FE:
        return (2.4 if not any(_is_hangul(c) for c in near) else -1.0) - beside_ascii
    if _is_han(char):
        usual = (
            _is_usual_in(char, "gb2312")
            or _is_usual_in(char, "shift_jis")
            or _is_usual_in(char, "big5")
        )
        pure = not any(_is_hangul(c) for c in near)
        return _score_wide_char(char in _HAN, usual, pure) - 0.4 - beside_ascii
    if 0xFF61 <= code <= 0xFFDC:
        return -1.0  # half-width forms: debris of two-byte encodings
    if kind[0] == "M" or 0x1100 <= code <= 0x11FF:
        return 0.8  # decomposed, as macOS stores it
    if char.lower() in _LATIN:
        alone = sum(not c.isascii() and c.isalpha() for c in near)
        points = 0.9 if char.lower() not in _LATIN_USUAL or char in _LATIN_RARELY_FIRST else 1.2
        points = (0.75 if char.lower() in _LATIN_RARER else points) - 0.9 * alone
        if char.isupper() and (before.islower() or (before.isupper() and after.islower())):
            points -= 1.5
        if not any(c.isascii() and c.isalpha() for c in near):
            points -= 0.6
        return points
    if 0x180 <= code <= 0x2FF or (0x370 <= code <= 0x3FF and char.lower() not in _GREEK):
        return -0.8  # letters of hardly any language: two bytes of Chinese, read as UTF-8
    for letters, script in ((_CYRILLIC, "CYRILLIC"), (_GREEK, "GREEK")):
        if unicodedata.name(char, "").startswith(script):
            mixed = any(c.isascii() and c.isalpha() for c in near)
            turned = char.isupper() and before.islower()
            alone = not any(c.isalpha() and not c.isascii() for c in near)
            base = (1.0 if char.islower() else 0.6) if char.lower() in letters else 0.1
            return base - 1.5 * mixed - 1.5 * turned - 0.5 * alone
    if kind[0] == "L":
        return 0.0
    if kind[0] in "CSZ" or kind in ("Po", "Pi", "Pf", "Ps", "Pe", "Pd", "No", "Lm"):
        return -1.5
    return -0.5


def _score_wide_char(common: bool, usual: bool, pure: bool) -> float:
    """The points of a letter of two bytes: common, usual, or of those that hardly come up."""
    return (2.4 if common else 1.0 if usual else -2.0) - (0.0 if pure else 1.5)


def _is_usual_in(char: str, encoding: str) -> bool:
    try:
        data = char.encode(encoding)
    except UnicodeError:
        return False
    # The first half of these tables holds the usual characters.
    ends = {"gb2312": 0xD7, "shift_jis": 0x97, "big5": 0xC6, "euc_kr": 0xC8}
    return len(data) == 2 and data[0] <= ends[encoding]


def _is_han(char: str) -> bool:
    return 0x4E00 <= ord(char) <= 0x9FFF or 0x3400 <= ord(char) <= 0x4DBF


def _is_hangul(char: str) -> bool:
    return 0xAC00 <= ord(char) <= 0xD7A3


def decode_names(names: Sequence[bytes], encoding: str) -> list[str]:
    """Decode names, with backslashes as other systems' slashes."""
    return [name.decode(encoding, "replace").replace("\\", "/") for name in names]


_TEXT_ENCODINGS = ("utf-8-sig", "cp949", "shift_jis", "gb18030", "latin-1")


def decode_text(data: bytes) -> str:
    """Return the text of a table or log: UTF-16 where it says so, else the first that fits."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if len(data) > 3 and data[1:40:2].count(0) > 10 and 0 not in data[0:40:2]:
        return data.decode("utf-16-le", "replace")  # without its mark
    for encoding in _TEXT_ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 decodes any bytes")
