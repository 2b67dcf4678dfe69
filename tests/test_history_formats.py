"""Histories of other programs: each is read as it was written, or its columns are asked for."""

import csv
import io
import json
import math

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import diagnose, history_columns, history_import
from catdog_core.analysis.history_columns import ColumnsError
from catdog_core.analysis.history_formats import HistoryFile
from catdog_core.base.errors import RunError
from catdog_core.export import report

LOSS = [0.70, 0.60, 0.50]
ACCURACY = [0.50, 0.60, 0.75]
VAL_LOSS = [0.69, 0.62, 0.55]
VAL_ACCURACY = [0.51, 0.64, 0.72]
KERAS = {
    "loss": LOSS,
    "accuracy": ACCURACY,
    "val_loss": VAL_LOSS,
    "val_accuracy": VAL_ACCURACY,
}


def table(header, rows, delimiter=",", decimal="."):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows([[str(cell).replace(".", decimal) for cell in row] for row in rows])
    return out.getvalue()


def fastai():
    rows = zip(range(3), LOSS, VAL_LOSS, VAL_ACCURACY, ["00:12"] * 3, strict=True)
    return table(["epoch", "train_loss", "valid_loss", "accuracy", "time"], rows)


def fastai_error_rate():
    errors = [1 - value for value in VAL_ACCURACY]
    rows = zip(range(3), LOSS, VAL_LOSS, errors, ["00:12"] * 3, strict=True)
    return table(["epoch", "train_loss", "valid_loss", "error_rate", "time"], rows)


def fastai_printed():
    rows = zip(range(3), LOSS, VAL_LOSS, VAL_ACCURACY, strict=True)
    lines = ["epoch     train_loss  valid_loss  accuracy  time"]
    return "\n".join([*lines, *(f"{n}  {a}   {b}   {c}  00:12" for n, a, b, c in rows)])


def lightning():
    """Two rows an epoch, the validation's first, and rows of single steps."""
    names = ["epoch", "step", "train_acc", "train_loss_epoch", "train_loss_step", "val_acc"]
    rows = []
    for n in range(3):
        rows.append([n, 50 * n + 20, "", "", 9.9, "", ""])
        rows.append([n, 50 * n + 49, "", "", "", VAL_ACCURACY[n], VAL_LOSS[n]])
        rows.append([n, 50 * n + 49, ACCURACY[n], LOSS[n], "", "", ""])
    return table([*names, "val_loss"], rows)


def ultralytics():
    names = ["epoch", "time", "train/loss", "metrics/accuracy_top1", "metrics/accuracy_top5"]
    rows = zip(
        range(1, 4), [9.1] * 3, LOSS, VAL_ACCURACY, [1.0] * 3, VAL_LOSS, [1e-3] * 3, strict=True
    )
    header = ",".join(f"{name:>23}" for name in [*names, "val/loss", "lr/pg0"])
    return header + "\n" + "\n".join(",".join(f"{cell:>23}" for cell in row) for row in rows)


def spreadsheet():
    rows = zip(range(1, 4), *KERAS.values(), strict=True)
    return "sep=;\r\n" + table(["Epoch", *KERAS], rows, ";", ",")


def pandas_csv():
    return table(["", *KERAS], zip(range(3), *KERAS.values(), strict=True))


def percent():
    names = ["Epoch", "Train Loss", "Train Acc (%)", "Validation Loss", "Validation Acc (%)"]
    hundred = [[100 * value for value in values] for values in (ACCURACY, VAL_ACCURACY)]
    rows = zip(range(1, 4), LOSS, hundred[0], VAL_LOSS, hundred[1], strict=True)
    return table(names, rows)


def old_names():
    return json.dumps(
        {"loss": LOSS, "acc": ACCURACY, "val_loss": VAL_LOSS, "val_acc": VAL_ACCURACY}
    )


def pandas_json():
    return json.dumps(
        {name: {str(n): value for n, value in enumerate(values)} for name, values in KERAS.items()}
    )


def json_lines():
    rows = [dict(zip(KERAS, values, strict=True)) for values in zip(*KERAS.values(), strict=True)]
    return "\n".join(json.dumps({"epoch": n, **row}) for n, row in enumerate(rows))


