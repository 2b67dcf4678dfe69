"""Labels from tables: found by content, matched to photos, and what does not fit is counted."""

import io
import json
import time
import zipfile
from pathlib import PurePosixPath

import fakes
import numpy as np
import pytest
from fakes import run_cli

from catdog_core.base.errors import DatasetError
from catdog_core.data import archives, datasets, imports, label_tables, preview
from catdog_core.data.datasets import FolderReading, LabelChoice
from catdog_core.data.folder_tree import File
from catdog_core.data.label_tables import PhotoIndex
from catdog_core.imaging import decode

JPEG = decode.encode_photo(np.full((8, 8, 3), 90, np.uint8))
IDS = [f"img/{i:03d}.jpg" for i in range(12)]
ALL = {"train": {"cat": 4, "dog": 4}, "validation": {"cat": 2, "dog": 2}}


def animal(number):
    return "cat" if number % 2 else "dog"


def rows(form, numbers=range(12), **more):
    return "".join(form.format(i=i, label=animal(i), **more) + "\n" for i in numbers)


def contents(photos, tables):
    """The bytes of all files, by name."""
    data = {name: JPEG + n.to_bytes(3, "big") for n, name in enumerate(photos)}
    return data | {n: t if isinstance(t, bytes) else t.encode() for n, t in tables.items()}


def make(root, photos, tables):
    for name, data in contents(photos, tables).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def said(root, reading=datasets.DEFAULT_READING):
    seen = preview.preview_folder(root, reading)
    return seen.counts, " ".join(map(str, seen.sentences()))


