"""What the Learn page teaches, as data: sections, glossary, quiz, and the sums behind them."""