def trainer_state():
    log = []
    for n in range(3):
        log += [
            {"epoch": n + 0.5, "loss": LOSS[n] + 0.1, "learning_rate": 1e-4, "step": 100 * n + 50},
            {"epoch": n + 1.0, "loss": LOSS[n] - 0.1, "learning_rate": 1e-4, "step": 100 * n + 99},
            {"epoch": n + 1.0, "eval_loss": VAL_LOSS[n], "eval_accuracy": VAL_ACCURACY[n]},
        ]
    log.append({"epoch": 3.0, "train_loss": 0.123, "train_runtime": 60.0})
    return json.dumps({"best_metric": 0.72, "log_history": log})


def printed(form):
    """What Keras prints: every state of a bar over the one before."""
    bar, bold = "━" * 20, "\x1b[1m{}\x1b[0m"
    lines = ["Found 2000 images belonging to 2 classes."]
    for n in range(3):
        lines.append(f"Epoch {n + 1}/3")
        a, b = f"loss: {LOSS[n]:.4f}", f"accuracy: {ACCURACY[n]:.4e}"
        val = f"val_loss: {VAL_LOSS[n]:.4f} - val_accuracy: {VAL_ACCURACY[n]:.4f}"
        if form == "keras 3":
            states = [
                f"{bold.format('1/63')} \x1b[37m{bar}\x1b[0m 9s 80ms/step - {b} - loss: 7.7777"
            ]
            states.append(
                f"{bold.format('63/63')} \x1b[32m{bar}\x1b[0m 5s 78ms/step - {b} - {a} - {val}"
            )
            lines.append("\r".join(states))
        elif form == "keras 2":
            states = [" 1/63 [....] - ETA: 9s - loss: 7.7777 - accuracy: 0.1111"]
            states.append(f"63/63 [====] - 5s 78ms/step - {a} - {b} - {val}")
            lines.append(("\b" * 60).join(states))
        elif form == "one line":
            lines.append(f"63/63 - 5s - {a} - {b} - {val} - 5s/epoch - 78ms/step")
        else:
            lines.append(f" - 5s - {a} - {b.replace('accuracy', 'acc')} - {val}")
        lines.append(f"Epoch {n + 1}: val_loss improved from 0.9 to 0.8, saving model to m.keras")
    lines.append("Restoring model weights from the end of the best epoch: 3.")
    lines.append("63/63 - 1s - loss: 0.1 - accuracy: 0.9")
    return "\n".join(lines)


def pytorch_lines():
    lines = [
        f"Epoch {n + 1}/3, Train Loss: {a}, Train Acc: {b:.2%}, Val Loss: {c}, Val. Acc: {d:.2%}"
        for n, (a, b, c, d) in enumerate(zip(*KERAS.values(), strict=True))
    ]
    return "cuda:0\n" + "\n".join(lines)


def pytorch_tutorial():
    lines = []
    for n, (a, b, c, d) in enumerate(zip(*KERAS.values(), strict=True)):
        lines += [
            f"Epoch {n}/2",
            "-" * 10,
            f"train Loss: {a} Acc: {b}",
            f"val Loss: {c} Acc: {d}",
            "",
        ]
    return "\n".join([*lines, "Training complete in 1m 3s", "Best val Acc: 0.99"][:-1])


def long_table():
    """One metric a row, as MLflow and data frames have it."""
    rows = [
        ["a1", name, n, value] for name, values in KERAS.items() for n, value in enumerate(values)
    ]
    return table(["run_id", "key", "step", "value"], rows)


def resumed(*epochs, header=False):
    """The file of a training that wrote its epochs in this order."""
    rows = [[n, *(values[n] for values in KERAS.values())] for n in epochs]
    return table(["epoch", *KERAS], rows[:2] + [["epoch", *KERAS]] * header + rows[2:])