FORMS = {
    "names": "filename,label\n" + rows("{i:03d}.jpg,{label}"),
    "without ending": "id,breed\n" + rows("{i:03d},{label}"),
    "relative": "path,class\n" + rows("img/{i:03d}.jpg,{label}"),
    "absolute": "path,class\n" + rows("/kaggle/input/x/images/{i:03d}.jpg,{label}"),
    "Windows": "path;class\n" + rows('"C:\\pets\\img\\{i:03d}.JPG";{label}'),
    "another ending": "path,class\n" + rows("{i:03d}.png,{label}"),
    "tabs": "label\tpath\n" + rows("{label}\t{i:03d}.jpg"),
    "no header": rows("{i:03d}.jpg,{label}"),
    "quotes and lines": "path,note,label\n" + rows('{i:03d}.jpg,"a, ""b""\nc {i}",{label}'),
    "mark of UTF-8": b"\xef\xbb\xbf" + ("image,label\n" + rows("{i:03d}.jpg,{label}")).encode(),
    "UTF-16": ("image,label\n" + rows("{i:03d}.jpg,{label}")).encode("utf-16"),
    "cp949": ("파일,정답\n" + rows("{i:03d}.jpg,{label}")).encode("cp949"),
    "measures beside": "path,age,w,label\n" + rows("{i:03d}.jpg,{i}.37,640,{label}"),
    "a column per class": "image, cat, dog\n"
    + "".join(f"{i:03d}, {i % 2}, {1 - i % 2}\n" for i in range(12)),
    "URLs": "url,class\n" + rows("https://x.org/a%20b/{i:03d}.jpg?raw=1#top,{label}"),
    "numbers as Excel leaves them": "id,class\n" + rows("{i},{label}"),
    "Label Studio": "image,choice,seconds\n"
    + rows("/upload/1/3f2a9c1b-{i:03d}.jpg,{label},{i}.37"),
    "Vertex AI": rows("UNASSIGNED,gs://b/img/{i:03d}.jpg,{label}"),
    "UTF-16 without a mark": ("image,label\n" + rows("{i:03d}.jpg,{label}")).encode("utf-16-le"),
    "yes and no": "image,cat,dog\n"
    + rows("{i:03d}.jpg,{label}").replace(",cat", ",yes,no").replace(",dog", ",no,yes"),
    "columns of yes and no beside": "image,label,is male,has chip\n"
    + "".join(f"{i:03d},{animal(i)},{i // 6},{1 - i // 6}\n" for i in range(12)),
    "a word of its name": "image,pet breed,color\n"
    + "".join(f"{i:03d},{animal(i)},{'red' if i > 5 else 'blue'}\n" for i in range(12)),
    "one spelled otherwise": "path,label\n"
    + rows("{i:03d}.jpg,{label}").replace("1.jpg,cat", "1.jpg,CAT"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_beside_the_photos_gives_the_labels(workspace, tmp_path, form):
    name = "labels.tsv" if form == "tabs" else "labels.csv"
    make(tmp_path / "set", IDS, {name: FORMS[form]})
    counts, text = said(tmp_path / "set")
    assert counts == ALL
    assert f"The labels come from {name}" in text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, data in contents(IDS, {name: FORMS[form]}).items():
            archive.writestr(f"set/{file}", data)
    assert archives.inspect_archive(buffer, "set.zip").counts == ALL
    dataset = imports.import_archive(buffer, "set.zip")
    assert dataset.counts() == ALL == datasets.load_dataset(dataset.id).counts()


def record(number, **more):
    return json.dumps({**more, "file_name": f"{number:03d}.jpg", "label": animal(number)})


def nested(number):
    """A record of Label Studio."""
    result = [{"value": {"choices": [animal(number)]}, "type": "choices"}]
    data = {"image": f"/data/upload/1/3f2a9c1b-{number:03d}.jpg"}
    return {"id": number, "annotations": [{"result": result}], "data": data}


RECORDS = {
    "metadata.jsonl": "\n".join(record(i, caption=f"photo {i}") for i in range(12)),
    "list.json": f"[{', '.join(map(record, range(12)))}]",
    "names.json": json.dumps({f"{i:03d}.jpg": animal(i) for i in range(12)}),
    "project.json": json.dumps(list(map(nested, range(12))), indent=2),
    "output.manifest": "\n".join(
        json.dumps(
            {
                "source-ref": f"s3://b/img/{i:03d}.jpg",
                "job": i % 2,
                "job-metadata": {"class-name": animal(i), "confidence": 0.5 + i / 100},
            }
        )
        for i in range(12)
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_json_give_the_labels(workspace, tmp_path, name):
    make(tmp_path / "set", IDS, {name: RECORDS[name]})
    counts, text = said(tmp_path / "set")
    assert counts == ALL and f"The labels come from {name}" in text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, data in contents(IDS, {name: RECORDS[name]}).items():
            archive.writestr(f"set/{file}", data)
    assert imports.import_archive(buffer, "set.zip").counts() == ALL


def test_a_table_goes_before_records_and_notes_of_each_photo_are_no_tables(tmp_path):
    tables = {f"img/{i:03d}.jpg.json": json.dumps({"title": f"{i:03d}.jpg"}) for i in range(12)}
    other = "\n".join(
        json.dumps({"f": f"{i:03d}.jpg", "mood": ["glad", "sad"][i % 3 > 1]}) for i in range(12)
    )
    tables |= {"labels.csv": FORMS["names"], "moods.jsonl": other}
    assert said(make(tmp_path, IDS, tables))[0] == ALL


@pytest.mark.parametrize(
    "text", ["{", "[1, 2", '{"a":' * 5000, '{"a":' * 90_000 + "1" + "}" * 90_000, "[" * 100_000]
)
def test_json_that_is_none_is_refused_within_bounds(text):
    with pytest.raises(DatasetError, match="has no records"):
        label_tables.read_table(text.encode(), PurePosixPath("a.json"))


def test_names_of_classes_are_read_in_their_encoding(tmp_path):
    text = rows("{i:03d}.jpg,{label}").replace("cat", "고양이").replace("dog", "강아지")
    make(tmp_path, IDS, {"labels.csv": ("파일,라벨\n" + text).encode("cp949")})
    assert datasets.scan_folder(tmp_path).classes == ("강아지", "고양이")


def test_rows_without_a_file_and_files_without_a_row_are_counted_and_named(workspace, tmp_path):
    root = make(
        tmp_path / "set", IDS, {"a.csv": "f,label\n" + rows("{i:03d}.jpg,{label}", range(3, 16))}
    )
    counts, text = said(root)
    assert sum(sum(row.values()) for row in counts.values()) == 9
    assert "4 rows of a.csv match no photo: 012.jpg, 013.jpg, 014.jpg." in text
    assert "3 photos have no row in a.csv and are set aside: img/000.jpg" in text
    dataset = datasets.open_folder(root)
    assert [path.name for path in dataset.unlabeled] == ["000.jpg", "001.jpg", "002.jpg"]


def test_photos_with_several_labels_or_none_are_left_out_and_counted(tmp_path):
    boxes = rows("{i:03d}.jpg,640,{label},{i}") + rows("{i:03d}.jpg,640,{label},9")
    make(
        tmp_path / "boxes",
        IDS,
        {"a.csv": "filename,width,class,xmin\n" + boxes + "005.jpg,640,dog,1\n"},
    )
    counts, text = said(tmp_path / "boxes")
    assert sum(sum(row.values()) for row in counts.values()) == 11
    assert "1 photos don't have exactly one label in a.csv and are skipped: img/005.jpg" in text
    onehot = "".join(f"{i:03d},{int(i < 7)},{int(i > 5)}\n" for i in range(12))
    make(tmp_path / "onehot", IDS, {"a.csv": "image,cat,dog\n" + onehot})
    assert "1 photos don't have exactly one label" in said(tmp_path / "onehot")[1]


def test_each_split_has_its_own_table(tmp_path):
    photos = [f"{split}/{i}.jpg" for split in ("train", "valid") for i in range(6)]
    head = "filename, cat, dog\n"
    one = head + "".join(f"{i}.jpg, {i % 2}, {1 - i % 2}\n" for i in range(6))
    other = head + "".join(f"{i}.jpg, {1 - i % 2}, {i % 2}\n" for i in range(6))
    make(tmp_path, photos, {"train/_classes.csv": one, "valid/_classes.csv": other})
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.counts() == {
        "train": {"cat": 3, "dog": 3},
        "validation": {"cat": 3, "dog": 3},
    }
    labels = {item.file: item.label for item in dataset.items()}
    assert (labels["train/0.jpg"], labels["valid/0.jpg"]) == (1, 0)


def test_a_competition_has_a_table_for_training_and_none_for_its_test(tmp_path):
    photos = [f"train_images/{i}.jpg" for i in range(12)] + [
        f"test_images/{i}.jpg" for i in range(4)
    ]
    tables = {
        "train.csv": "image_id,label\n" + rows("{i}.jpg,{label}"),
        "test.csv": "image_id\n" + "".join(f"{i}.jpg\n" for i in range(4)),
        "sample_submission.csv": "image_id,label\n" + "".join(f"{i}.jpg,4\n" for i in range(4)),
    }
    counts, text = said(make(tmp_path, photos, tables))
    assert counts == ALL
    assert "4 photos have no row in train.csv and are set aside: test_images/0.jpg" in text


def test_a_column_or_a_list_says_the_split(tmp_path):
    sides = ["train", "train", "valid", "test"]
    text = "".join(f"{i % 2},{IDS[i]},{animal(i)},{sides[i // 3]}\n" for i in range(12))
    make(tmp_path / "column", IDS, {"x.csv": "class id,filepaths,labels,data set\n" + text})
    counts, _ = said(tmp_path / "column")
    assert {split: sum(row.values()) for split, row in counts.items()} == {
        "train": 6,
        "validation": 3,
        "test": 3,
    }
    lists = {"train.txt": rows("img/{i:03d}.jpg {label}", range(8))}
    lists["val.txt"] = rows("img/{i:03d}.jpg {label}", range(8, 12))
    counts, said_of_lists = said(make(tmp_path / "lists", IDS, lists))
    assert counts == {"train": {"cat": 4, "dog": 4}, "validation": {"cat": 2, "dog": 2}}
    assert "comes from train.txt, val.txt" in said_of_lists


@pytest.fixture
def breeds(tmp_path):
    """Two breeds of each species, as the list of the Oxford-IIIT pets has them."""
    photos, lines, halves = [], [], {"trainval": "", "test": ""}
    kinds = [("Abyssinian", 1, 1), ("Bengal", 1, 2), ("american_bulldog", 2, 1), ("pug", 2, 2)]
    for number, (breed, species, within) in enumerate(kinds, start=1):
        for i in range(8):
            photos += [f"images/{breed}_{i}.jpg", f"annotations/trimaps/{breed}_{i}.png"]
            lines.append(f"{breed}_{i} {number} {species} {within}")
            halves["trainval" if i < 5 else "test"] += lines[-1] + "\n"
    head = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n#SPECIES: 1:Cat 2:Dog\n"
    tables = {f"annotations/{half}.txt": text for half, text in halves.items()}
    tables["annotations/list.txt"] = head + "\n".join(lines)
    return make(tmp_path / "pets", photos, tables)


def test_breeds_or_species_where_a_list_says_so(workspace, breeds, capsys):
    counts, text = said(breeds)
    assert counts["test"] == dict.fromkeys(["Abyssinian", "Bengal", "american_bulldog", "pug"], 3)
    assert "other columns you can choose as the label: SPECIES, BREED ID" in text
    assert "32 masks and annotation images are skipped" in text
    status, out, _ = run_cli(capsys, "check", breeds, "--label-column", "species")
    assert status == 0 and "test: 6 Cat, 6 Dog" in out


def test_a_chosen_table_counts_instead_of_folders_and_is_remembered(workspace, tmp_path, capsys):
    photos = [f"{c}/{i}{c}.jpg" for c in "ab" for i in range(6)]
    root = make(tmp_path / "set", photos, {})
    table = tmp_path / "sizes.csv"
    text = "".join(f"{i}{c}.jpg,{['big', 'small'][i % 2]},{c}\n" for c in "ab" for i in range(6))
    table.write_text("f,size,letter\n" + text)
    status, _, error = run_cli(capsys, "check", root, "--labels", table)
    assert status == 1 and "size, letter" in error and "--label-column" in error
    chosen = ["--labels", table, "--label-column", "size"]
    assert "big" in run_cli(capsys, "check", root, *chosen)[1]
    assert "a" in run_cli(capsys, "classes", root)[1]  # a look remembers nothing
    assert run_cli(capsys, "split", root, *chosen)[0] == 0
    assert run_cli(capsys, "classes", root)[1].split() == ["0", "big", "1", "small"]
    assert run_cli(capsys, "classes", root, "--labels", "none")[1].split() == ["0", "a", "1", "b"]
    chosen[-1] = "3"
    assert run_cli(capsys, "classes", root, *chosen)[1].split() == ["0", "a", "1", "b"]


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("f,l\nz,q\ny,r\n", "", "names none of the photos"),
        ("\n", "", "isn't a table"),
        (b"\x89PNG\r\n\x1a\n\0\0", "", "isn't a table"),
        ("f,l\n" + rows("{i:03d},{label}"), "nope", "has no column nope"),
        ("f,l\n" + rows("{i:03d},x"), "", "has no column of labels"),
        (None, "", "can't be read"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_a_sentence(tmp_path, table, column, words):
    root = make(tmp_path / "set", IDS, {} if table is None else {"x.dat": table})
    reading = FolderReading(LabelChoice(root / "x.dat", "", column))
    with pytest.raises(DatasetError, match=words):
        said(root, reading)


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        ("is_valid", {"train": 8, "validation": 4}),
        ("is_test", {"train": 8, "test": 4}),
        ("is_train", {"train": 4, "test": 8}),
    ],
)
def test_yes_and_no_say_the_split(tmp_path, column, counts):
    text = "".join(f"{i:03d},{animal(i)},{i >= 8}\n" for i in range(12))
    dataset = datasets.scan_folder(make(tmp_path, IDS, {"a.csv": f"f,label,{column}\n{text}"}))
    sides = {split: sum(row.values()) for split, row in dataset.counts().items()}
    if "validation" not in counts:
        sides["train"] += sides.pop("validation")
    assert sides == counts


def test_a_photo_whose_label_is_missing_has_none(tmp_path):
    text = "f,label\n" + rows("{i:03d},{label}").replace("003,cat", "003,NaN")
    counts, words = said(make(tmp_path, IDS, {"a.csv": text}))
    assert list(counts["train"]) == ["cat", "dog"]
    assert "1 photos don't have exactly one label in a.csv" in words


def test_parts_of_a_download_are_no_classes_where_a_table_has_these(tmp_path):
    photos = [f"pets_part_{1 + i // 6}/{i:03d}.jpg" for i in range(12)]
    make(tmp_path, photos, {"meta.csv": "image,species\n" + rows("{i:03d},{label}")})
    assert datasets.scan_folder(tmp_path).classes == ("cat", "dog")
    reading = FolderReading(is_confirmed=True)
    assert datasets.scan_folder(tmp_path, reading=reading).classes == ("pets_part_1", "pets_part_2")


def test_a_table_next_to_the_folder_is_found_where_it_may_be_read(tmp_path, monkeypatch):
    make(tmp_path, IDS, {"labels.csv": FORMS["names"], "bills.csv": "a,b\n1,2\n"})
    counts, words = said(tmp_path / "img")
    assert counts == ALL and "The labels come from ../labels.csv" in words
    reading = FolderReading(LabelChoice(None, "", "label"))
    assert said(tmp_path / "img", reading)[0] == ALL
    monkeypatch.setenv("CATDOG_ROOTS", str(tmp_path / "img"))
    with pytest.raises(DatasetError, match="no class folders"):
        said(tmp_path / "img")
    with pytest.raises(DatasetError, match="No table in img"):
        said(tmp_path / "img", reading)


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    tables = {"a.csv": "f,label\n" + rows("{i:03d},{label}")}
    tables["b.csv"] = "f,label\n" + "".join(f"{i:03d},{animal(i + 1)}\n" for i in range(12))
    with pytest.raises(DatasetError, match="give photos different labels"):
        said(make(tmp_path, IDS, tables))


def test_a_table_is_read_within_bounds(monkeypatch):
    path = PurePosixPath("a.csv")
    for name, value in (("MAX_BYTES", 500), ("MAX_ROWS", 10), ("MAX_COLUMNS", 5)):
        with monkeypatch.context() as less:
            less.setattr(label_tables, name, value)
            with pytest.raises(DatasetError, match="is too large"):
                label_tables.read_table(("a,b,c,d,e,f\n" * 60).encode(), path)
    with pytest.raises(DatasetError, match="isn't a table"):
        label_tables.read_table(b'a,b\n1,"' + b"x" * 200_000, path)
    started = time.monotonic()
    same = PhotoIndex(File(PurePosixPath(f"{i}/x.jpg"), 1) for i in range(20_000))
    table = label_tables.read_table(b"f,label\n" + b"x.jpg,cat\nx,dog\n" * 20_000, path)
    assert label_tables.match_table(table, same) is None
    assert time.monotonic() - started < 20


def test_the_page_reads_a_table_and_asks_about_odd_classes(workspace, tmp_path):
    root = make(tmp_path / "set", [f"{y}/{i}.jpg" for y in (2021, 2022) for i in range(6)], {})
    table = tmp_path / "x.csv"
    table.write_text(
        "f,label\n" + "".join(f"{y}/{i}.jpg,{animal(i)}\n" for y in (2021, 2022) for i in range(6))
    )
    app = fakes.open_page("1_Data")
    app.pills("source_kind").set_value("folder").run()
    app.text_input("source_path").set_value(str(root))
    next(button for button in app.button if button.label == "Preview").click().run()
    assert "look like dates" in fakes.joined_text(app.warning)
    assert app.button("source_open").disabled
    app.checkbox[0].check().run()
    assert not app.button("source_open").disabled
    app.text_input("source_labels").set_value(str(table))
    next(button for button in app.button if button.label == "Preview").click().run()
    assert "The labels come from x.csv" in fakes.joined_text(app.caption)
    app.button("source_open").click().run()
    assert not app.exception and not app.error
    (dataset,) = datasets.list_datasets()
    assert dataset.classes == ("cat", "dog")
    assert "The labels come from x.csv" in fakes.joined_text(app.caption)


def test_unlabeled_photos_are_offered_on_the_predict_page(
    workspace, tmp_path, default_model_loaded
):
    photos = [f"{c}/{i}.jpg" for c in ("cats", "dogs", "test1") for i in range(6)]
    dataset = datasets.open_folder(make(tmp_path / "set", photos, {}))
    app = fakes.open_page("6_Predict", dataset=dataset.id)
    app.button("predict_unlabeled").click().run()
    app.segmented_control("tab_tab").set_value("figures").run()
    assert not app.exception and not app.error
    assert len(app.dataframe[0].value) == 6
