"""What the pages share: start-up, forms, galleries, charts, words in two languages."""