COLUMNS = {
    "Korean": ["에포크", "훈련 손실", "훈련 정확도", "검증 손실", "검증 정확도"],
    "short Korean": ["에폭", "손실", "정확도", "검증손실", "검증정확도"],
    "German": ["Epoche", "Verlust", "Genauigkeit", "Val. Verlust", "Validierungsgenauigkeit"],
    "Japanese": ["エポック", "訓練損失", "訓練正解率", "検証損失", "検証正解率"],
    "Chinese": ["轮次", "训练损失", "训练准确率", "验证损失", "验证准确率"],
    "short": ["ep", "tr_loss", "tr_acc", "va_loss", "va_acc"],
    "camel case": ["Epoch", "trainLoss", "trainAcc", "validLoss", "validAcc"],
}


def named(language):
    return table(COLUMNS[language], zip(range(3), *KERAS.values(), strict=True))


def pandas_printed():
    lines = ["       " + "  ".join(KERAS)]
    lines += [
        f"{n}  {'   '.join(map(str, row))}"
        for n, row in enumerate(zip(*KERAS.values(), strict=True))
    ]
    return "\n".join(lines)


NUMPY = {name: [f"np.float32({value})" for value in values] for name, values in KERAS.items()}
SPLIT = {"columns": [*KERAS], "index": [0, 1, 2], "data": [*zip(*KERAS.values(), strict=True)]}
NESTED = {
    "train": {"loss": LOSS, "acc": ACCURACY},
    "valid": {"loss": VAL_LOSS, "acc": VAL_ACCURACY},
}
PARTS = [{name: values[part] for name, values in KERAS.items()} for part in (slice(2), slice(2, 3))]
WITH_TRAINING_ACCURACY = {
    "a loop of PyTorch that prints a line an epoch": pytorch_lines(),
    "PyTorch's tutorial": pytorch_tutorial(),
    "one metric a row": long_table(),
    "a header for each call of fit": resumed(0, 1, 2, header=True),
    "a dict as Python prints it": str(KERAS),
    "a dict of NumPy's numbers": str(NUMPY).replace("'np", "np").replace(")'", ")"),
    "a dict of NumPy's arrays": str(KERAS)
    .replace("[", "array([")
    .replace("]", "], dtype=float32)"),
    "a printed dict within JSON": json.dumps(str(KERAS)),
    "printed lists within JSON": json.dumps({name: str(values) for name, values in KERAS.items()}),
    "a dict for each split": json.dumps(NESTED),
    "the histories of two calls of fit": json.dumps(PARTS),
    "pandas's orient=split": json.dumps(SPLIT),
    "a printed table of pandas": pandas_printed(),
    "a learning rate besides": json.dumps({**KERAS, "lr": [1e-3], "notes": []}),
    "a comment above": "# seed 3\n" + resumed(0, 1, 2),
    "decimal commas in quotes": table(
        ["epoch", *KERAS], zip(range(3), *KERAS.values(), strict=True), decimal=","
    ),
    **{f"columns in {name}": named(name) for name in COLUMNS},
    "Lightning's CSVLogger": lightning(),
    "a spreadsheet with semicolons and decimal commas": spreadsheet(),
    "pandas's to_csv": pandas_csv(),
    "accuracies in percent": percent(),
    "Keras before 2.3": old_names(),
    "pandas's to_json": pandas_json(),
    "one JSON object per line": json_lines(),
    **{
        f"printed by {form}": printed(form)
        for form in ("keras 3", "keras 2", "one line", "TensorFlow 1")
    },
}
WITHOUT_TRAINING_ACCURACY = {
    "fastai's CSVLogger": fastai(),
    "fastai with error rates": fastai_error_rate(),
    "fastai's printed table": fastai_printed(),
    "Ultralytics": ultralytics(),
    "Hugging Face's Trainer": trainer_state(),
}


def read(text, name="history.csv", columns=None):
    data = text if isinstance(text, bytes) else text.encode()
    return history_import.read_history([HistoryFile(name, data)], columns)


def values(history, metric):
    return [row.get(metric) for row in history.rows]


