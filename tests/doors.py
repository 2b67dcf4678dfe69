"""How a door must answer to what is bad: one sentence, on a page and on the command line."""

from typing import Any

from streamlit.testing.v1 import AppTest

BUG = "inside the lab"  # how a page and a command tell of a mistake of their own


def one_sentence(app: AppTest) -> str:
    """The one error on a page."""
    assert not app.exception
    texts = [element.value for element in app.error]
    assert len(texts) == 1, texts
    assert BUG not in texts[0] and "Traceback" not in texts[0] and "\n" not in texts[0].strip()
    return texts[0]


def failed_clearly(told: tuple[int, Any, str]) -> bool:
    """Whether a command failed, and then with one line."""
    status, _, err = told
    assert status in (0, 1)
    if status:
        last = err.strip().splitlines()
        assert last[-1].startswith("Error: ") and BUG not in err and "Traceback" not in err, err
        assert "error of its own" not in err, err
        assert len([line for line in last if line.startswith("Error: ")]) == 1
    return status == 1
