"""What the Learn page teaches, as data: sections, glossary, quiz, and the sums behind them."""

from .curriculum import CHAPTERS, SECTIONS, DemoLink, QuizQuestion, Section
from .glossary import TERMS, Term

__all__ = [
    "CHAPTERS",
    "SECTIONS",
    "TERMS",
    "DemoLink",
    "QuizQuestion",
    "Section",
    "Term",
]