@pytest.mark.parametrize("program", [*WITH_TRAINING_ACCURACY, *WITHOUT_TRAINING_ACCURACY])
def test_a_history_of_another_program_has_its_values(program):
    text = {**WITH_TRAINING_ACCURACY, **WITHOUT_TRAINING_ACCURACY}[program]
    history = read(text)
    assert values(history, "loss") == pytest.approx(LOSS)
    assert values(history, "val_loss") == pytest.approx(VAL_LOSS)
    assert values(history, "val_accuracy") == pytest.approx(VAL_ACCURACY)
    known = ACCURACY if program in WITH_TRAINING_ACCURACY else [None] * 3
    assert values(history, "accuracy") == (pytest.approx(known) if known[0] else known)
    assert [row["epoch"] for row in history.rows] == [0, 1, 2]
    notes = [note.message for note in history.notes]
    assert (history_columns.NO_TRAINING_ACCURACY in notes) == (known[0] is None)
    assert (history_columns.PERCENT in notes) == ("percent" in program)
    assert (history_columns.ERROR_RATE in notes) == ("error" in program)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("text", [spreadsheet(), named("Korean")])
def test_text_of_other_encodings_is_read(text, encoding):
    assert values(read(text.encode(encoding)), "val_loss") == pytest.approx(VAL_LOSS)


def tensorboard(form):
    """One file per metric, as TensorBoard's links save them."""
    runs_tags = {
        "Keras": {
            "loss": "run-train-tag-epoch_loss",
            "accuracy": "run-train-tag-epoch_accuracy",
            "val_loss": "run-validation-tag-epoch_loss (1)",
            "val_accuracy": "run-logs_validation-tag-epoch_accuracy",
        },
        "Lightning": {
            "loss": "run-version_0-tag-train_loss",
            "accuracy": "run-version_0-tag-train_acc",
            "val_loss": "run-version_0-tag-val_loss",
            "val_accuracy": "run-version_0-tag-val_acc",
        },
    }[form]
    files = []
    for metric, name in runs_tags.items():
        rows = [[1.6e9 + n, 49 * (n + 1), value] for n, value in enumerate(KERAS[metric])]
        if form == "Lightning" and metric == "loss":  # one per step
            rows = [
                [1.6e9, 49 * (n + 1) - back, value + (0.1 if back else -0.1)]
                for n, value in enumerate(LOSS)
                for back in (20, 0)
            ]
        files.append(
            HistoryFile(f"{name}.csv", table(["Wall time", "Step", "Value"], rows).encode())
        )
    return files


@pytest.mark.parametrize("form", ["Keras", "Lightning"])
def test_tensorboards_files_of_one_metric_each_belong_together(form):
    history = history_import.read_history(tensorboard(form))
    for metric, expected in KERAS.items():
        assert values(history, metric) == pytest.approx(expected)


def test_tensorboards_json_is_read_as_its_csv():
    files = [
        HistoryFile(
            each.name.replace(".csv", ".json"),
            json.dumps(
                [[float(cell) for cell in row.split(",")] for row in each.data.decode().split()[2:]]
            ).encode(),
        )
        for each in tensorboard("Keras")
    ]
    assert values(history_import.read_history(files), "accuracy") == pytest.approx(ACCURACY)


def test_files_that_do_not_belong_together_are_refused():
    files = [HistoryFile("a.csv", fastai().encode()), HistoryFile("b.csv", lightning().encode())]
    with pytest.raises(RunError, match="belong together"):
        history_import.read_history(files)
    with pytest.raises(RunError, match="at most 20"):
        history_import.read_history(tensorboard("Keras") * 6)


FOREIGN = table(["t", "a", "b", "c", "d"], zip(range(3), *KERAS.values(), strict=True))
MAPPING = {"loss": "a", "accuracy": "b", "val_loss": "c", "val_accuracy": "d"}


def test_columns_that_are_not_recognized_are_asked_for():
    with pytest.raises(ColumnsError) as caught:
        read(FOREIGN)
    assert caught.value.columns == ("t", "a", "b", "c", "d")
    assert caught.value.missing == ("loss", "val_loss", "val_accuracy")
    assert values(read(FOREIGN, columns=MAPPING), "accuracy") == ACCURACY
    without = {metric: name for metric, name in MAPPING.items() if metric != "accuracy"}
    assert values(read(FOREIGN, columns=without), "accuracy") == [None] * 3


@pytest.mark.parametrize(
    "columns", [{"loss": "gone"}, {"loss": "a", "val_loss": "b", "val_accuracy": "A"}]
)
def test_a_column_that_is_not_there_is_refused(columns):
    with pytest.raises(RunError, match="has no column"):
        read(FOREIGN, columns=columns)


def test_two_losses_of_a_kind_are_not_guessed_between():
    text = table(
        ["epoch", "train/box_loss", "train/cls_loss", "val/box_loss", "val/cls_loss", "val_acc"],
        [[n, 1, 2, 3, 4, 0.5] for n in range(3)],
    )
    with pytest.raises(ColumnsError) as caught:
        read(text)
    assert caught.value.missing == ("loss", "val_loss")


@pytest.mark.parametrize(
    "cells, expected",
    [
        ((51.0, 64.0, 72.0), VAL_ACCURACY),
        (("51%", "64 %", "72.0%"), VAL_ACCURACY),
        ((0.51, 0.64, 1.0), [0.51, 0.64, 1.0]),
        ((0.51, 0.64, 1.0000001), [0.51, 0.64, 1.0000001]),
        ((0.9, 50.0, 100.0), [0.009, 0.5, 1.0]),
    ],
)
def test_percentages_become_fractions(cells, expected):
    rows = zip(LOSS, VAL_LOSS, cells, strict=True)
    history = read(table(["loss", "val_loss", "val_accuracy"], rows))
    assert values(history, "val_accuracy") == pytest.approx(expected)


def test_an_accuracy_above_a_hundred_percent_is_none():
    rows = zip(LOSS, VAL_LOSS, [1, 2, 300], strict=True)
    with pytest.raises(RunError, match="reaches 300"):
        read(table(["loss", "val_loss", "val_accuracy"], rows))


def test_an_epoch_that_was_not_validated_keeps_its_training_values():
    rows = [[0, 0.7, "NA", "NA"], [1, 0.6, 0.65, 0.6], [2, 0.5, "", ""], [3, 0.4, 0.6, 0.7]]
    history = read(table(["epoch", "loss", "val_loss", "val_accuracy"], rows))
    assert values(history, "loss") == [0.7, 0.6, 0.5, 0.4]
    assert values(history, "val_loss") == [None, 0.65, None, 0.6]


def test_a_broken_loss_is_no_missing_one():
    rows = [[0, 0.7, "nan", 0.5], [1, 0.6, "inf", 0.6]]
    history = read(table(["epoch", "loss", "val_loss", "val_accuracy"], rows))
    assert values(history, "val_loss") == [float("inf")] * 2


def test_a_loss_that_is_finite_again_was_only_not_written_down():
    rows = [[0, 0.7, 0.6], [1, "nan", "No log"], [2, 0.5, 0.5], [3, 0.4, "nan"]]
    history = read(table(["epoch", "loss", "val_loss"], rows))
    assert values(history, "loss") == [0.7, 0.5, 0.4]
    assert values(history, "val_loss") == [0.6, 0.5, float("inf")]
    assert history_columns.NO_NUMBERS in [note.message for note in history.notes]


@pytest.mark.parametrize(
    "epochs, counted, is_said",
    [
        ((0, 1, 1, 2), [0, 1, 2], True),  # resumed from epoch 1
        ((0, 1, 2, 1, 2), [0, 1, 2], True),
        ((0, 1, 2, 0, 1), [0, 1, 2, 0, 1], False),  # a second training follows
        ((0, 1, 2, 0, 1, 1, 2), [0, 1, 2, 0, 1, 2], True),
    ],
)
def test_of_an_epoch_that_a_resumed_training_repeats_the_later_counts(epochs, counted, is_said):
    history = read(resumed(*epochs))
    assert values(history, "loss") == [LOSS[n] for n in counted]
    assert [row["epoch"] for row in history.rows] == list(range(len(counted)))
    notes = [note.message for note in history.notes]
    assert (history_columns.REPEATED_EPOCHS in notes) == is_said


def test_validations_after_every_second_epoch_are_of_those():
    history = read(json.dumps({**KERAS, "val_loss": [0.6], "val_accuracy": [0.7]}))
    assert values(history, "val_loss") == [None, None, 0.6]
    four = {"loss": [4, 3, 2, 1], "val_loss": [2.5, 1.5]}
    assert values(read(json.dumps(four)), "val_loss") == [None, 2.5, None, 1.5]


def test_steps_without_validation_and_empty_tables_are_no_epochs():
    for text in ("loss,val_loss,val_accuracy\n", "loss,val_loss,val_accuracy\n,,\n", "[]"):
        with pytest.raises(RunError, match="has no epochs"):
            read(text)


def history_rows(loss, val_loss, val_accuracy):
    return [
        {"epoch": n, "loss": a, "val_loss": b, "val_accuracy": c}
        for n, (a, b, c) in enumerate(zip(loss, val_loss, val_accuracy, strict=True))
    ]


PARTS_OF_A_HISTORY = {
    ("loss", "val_loss"): (history_columns.NO_VALIDATION_ACCURACY, diagnose.STILL_LEARNING),
    ("loss", "accuracy", "val_loss"): (
        history_columns.NO_VALIDATION_ACCURACY,
        diagnose.STILL_LEARNING,
    ),
    ("loss", "accuracy"): (history_columns.NO_LOSSES, diagnose.VALIDATION_LOSS_NEEDED),
    ("loss",): (history_columns.NO_LOSSES, diagnose.VALIDATION_LOSS_NEEDED),
    ("loss", "val_accuracy"): (history_columns.NO_LOSSES, diagnose.VALIDATION_LOSS_NEEDED),
    ("accuracy", "val_accuracy"): (history_columns.NO_LOSSES, diagnose.LOSSES_NEEDED_FOR_GAP),
    ("accuracy",): (history_columns.NO_LOSSES, diagnose.LOSSES_NEEDED),
}


@pytest.mark.parametrize("names", PARTS_OF_A_HISTORY)
def test_a_part_of_a_history_is_judged_as_far_as_it_goes_and_says_what_is_not(names):
    note, message = PARTS_OF_A_HISTORY[names]
    columns = {
        name: [0.7 - 0.03 * n if "loss" in name else 0.55 + 0.02 * n for n in range(12)]
        for name in names
    }
    others = {"lr": [1e-3] * 12, "auc": [0.5] * 12, "val_precision": [0.5] * 12, "time": [9.0] * 12}
    history = read(json.dumps({**columns, **others}))
    assert [set(row) for row in history.rows] == [{"epoch", *names}] * 12
    assert note in [each.message for each in history.notes]
    verdict = diagnose.diagnose(history.rows, diagnose.RunContext(validation_photos=500))
    assert verdict.message == message
    assert all(map(math.isfinite, verdict.numbers.values()))
    assert all(map(str, (verdict, *verdict.remarks, *verdict.steps)))


def test_a_column_that_could_be_what_is_missing_is_asked_for_and_a_choice_is_final():
    text = table(["loss", "val_loss", "val_hits", "hits"], zip(*KERAS.values(), strict=True))
    with pytest.raises(ColumnsError) as caught:
        read(text)
    assert caught.value.missing == ("val_accuracy",)
    assert values(read(text, columns={"loss": "loss"}), "val_accuracy") == [None] * 3
    assert values(read(text, columns={"val_accuracy": "hits"}), "val_accuracy") == VAL_ACCURACY


FALL = [0.7 - 0.03 * n for n in range(20)]
FLAT = [0.001 * (n % 2) for n in range(20)]


@pytest.mark.parametrize(
    "rows, kind, message",
    [
        (
            history_rows(FALL, [abs(0.04 * n - 0.2) + 0.4 for n in range(20)], [0.8] * 20),
            "overfitting",
            diagnose.VAL_LOSS_RISING,
        ),
        (
            history_rows([0.69 + x for x in FLAT], [0.69 + x for x in FLAT], [0.5] * 20),
            "underfitting",
            diagnose.NO_LEARNING_BY_LOSS,
        ),
        (
            history_rows([0.6 + x for x in FLAT], [0.61 + x for x in FLAT], [0.66] * 20),
            "underfitting",
            diagnose.UNDERFITTING_BY_LOSS,
        ),
        (
            history_rows([0.2 + x for x in FLAT], [0.61 + x for x in FLAT], [0.66] * 20),
            "too_short",
            diagnose.ACCURACY_NEEDED,
        ),
        (
            history_rows([0.2 + x for x in FLAT], [0.22 + x for x in FLAT], [0.95] * 20),
            "healthy",
            diagnose.CONVERGED_BY_LOSS,
        ),
        (history_rows([0.7] * 19 + [9.0] * 1, [0.7] * 20, [0.5] * 20), None, None),
        (history_rows([0.7, float("inf")] * 5, [0.7] * 10, [0.5] * 10), "diverged", None),
    ],
)
def test_without_training_accuracy_the_verdict_rests_on_the_losses_and_says_so(rows, kind, message):
    verdict = diagnose.diagnose(rows)
    if kind is not None:
        assert verdict.kind == kind
    if message is not None:
        assert verdict.message == message
        assert "no_training_accuracy" in [remark.id for remark in verdict.remarks]
    assert {"training_accuracy", "gap"}.isdisjoint(verdict.numbers)
    assert all(map(str, (verdict, *verdict.remarks, *verdict.steps)))


def without(rows, *names):
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


RISING = [abs(0.04 * n - 0.2) + 0.4 for n in range(20)]


@pytest.mark.parametrize(
    "rows, kind, message",
    [
        (history_rows(FALL, RISING, FALL), "overfitting", diagnose.VAL_LOSS_RISING),
        (
            history_rows([0.69 + x for x in FLAT], [0.69 + x for x in FLAT], FALL),
            "underfitting",
            diagnose.NO_LEARNING_BY_LOSS_ALONE,
        ),
        (
            history_rows([0.3 + x for x in FLAT], [0.3 + x for x in FLAT], FALL),
            "too_short",
            diagnose.ANY_ACCURACY_NEEDED,
        ),
        (history_rows([0.5] * 9 + [9.0] * 9, [0.7] * 18, [0.5] * 18), "diverged", None),
    ],
)
def test_without_accuracies_the_verdict_rests_on_the_losses(rows, kind, message):
    verdict = diagnose.diagnose(without(rows, "val_accuracy"))
    assert verdict.kind == kind and message in (None, verdict.message)
    assert {"validation_accuracy", "training_accuracy", "gap"}.isdisjoint(verdict.numbers)
    is_remarked = "no_validation_accuracy" in [remark.id for remark in verdict.remarks]
    assert is_remarked == (kind != "diverged")


@pytest.mark.parametrize("level, kind", [(0.6, "underfitting"), (0.99, "healthy"), (0.5, None)])
def test_without_validation_accuracy_training_accuracy_counts(level, kind):
    rows = history_rows([0.3 + x for x in FLAT], [0.3 + x for x in FLAT], FALL)
    rows = [{**row, "accuracy": level} for row in without(rows, "val_accuracy")]
    verdict = diagnose.diagnose(rows)
    assert verdict.kind == kind or verdict.message == diagnose.NO_LEARNING


def test_the_command_takes_columns_and_several_files(workspace, tmp_path, capsys):
    path = tmp_path / "foreign.csv"
    path.write_text(FOREIGN)
    status, _, err = fakes.run_cli(capsys, "diagnose", path)
    assert status == 1 and "--column loss=NAME" in err and err.count("\n") == 1
    flags = [part for pair in MAPPING.items() for part in ("--column", "=".join(pair))]
    status, out, err = fakes.run_cli(capsys, "diagnose", path, *flags, "--json")
    assert (status, json.loads(out)["numbers"]["epochs"]) == (0, 3)
    assert "val_loss = c" in err
    paths = []
    for each in tensorboard("Keras"):
        paths.append(tmp_path / each.name)
        paths[-1].write_bytes(each.data)
    status, out, _ = fakes.run_cli(capsys, "history", *paths, "--name", "board")
    assert status == 0
    assert [row["val_accuracy"] for row in runs.list_runs()[0].epochs] == VAL_ACCURACY


def test_mlflows_files_of_one_metric_each_belong_together(tmp_path):
    files = [
        HistoryFile(
            f"mlruns/0/a/metrics/{name}",
            "".join(f"17000000{n:05d} {value} {n}\n" for n, value in enumerate(values)).encode(),
        )
        for name, values in KERAS.items()
    ]
    assert values(history_import.read_history(files), "val_accuracy") == VAL_ACCURACY
    training = history_import.read_history(files[:2])
    assert (values(training, "loss"), values(training, "accuracy")) == (LOSS, ACCURACY)


@pytest.mark.parametrize("column", ["loss", "speed=a", "=a", "loss="])
def test_a_flag_that_names_no_column_is_refused(workspace, tmp_path, capsys, column):
    path = tmp_path / "foreign.csv"
    path.write_text(FOREIGN)
    status, _, err = fakes.run_cli(capsys, "diagnose", path, "--column", column)
    assert status == 1 and err.count("\n") == 1


def test_a_history_without_training_accuracy_is_shown_everywhere(workspace, tmp_path, capsys):
    path = tmp_path / "fastai.csv"
    path.write_text(fastai())
    assert fakes.run_cli(capsys, "history", path)[0] == 0
    (run,) = runs.list_runs()
    assert fakes.run_cli(capsys, "runs")[0] == 0
    assert fakes.run_cli(capsys, "plot", run.id, tmp_path / "c.png")[0] == 0
    report.write_html_report(run.folder, tmp_path / "r.html")
    assert "validation accuracy is 72.0%" in (tmp_path / "r.html").read_text(encoding="utf-8")
    for page in ("4_Compare", "3_Train", "7_Export"):
        app = fakes.open_page(page, run=run.id, runs=run.id)
        assert not app.exception and not app.error


@pytest.mark.parametrize("names", [("loss", "accuracy"), ("loss", "val_loss")])
def test_a_part_of_a_history_is_shown_everywhere(workspace, tmp_path, capsys, names):
    path = tmp_path / "part.json"
    path.write_text(json.dumps({name: KERAS[name] for name in names}))
    assert fakes.run_cli(capsys, "history", path)[0] == 0
    (run,) = runs.list_runs()
    assert (run.best_epoch is None) == ("val_loss" not in names)
    assert fakes.run_cli(capsys, "runs")[0] == 0
    assert fakes.run_cli(capsys, "plot", run.id, tmp_path / "c.png")[0] == 0
    status, out, _ = fakes.run_cli(capsys, "diagnose", run.id, "--json")
    assert status == 0 and "NaN" not in out
    report.write_html_report(run.folder, tmp_path / "r.html")
    for page in ("4_Compare", "3_Train", "7_Export"):
        app = fakes.open_page(page, run=run.id, runs=run.id)
        assert not app.exception and not app.error


def test_the_page_asks_for_columns_it_does_not_know(workspace):
    page = fakes.open_page("4_Compare")
    page.file_uploader(key="history_file").upload("foreign.csv", FOREIGN.encode(), "text/csv")
    next(b for b in page.button if b.label == "Import").click().run()
    assert not page.exception and "no column that is surely" in fakes.joined_text(page.info)
    page.button(key="history_columns_import").click().run()
    assert "Choose the training loss" in fakes.joined_text(page.info) and not runs.list_runs()
    for metric, name in MAPPING.items():
        page.selectbox(key=f"history_column_{metric}").set_value(name)
    page.button(key="history_columns_import").click().run()
    assert not page.exception and "is now a run" in fakes.joined_text(page.success)
    assert "Columns used" in fakes.joined_text(page.caption)
    assert [row["loss"] for row in runs.list_runs()[0].epochs] == LOSS


def test_the_page_takes_tensorboards_files_together(workspace):
    page = fakes.open_page("4_Compare")
    files = [(each.name, each.data, "text/csv") for each in tensorboard("Keras")]
    page.file_uploader(key="history_file").set_value(files)
    next(b for b in page.button if b.label == "Import").click().run()
    assert not page.exception and "is now a run" in fakes.joined_text(page.success)
    assert [row["accuracy"] for row in runs.list_runs()[0].epochs] == ACCURACY
